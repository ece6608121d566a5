"""What a full trace and a full attribution cost on top of bare generation, and what nnsight and Captum need.

One run, one process, full-size random musicgen-small and a full-size random CLAP. Every cost is a ratio to bare
``generate``.

    python -m benchmarks.overhead [--seconds 5] [--repeats 6] [--duels 24]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.full_size import LABELS, PROMPT, full_size_generator, full_size_judge, parameters, zero_means
from benchmarks.kept_results import keep
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import Metric, Playback, margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.runtime.memory import attribution_bytes
from tonescope.diagnose.store.traces import Trace, TraceSpec, record
from tonescope.models.families.musicgen import delay
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges.clap import Clap
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Location

SAMPLING = Sampling()


def bare(generator: MusicGen, takes: int, seconds: float) -> Tensor:
    """transformers' own generation, sampling and decoding included, nothing of ours."""
    batch = generator.reader.tokenizer([PROMPT] * takes, return_tensors="pt")
    torch.manual_seed(1)
    sound: Tensor = generator.model.generate(
        **batch,
        do_sample=True,
        guidance_scale=SAMPLING.guidance,
        top_k=SAMPLING.top_k,
        max_new_tokens=delay.positions_for(generator.frames(seconds), generator.delay),
        max_length=None,
    )
    return sound


class NnsightRecord:
    """The same record (mean over time of every neuron, and of every head's length, both branches) in an nnsight
    trace of the same replay."""

    def __init__(self, generator: MusicGen) -> None:
        from nnsight import NNsight

        self.generator, self.wrapped = generator, NNsight(generator.model.decoder)

    def __call__(self, takes: Takes) -> dict[str, Tensor]:
        """Values (rows, units) in half precision by layer and site."""
        ids, states, mask = _inputs(self.generator, takes)
        width = self.generator.head_width(Location("decoder", 0, "self"))
        reads = {"encoder_hidden_states": states, "encoder_attention_mask": mask}
        saved = {}
        with torch.no_grad(), self.wrapped.trace(input_ids=ids, use_cache=False, **reads):
            for index, layer in enumerate(self.wrapped.model.decoder.layers):
                heads = layer.self_attn.out_proj.input.unflatten(-1, (-1, width))
                saved[f"{index}.self"] = heads.norm(dim=-1).mean(1).half().save()
                heads = layer.encoder_attn.out_proj.input.unflatten(-1, (-1, width))
                saved[f"{index}.cross"] = heads.norm(dim=-1).mean(1).half().save()
                saved[f"{index}.mlp"] = layer.fc2.input.mean(1).half().save()
        return dict(saved)


def _inputs(generator: MusicGen, takes: Takes) -> tuple[Tensor, Tensor, Tensor]:
    """The decoder's inputs for both branches of a replay as transformers would lay them out: codes, text, its mask."""
    text = generator.read_text(takes.prompts)
    ids = delay.delayed(takes.state["codes"], generator.delay, generator.pad)[:, :, :-1]
    ids = torch.cat([ids, ids]).reshape(-1, ids.shape[2])
    states, mask = (torch.cat([part, torch.zeros_like(part)]) for part in (text.states, text.mask))
    return ids, states, mask


def as_laid_out(generator: MusicGen) -> MusicGen:
    """The same model without our way of leaving out what is read of the empty prompt, which others do not have."""
    plain = copy(generator)
    plain.skippable_attention = []
    return plain


def with_captum(generator: MusicGen, metric: Metric, takes: Takes) -> list[Tensor]:
    """The same attribution (gradient x (activation - baseline) of every neuron and head) with Captum's layer method."""
    from captum.attr import LayerGradientXActivation

    generator = as_laid_out(generator)
    text = generator.read_text(takes.prompts)

    def forward(states: Tensor) -> Tensor:
        return metric(Playback(generator, generator.replay(takes, replace(text, states=states), SAMPLING)))

    modules = [generator.place(location).module for location in generator.locations(*ATTRIBUTED)]
    method = LayerGradientXActivation(forward, modules)
    found = method.attribute(text.states.detach().clone().requires_grad_(), attribute_to_layer_input=True)
    return [part[0].sum(1) if isinstance(part, tuple) else part.sum(1) for part in found]


Work = dict[str, Callable[[], Any]]
Spent = dict[str, float]
"""Seconds by piece of work."""

WHOLE = "generate + full trace + full attribution"
PARTS = ("our generate", "full trace and attribution")
BARE = "bare generate"


def rounds(work: Work, repeats: int) -> list[Spent]:
    """Every piece of work, in turn, ``repeats`` times; every other round goes backwards."""
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


def duel(theirs: Callable[[], Any], ours: Callable[[], Any], repeats: int) -> dict[str, float]:
    """How much longer theirs takes than ours: the median ratio over many rounds, and its 95 % bootstrap interval."""
    ratios = np.array([spent["theirs"] / spent["ours"] for spent in rounds({"theirs": theirs, "ours": ours}, repeats)])
    drawn = np.median(np.random.default_rng(0).choice(ratios, (4000, len(ratios))), 1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"median": float(np.median(ratios)), "low": float(low), "high": float(high)}


def over_bare(spent: Sequence[Spent], *parts: str) -> dict[str, float]:
    """Ratio of the time of ``parts`` to that of bare generation, round by round: median, lowest, highest."""
    ratios = [sum(one[part] for part in parts) / one[BARE] for one in spent]
    return {"median": median(ratios), "lowest": min(ratios), "highest": max(ratios)}


