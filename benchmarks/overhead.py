"""What a full trace and a full attribution cost on top of bare generation, and what nnsight and Captum need for the same.

One run, one process, full-size random musicgen-small and a full-size random CLAP. Every cost is a ratio to bare ``generate``.

    python -m benchmarks.overhead [--seconds 5] [--repeats 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from tonescope.diagnose.attribution import attribute
from tonescope.diagnose.memory import attribution_bytes
from tonescope.diagnose.metrics import Playback, margin
from tonescope.diagnose.reference import ATTRIBUTED, Reference
from tonescope.diagnose.trace import Keep, record
from tonescope.models import delay
from tonescope.models.generator import Generator, Takes
from tonescope.models.judge import Judge
from tonescope.models.units import Location

from benchmarks.common import PROMPT, full_size_generator, full_size_judge, keep, parameters

LABELS = ("w1", "w2")


def bare(generator: Generator, takes: int, seconds: float) -> torch.Tensor:
    """transformers' own generation, sampling and decoding included, nothing of ours."""
    batch = generator.tokenizer([PROMPT] * takes, return_tensors="pt")
    torch.manual_seed(1)
    steps = delay.positions_for(delay.frames_in(seconds, generator.frame_rate), generator.delay)
    return generator.model.generate(
        **batch, do_sample=True, guidance_scale=3.0, top_k=250, max_new_tokens=steps, max_length=None
    )


def no_reference(generator: Generator) -> Reference:
    """Means of zero: measuring them is done once for a model and is not part of a diagnosis."""
    means = {
        location: torch.zeros(generator.branches(location, 3.0), generator.features(location))
        for location in generator.locations(*ATTRIBUTED)
    }
    return Reference(means, {"guidance": 3.0})


def with_nnsight(generator: Generator, takes: Takes) -> dict[str, torch.Tensor]:
    """The same record (mean over time of every neuron and head, both branches) in an nnsight trace of the same replay."""
    from nnsight import NNsight

    wrapped = NNsight(generator.model.decoder)
    ids, text = _inputs(generator, takes)
    saved = {}
    with (
        torch.no_grad(),
        wrapped.trace(input_ids=ids, encoder_hidden_states=text[0], encoder_attention_mask=text[1], use_cache=False),
    ):
        for index, layer in enumerate(wrapped.model.decoder.layers):
            saved[f"{index}.self"] = layer.self_attn.out_proj.input.mean(1).save()
            saved[f"{index}.cross"] = layer.encoder_attn.out_proj.input.mean(1).save()
            saved[f"{index}.mlp"] = layer.fc2.input.mean(1).save()
    return {name: value.half() for name, value in saved.items()}


def _inputs(generator: Generator, takes: Takes) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """The decoder's inputs for both branches of a replay, as transformers itself would lay them out."""
    text = generator.read_text(takes.prompts)
    ids = delay.delayed(takes.codes, generator.delay, generator.pad)[:, :, :-1]
    ids = torch.cat([ids, ids]).reshape(-1, ids.shape[2])
    states = torch.cat([text.states, torch.zeros_like(text.states)])
    return ids, (states, torch.cat([text.mask, torch.zeros_like(text.mask)]))


def with_captum(generator: Generator, judge: Judge, takes: Takes) -> list[torch.Tensor]:
    """The same attribution (gradient x (activation - baseline) of every neuron and head) with Captum's layer method."""
    from captum.attr import LayerGradientXActivation

    playback = Playback(generator, takes.codes, generator.read_text(takes.prompts))
    metric = margin(judge, *LABELS)

    def forward(states: torch.Tensor) -> torch.Tensor:
        text = type(playback.text)(states, playback.text.mask, playback.text.tokens, playback.text.spans)
        return metric(Playback(generator, takes.codes, text))

    modules = [generator.place(location).module for location in generator.locations(*ATTRIBUTED)]
    method = LayerGradientXActivation(forward, modules)
    found = method.attribute(playback.text.states.clone().requires_grad_(), attribute_to_layer_input=True)
    return [part[0].sum(1) if isinstance(part, tuple) else part.sum(1) for part in found]


