"""What a full trace and a full attribution cost on top of bare generation, and what nnsight and Captum need for the same.

One run, one process, full-size random musicgen-small and a full-size random CLAP. Every cost is a ratio to bare ``generate``.

    python -m benchmarks.overhead [--seconds 5] [--repeats 6]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from copy import copy
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.common import PROMPT, full_size_generator, full_size_judge, keep, parameters
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import Playback, margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.mean_activations import ATTRIBUTED, MeanActivations
from tonescope.diagnose.runtime.memory import attribution_bytes
from tonescope.diagnose.store.traces import TraceSpec, record
from tonescope.models.families.musicgen import delay
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Location

LABELS = ("w1", "w2")


def bare(generator: Generator, takes: int, seconds: float) -> torch.Tensor:
    """transformers' own generation, sampling and decoding included, nothing of ours."""
    batch = generator.tokenizer([PROMPT] * takes, return_tensors="pt")
    torch.manual_seed(1)
    steps = delay.positions_for(delay.frames_in(seconds, generator.frame_rate), generator.delay)
    return generator.model.generate(
        **batch, do_sample=True, guidance_scale=3.0, top_k=250, max_new_tokens=steps, max_length=None
    )


def no_reference(generator: Generator) -> MeanActivations:
    """Means of zero: measuring them is done once for a model and is not part of a diagnosis."""
    means = {
        location: torch.zeros(generator.branches(location, 3.0), generator.features(location))
        for location in generator.locations(*ATTRIBUTED)
    }
    return MeanActivations(means, {"guidance": 3.0})


class NnsightRecord:
    """The same record (mean over time of every neuron, and of every head's length, both branches) in an nnsight trace of the same replay."""

    def __init__(self, generator: Generator) -> None:
        from nnsight import NNsight

        self.generator, self.wrapped = generator, NNsight(generator.model.decoder)

    def __call__(self, takes: Takes) -> dict[str, torch.Tensor]:
        """Values (rows, units) in half precision by layer and site."""
        ids, text = _inputs(self.generator, takes)
        width = self.generator.head_width(Location("decoder", 0, "self"))
        saved = {}
        with (
            torch.no_grad(),
            self.wrapped.trace(
                input_ids=ids, encoder_hidden_states=text[0], encoder_attention_mask=text[1], use_cache=False
            ),
        ):
            for index, layer in enumerate(self.wrapped.model.decoder.layers):
                heads = layer.self_attn.out_proj.input.unflatten(-1, (-1, width))
                saved[f"{index}.self"] = heads.norm(dim=-1).mean(1).half().save()
                heads = layer.encoder_attn.out_proj.input.unflatten(-1, (-1, width))
                saved[f"{index}.cross"] = heads.norm(dim=-1).mean(1).half().save()
                saved[f"{index}.mlp"] = layer.fc2.input.mean(1).half().save()
        return dict(saved)


def _inputs(generator: Generator, takes: Takes) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """The decoder's inputs for both branches of a replay, as transformers itself would lay them out."""
    text = generator.read_text(takes.prompts)
    ids = delay.delayed(takes.state["codes"], generator.delay, generator.pad)[:, :, :-1]
    ids = torch.cat([ids, ids]).reshape(-1, ids.shape[2])
    states = torch.cat([text.states, torch.zeros_like(text.states)])
    return ids, (states, torch.cat([text.mask, torch.zeros_like(text.mask)]))


def as_laid_out(generator: Generator) -> Generator:
    """The same model without our way of leaving out what is read of the empty prompt, which others do not have."""
    plain = copy(generator)
    plain.skippable_attention = []
    return plain


def with_captum(generator: Generator, judge: Judge, takes: Takes) -> list[torch.Tensor]:
    """The same attribution (gradient x (activation - baseline) of every neuron and head) with Captum's layer method."""
    from captum.attr import LayerGradientXActivation

    generator = as_laid_out(generator)
    playback = Playback(generator, takes.state["codes"], generator.read_text(takes.prompts))
    metric = margin(judge, *LABELS)

    def forward(states: torch.Tensor) -> torch.Tensor:
        text = type(playback.text)(states, playback.text.mask, playback.text.tokens, playback.text.spans)
        return metric(Playback(generator, takes.state["codes"], text))

    modules = [generator.place(location).module for location in generator.locations(*ATTRIBUTED)]
    method = LayerGradientXActivation(forward, modules)
    found = method.attribute(playback.text.states.clone().requires_grad_(), attribute_to_layer_input=True)
    return [part[0].sum(1) if isinstance(part, tuple) else part.sum(1) for part in found]


Work = dict[str, Callable[[], Any]]


def rounds(work: Work, repeats: int) -> list[dict[str, float]]:
    """Seconds of every piece of work, in turn, ``repeats`` times; every other round goes backwards."""
    found = []
    for repeat in range(repeats):
        spent = {}
        for name in list(work)[:: -1 if repeat % 2 else 1]:
            started = time.perf_counter()
            work[name]()
            spent[name] = time.perf_counter() - started
        found.append(spent)
        print({name: round(seconds, 2) for name, seconds in spent.items()}, flush=True)
    return found


WHOLE = "generate + full trace + full attribution"
PARTS = ("our generate", "full trace and attribution")


def duel(work: Work, repeats: int) -> dict[str, float]:
    """How much longer the first of two pieces of work takes than the second: the median ratio over many rounds, and its 95 % bootstrap interval."""
    rival, own = work
    ratios = np.array([spent[rival] / spent[own] for spent in rounds(work, repeats)])
    drawn = np.median(np.random.default_rng(0).choice(ratios, (4000, len(ratios))), 1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"median": float(np.median(ratios)), "low": float(low), "high": float(high)}