@dataclass(frozen=True)
class Bench:
    """What is measured, and how it is called."""

    generator: MusicGen
    judge: Clap
    seconds: float

    @cached_property
    def context(self) -> Context:
        """The generator with means of zero."""
        return Context(self.generator, means=zero_means(self.generator), sampling=SAMPLING, seconds=self.seconds)

    @cached_property
    def metric(self) -> Metric:
        """The judge's log-odds of one label over another."""
        return margin(self.judge, *LABELS[:2])

    def play(self, count: int) -> Takes:
        """So many takes."""
        return self.generator.generate([PROMPT] * count, range(count), self.seconds, SAMPLING)

    def attribute(self, takes: Takes, trace: TraceSpec | None = None) -> Attribution:
        """The attribution of every unit."""
        return attribute(self.context, takes, self.metric, trace=trace)

    def record(self, takes: Takes) -> Trace:
        """A trace of means over time."""
        return record(self.context, takes, spec=TraceSpec("mean"))

    def captum(self, takes: Takes) -> list[Tensor]:
        """The attribution with Captum."""
        return with_captum(self.generator, self.metric, takes)


def measure(bench: Bench, count: int, repeats: int) -> tuple[list[dict[str, Any]], list[Spent]]:
    """Everything in turn: rows of ratios to bare generation, and the seconds behind those; the first round is cold."""
    takes = replace(bench, seconds=0.2).play(count)

    def ours() -> None:
        nonlocal takes
        takes = bench.play(count)

    work: Work = {
        BARE: lambda: bare(bench.generator, count, bench.seconds),
        PARTS[0]: ours,
        PARTS[1]: lambda: bench.attribute(takes, TraceSpec("all")),
    }
    if count == 1:
        nnsight = NnsightRecord(bench.generator)
        work |= {
            "pooled trace and attribution": lambda: bench.attribute(takes, TraceSpec("mean")),
            "attribution": lambda: bench.attribute(takes),
            "attribution, captum": lambda: bench.captum(takes),
            "record": lambda: bench.record(takes),
            "record, nnsight": lambda: nnsight(takes),
            "memory estimate": lambda: attribution_bytes(bench.context, PROMPT, bench.metric),
        }
    cold, *warm = rounds(work, 1 + repeats)
    rows = []
    for name, parts in {**{name: (name,) for name in work}, WHOLE: PARTS}.items():
        row = {"takes": count, "what": name, **over_bare(warm, *parts)}
        if count == 1:  # later the process is warm
            row["cold"] = over_bare([cold], *parts)["median"]
        rows.append(row)
    return rows, warm


def disagreement(bench: Bench) -> dict[str, float]:
    """Largest difference between our numbers and those of the other libraries, relative to the largest number."""
    generator = bench.generator
    takes = replace(bench, seconds=1.0).play(1)
    found = bench.attribute(takes, TraceSpec("mean"))
    attributed, recorded = [], []
    theirs, nnsight = bench.captum(takes), NnsightRecord(generator)(takes)
    assert found.trace is not None
    with torch.no_grad():
        for location, summed in zip(generator.locations(*ATTRIBUTED), theirs, strict=True):
            ours = found.units[location][0]
            captum = -summed.sum(0).unflatten(0, (-1, generator.head_width(location))).sum(1)
            attributed.append(float((ours - captum).abs().max() / ours.abs().max()))
            value = nnsight[f"{location.layer}.{location.name}"].float()
            kept = torch.zeros_like(value)  # where no empty prompt is read, we keep no zeros
            recording = found.trace.values[location][0, :, 0].float()
            kept[: len(recording)] = recording
            recorded.append(float((kept - value).abs().max() / kept.abs().max()))
    return {"attribution_differs_from_captum": max(attributed), "record_differs_from_nnsight": max(recorded)}


def main() -> None:
    """One take, with the other libraries beside; then four takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--duels", type=int, default=24, help="rounds of every other library against ours")
    arguments = parser.parse_args()
    bench = Bench(full_size_generator(), full_size_judge(), arguments.seconds)
    rows, warm = measure(bench, 1, arguments.repeats)  # first: the process is cold
    differences = disagreement(bench)
    rows += measure(bench, 4, min(2, arguments.repeats))[0]
    takes, nnsight = bench.play(1), NnsightRecord(bench.generator)
    rivals = {
        "record, nnsight": duel(lambda: nnsight(takes), lambda: bench.record(takes), arguments.duels),
        "attribution, captum": duel(lambda: bench.captum(takes), lambda: bench.attribute(takes), arguments.duels),
    }
    ratio = over_bare(warm, *PARTS)
    about = {
        "seconds": arguments.seconds,
        "generator_parameters": parameters(bench.generator.model),
        "judge_parameters": parameters(bench.judge.model),
        "ratio": ratio["median"],
        "ratio_lowest": ratio["lowest"],
        "ratio_highest": ratio["highest"],
        "nnsight_over_ours_record": rivals["record, nnsight"]["median"],
        "captum_over_ours_attribution": rivals["attribution, captum"]["median"],
        "rivals_over_ours": rivals,
    }
    keep("overhead", rows, about | differences, packages=("nnsight", "captum"))


if __name__ == "__main__":
    main()