class Stopwatch:
    """Seconds of every piece of work: the first time apart, because it pays for page faults and caches."""

    def __init__(self) -> None:
        self.cold: dict[str, float] = {}
        self.warm: dict[str, list[float]] = {}

    def __call__(self, name: str, work: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
        """Do the work and note how long it took."""
        started = time.perf_counter()
        result = work(*inputs, **options)
        spent = time.perf_counter() - started
        if name in self.cold:
            self.warm.setdefault(name, []).append(spent)
        else:
            self.cold[name] = spent
        print(f"{name}: {spent:.2f} s", flush=True)
        return result


def measure(generator: Generator, judge: Judge, count: int, seconds: float, repeats: int) -> list[dict[str, Any]]:
    """Everything in turn, ``repeats`` times warm, as ratios to bare generation."""
    reference, metric, watch = no_reference(generator), margin(judge, *LABELS), Stopwatch()
    prompts, seeds = [PROMPT] * count, list(range(count))
    for _ in range(1 + repeats):
        watch("bare generate", bare, generator, count, seconds)
        takes = watch("our generate", generator.generate, prompts, seeds, seconds)
        watch("trace and attribution", attribute, generator, takes, metric, reference, keep=Keep("mean"))
        if count == 1:
            watch("memory estimate", attribution_bytes, generator, PROMPT, metric, seconds, 3.0)
            watch("attribution", attribute, generator, takes, metric, reference)
            watch("attribution, captum", with_captum, generator, judge, takes)
            watch("record", record, generator, takes, keep=Keep("mean"))
            watch("record, nnsight", with_nnsight, generator, takes)
    base, first = median(watch.warm["bare generate"]), watch.cold["bare generate"]
    rows: list[dict[str, Any]] = [
        {
            "takes": count, "what": name, "warm_over_bare": median(times) / base, "cold_over_bare": watch.cold[name] / first,
            "warm_spread": f"{min(times) / base:.3f}–{max(times) / base:.3f}",
        }
        for name, times in watch.warm.items()
    ]  # fmt: skip
    parts = ("our generate", "trace and attribution")
    return [
        *rows,
        {
            "takes": count,
            "what": "generate + full trace + full attribution",
            "warm_over_bare": sum(median(watch.warm[part]) for part in parts) / base,
            "cold_over_bare": sum(watch.cold[part] for part in parts) / first,
        },
    ]


def disagreement(generator: Generator, judge: Judge, seconds: float = 1.0) -> dict[str, float]:
    """Largest difference between our numbers and those of the other libraries, relative to the largest number."""
    takes = generator.generate([PROMPT], [0], seconds)
    found = attribute(generator, takes, margin(judge, *LABELS), no_reference(generator), keep=Keep("mean"))
    attributed, recorded = [], []
    with torch.no_grad():
        for location, theirs in zip(
            generator.locations(*ATTRIBUTED), with_captum(generator, judge, takes), strict=True
        ):
            ours = found.units[location][0]
            summed = -theirs.sum(0).unflatten(0, (-1, generator.head_width(location))).sum(1)
            attributed.append(float((ours - summed).abs().max() / ours.abs().max()))
        assert found.trace is not None
        for name, value in with_nnsight(generator, takes).items():
            layer, site = name.split(".")
            location = Location("decoder", int(layer), site)
            vectors = value.float().unflatten(1, (-1, generator.head_width(location)))
            if site == "mlp":  # heads are recorded by their length, which a mean over time does not give back
                kept = found.trace.values[location][0].float()
                recorded.append(float((kept - vectors[..., 0]).abs().max() / kept.abs().max()))
    return {"attribution_differs_from_captum": max(attributed), "record_differs_from_nnsight": max(recorded)}


def main() -> None:
    """One take, with the other libraries beside; then four takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    generator, judge = full_size_generator(), full_size_judge()
    rows = measure(generator, judge, 1, arguments.seconds, arguments.repeats)
    rows += measure(generator, judge, 4, arguments.seconds, 1)
    found = {(row["takes"], row["what"]): row["warm_over_bare"] for row in rows}
    about = {
        "seconds": arguments.seconds, "generator_parameters": parameters(generator.model), "judge_parameters": parameters(judge.model),
        "ratio": found[1, "generate + full trace + full attribution"],
        "nnsight_over_ours_record": found[1, "record, nnsight"] / found[1, "record"],
        "captum_over_ours_attribution": found[1, "attribution, captum"] / found[1, "attribution"],
    }  # fmt: skip
    about |= disagreement(generator, judge)
    keep("overhead", rows, about, ("nnsight", "captum"))


if __name__ == "__main__":
    main()