def over(rounds: list[dict[str, float]], parts: Sequence[str], base: str) -> dict[str, float]:
    """Ratio of the time of ``parts`` to that of ``base``, round by round: median, lowest, highest."""
    ratios = [sum(spent[part] for part in parts) / spent[base] for spent in rounds]
    return {"median": median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def measure(
    generator: Generator, judge: Judge, count: int, seconds: float, repeats: int
) -> tuple[list[dict[str, Any]], list[dict[str, float]]]:
    """Everything in turn; rows of ratios to bare generation, and the seconds behind them, the first round (cold) apart."""
    means, metric = no_reference(generator), margin(judge, *LABELS)
    prompts, seeds = [PROMPT] * count, list(range(count))
    takes = generator.generate(prompts, seeds, 0.2)

    def ours() -> None:
        nonlocal takes
        takes = generator.generate(prompts, seeds, seconds)

    work: Work = {
        "bare generate": lambda: bare(generator, count, seconds),
        "our generate": ours,
        "full trace and attribution": lambda: attribute(
            Context(generator, means=means), takes, metric, trace=TraceSpec("all")
        ),
    }
    if count == 1:
        nnsight = NnsightRecord(generator)
        work |= {
            "pooled trace and attribution": lambda: attribute(Context(generator, means=means), takes, metric, trace=TraceSpec("mean")),
            "attribution": lambda: attribute(Context(generator, means=means), takes, metric),
            "attribution, captum": lambda: with_captum(generator, judge, takes),
            "record": lambda: record(Context(generator), takes, spec=TraceSpec("mean")),
            "record, nnsight": lambda: nnsight(takes),
            "memory estimate": lambda: attribution_bytes(generator, PROMPT, metric, seconds, 3.0),
        }  # fmt: skip
    cold, *warm = rounds(work, 1 + repeats)
    rows: list[dict[str, Any]] = [
        {"takes": count, "what": name, **over(warm, [name], "bare generate"), "cold": over([cold], [name], "bare generate")["median"]}
        for name in work
    ]  # fmt: skip
    whole = over(warm, PARTS, "bare generate") | {"cold": over([cold], PARTS, "bare generate")["median"]}
    rows.append({"takes": count, "what": WHOLE, **whole})
    if count > 1:  # by then the process is warm
        for row in rows:
            del row["cold"]
    return rows, warm


def disagreement(generator: Generator, judge: Judge, seconds: float = 1.0) -> dict[str, float]:
    """Largest difference between our numbers and those of the other libraries, relative to the largest number."""
    takes = generator.generate([PROMPT], [0], seconds)
    found = attribute(
        Context(generator, means=no_reference(generator)), takes, margin(judge, *LABELS), trace=TraceSpec("mean")
    )
    attributed, recorded = [], []
    nnsight = NnsightRecord(generator)(takes)
    assert found.trace is not None
    with torch.no_grad():
        for location, theirs in zip(
            generator.locations(*ATTRIBUTED), with_captum(generator, judge, takes), strict=True
        ):
            ours = found.units[location][0]
            summed = -theirs.sum(0).unflatten(0, (-1, generator.head_width(location))).sum(1)
            attributed.append(float((ours - summed).abs().max() / ours.abs().max()))
            value = nnsight[f"{location.layer}.{location.name}"].float()
            kept = torch.zeros_like(value)  # where no empty prompt is read, we keep no zeros
            ours = found.trace.values[location][0].float()
            kept[: len(ours)] = ours
            recorded.append(float((kept - value).abs().max() / kept.abs().max()))
    return {"attribution_differs_from_captum": max(attributed), "record_differs_from_nnsight": max(recorded)}


def main() -> None:
    """One take, with the other libraries beside; then four takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--duels", type=int, default=24, help="rounds of every other library against ours")
    arguments = parser.parse_args()
    generator, judge = full_size_generator(), full_size_judge()
    rows, warm = measure(generator, judge, 1, arguments.seconds, arguments.repeats)  # first: the process is cold
    differences = disagreement(generator, judge)
    rows += measure(generator, judge, 4, arguments.seconds, 2)[0]
    ratio = over(warm, PARTS, "bare generate")
    takes, nnsight = generator.generate([PROMPT], [0], arguments.seconds), NnsightRecord(generator)
    means, metric = no_reference(generator), margin(judge, *LABELS)
    rivals = {
        "record, nnsight": duel(
            {"theirs": lambda: nnsight(takes), "ours": lambda: record(Context(generator), takes, spec=TraceSpec("mean"))}, arguments.duels
        ),
        "attribution, captum": duel(
            {"theirs": lambda: with_captum(generator, judge, takes), "ours": lambda: attribute(Context(generator, means=means), takes, metric)},
            arguments.duels,
        ),
    }  # fmt: skip
    about = {
        "seconds": arguments.seconds, "generator_parameters": parameters(generator.model), "judge_parameters": parameters(judge.model),
        "ratio": ratio["median"], "ratio_lowest": ratio["lowest"], "ratio_highest": ratio["highest"],
        "nnsight_over_ours_record": rivals["record, nnsight"]["median"],
        "captum_over_ours_attribution": rivals["attribution, captum"]["median"],
        "rivals_over_ours": rivals,
    }  # fmt: skip
    keep("overhead", rows, about | differences, ("nnsight", "captum"))


if __name__ == "__main__":
    main()
