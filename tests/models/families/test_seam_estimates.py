"""The seam holds: estimates, traces and memory, the same invariants for every family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests import tiny
from tests.models.families.seam import (
    GUIDANCE,
    PIPELINES,
    PROMPT,
    SECONDS,
    playing,
    recorded,
    sites_of,
)
from tests.models.families.stable_audio import tiny_stable_audio
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import Metric, Playback, log_probability, margin
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.store.traces import Extent, Trace, TraceSpec, record, size_of
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.families.stable_audio.stable_audio import StableAudio
from tonescope.models.generator import Generator, Sampling, Takes, read_takes
from tonescope.models.hooks import Hook, hooked, write
from tonescope.models.sites import ATTRIBUTED, SITES
from tonescope.models.units import Location, Unit


class _DoubleAudio(StableAudio):
    """Without what is computed in single precision whatever a model's own is: the rotation of heads by their position,
    and the variance in T5's norms."""

    @classmethod
    def of(cls, made: StableAudio) -> StableAudio:
        made.__class__ = cls
        for norm in made.model.text_encoder.modules():
            if type(norm).__name__ == "T5LayerNorm":
                norm.forward = partial(cls._normed, norm)
        return made

    @staticmethod
    def _normed(norm: Any, states: Tensor) -> Tensor:
        return norm.weight * states * (states.square().mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()

    def denoise(self, latents: Tensor, times: Tensor, told: dict[str, Tensor]) -> Tensor:
        return self.model.transformer(latents, times, return_dict=False, **told)[0]  # type: ignore[no-any-return]


def _double(family: str) -> Generator:
    if family == "diffusion":
        return ToyDiffusion(ToyModel().double(), "double")
    if family == "stable audio":
        return _DoubleAudio.of(tiny_stable_audio.generator(dtype=torch.float64))
    return MusicGen(tiny.musicgen(**tiny.FAMILIES[family]).double(), tiny.tokenizer(), "double")  # type: ignore[arg-type]


def _moved(generator: Generator, unit: Unit, part: float, means: MeanActivations) -> Hook:
    """The unit goes so far of the way to its mean."""
    width, location = generator.head_width(unit.location), unit.location
    columns = slice(unit.index * width, (unit.index + 1) * width)

    def change(tensor: Tensor) -> Tensor:
        layout = generator.layout(location, GUIDANCE)
        canonical = layout.split(tensor).clone()
        here = slice(layout.first_step, layout.first_step + layout.steps)
        there = means.values[location][:, None, here, None, columns]
        canonical[..., columns] += layout.counted(part * (there - canonical[..., columns]))
        return layout.merge(canonical, tensor)

    return write(generator.place(location), change)


def _random_means(generator: Generator) -> MeanActivations:
    random = torch.Generator().manual_seed(0)

    def of(location: Location) -> Tensor:
        shape = len(generator.branches(location, GUIDANCE)), generator.steps(location), generator.features(location)
        return torch.randn(shape, generator=random, dtype=torch.float64)

    return MeanActivations({location: of(location) for location in playing(generator)}, {})


def _slope(number, unit: Unit, generator: Generator, means: MeanActivations, size: float = 1e-3) -> float:
    values = []
    for part in (size, -size):
        with torch.no_grad(), hooked([_moved(generator, unit, part, means)]):
            values.append(float(number()))
    return (values[0] - values[1]) / (2 * size)


def _step(family: str) -> float:
    """So small that hardly a ReLU turns; MusicGen's T5 has norms in single precision, which need a longer one."""
    return 1e-5 if family == "stable audio" else 1e-3


METRICS: dict[str, Metric] = {
    "margin": margin(ToyJudge(dtype=torch.float64), "dark", "bright"),
    "log-probability": log_probability("house music with drums"),
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
@pytest.mark.parametrize("family", ["mono", "stereo", "melody", "diffusion", "stable audio"])
def test_the_estimate_is_the_slope_towards_the_reference(family: str, metric: Metric) -> None:
    """Moving a unit a little of the way to its mean changes the metric by that part of its estimate."""
    generator = _double(family)
    take, means = generator.generate([PROMPT], [1], SECONDS), _random_means(generator)
    heard = [key for key in sites_of(generator) if metric is METRICS["margin"] or not key.startswith("codec")]
    if family == "melody" and metric is METRICS["log-probability"]:
        heard = [key for key in heard if not key.startswith("text")]  # the other prompt has another length
    found = attribute(Context(generator, means=means), take, metric, sites=heard)

    def replayed() -> Playback:
        return Playback(generator, generator.replay(take, generator.read_text([PROMPT]), Sampling()))

    with torch.no_grad():
        clean = generator.expected(replayed().replay)
    for place in {location.site: location for location in generator.locations(*heard)}.values():
        for index in (0, generator.units(place) - 1):
            unit = Unit(place, index)
            slope = _slope(lambda: metric(replace(replayed(), anchor=clean)), unit, generator, means, _step(family))
            assert float(found.units[place][0, index]) == pytest.approx(slope, rel=2e-3, abs=1e-7), unit
        assert float(found.units[place].abs().max()) > 1e-6


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
@pytest.mark.parametrize("family", [family for family in PIPELINES if family != "stable audio"])
def test_the_largest_estimates_are_slopes_where_norms_are_in_single_precision(family: str, metric: Metric) -> None:
    """These transformers compute norms and rotations in single precision whatever their own is, so that small slopes
    drown in rounding."""
    generator = PIPELINES[family].generator()
    generator.model.double()
    take, means = generator.generate([PROMPT], [1], SECONDS), _random_means(generator)
    heard = [key for key in sites_of(generator) if metric is METRICS["margin"] or not key.startswith("codec")]
    found = attribute(Context(generator, means=means), take, metric, sites=heard)

    def replayed() -> Playback:
        return Playback(generator, generator.replay(take, read_takes(generator, take), Sampling()))

    with torch.no_grad():
        clean = generator.expected(replayed().replay)
    for place in {location.site: location for location in generator.locations(*heard)}.values():
        unit = Unit(place, int(found.units[place][0].abs().argmax()))
        slope = _slope(lambda: metric(replace(replayed(), anchor=clean)), unit, generator, means, 2e-3)
        assert float(found.units[place][0, unit.index]) == pytest.approx(slope, rel=2e-2, abs=1e-5), unit
        assert abs(slope) > 1e-6


@pytest.mark.parametrize("family", ["diffusion", "stable audio"])
def test_as_many_rollout_steps_as_there_are_give_the_slope_of_the_generation(family: str) -> None:
    """A diffusion model's noise is added and not drawn from, so that a rollout to the end is the whole derivative."""
    generator, judge = _double(family), ToyJudge(dtype=torch.float64)
    means, take = _random_means(generator), generator.generate([PROMPT], [1], SECONDS)
    metric, context, sites = margin(judge, "dark", "bright"), Context(generator, means=means), sites_of(generator)
    steps = max(map(generator.steps, generator.locations()))
    found = attribute(context, take, metric, sites=sites, rollout_steps=steps - 1)
    plain = attribute(context, take, metric, sites=sites)

    def played() -> Tensor:
        again = generator.generate([PROMPT], [1], SECONDS, decode=False)
        latents = generator.latents(generator.replay(again, generator.read_text([PROMPT]), Sampling()))
        logits = judge.logits(generator.decode(latents), int(generator.sample_rate))
        return logits[0, 0] - logits[0, 1]

    for place in generator.locations(*sites):
        unit = Unit(place, 1)
        slope = _slope(played, unit, generator, means, _step(family))
        assert float(found.units[place][0, 1]) == pytest.approx(slope, rel=2e-3, abs=1e-6), unit
    moved = [float((found.units[place] - plain.units[place]).abs().max()) for place in generator.locations(*ATTRIBUTED)]
    assert min(moved) > 1e-4


def test_batched_takes_equal_single_takes(generator: Generator, takes: Takes, means: MeanActivations) -> None:
    metric = margin(ToyJudge(), "dark", smoothgrad_samples=2)
    together, single = (
        attribute(Context(generator, means=means, batches=Batches(attributed=rows)), takes, metric, rollout_steps=1)
        for rows in (2, 1)
    )
    for location, effects in together.units.items():
        # Sums in another order round differently; effects are as large as the judge's logits are steep.
        assert torch.allclose(effects, single.units[location], rtol=1e-3, atol=1e-3), location
    assert torch.allclose(together.tokens, single.tokens, rtol=1e-3, atol=1e-3)
    assert torch.allclose(together.frames, single.frames, rtol=1e-3, atol=1e-3)
    assert together.frames.shape == (len(takes), generator.frames_of(takes))


def test_the_pass_records_what_a_replay_records(generator: Generator, takes: Takes, means: MeanActivations) -> None:
    """Also where a metric replays the takes under a second prompt, and where steps or sides go by piece by piece."""
    sites = sites_of(generator)
    for metric, wanted in ((METRICS["log-probability"], list(ATTRIBUTED)), (margin(ToyJudge(), "dark"), sites)):
        keys = [key for key in wanted if generator.locations(key)]
        context, spec = Context(generator, means=means), TraceSpec("all")
        found = attribute(context, takes, metric, sites=keys, trace=spec).trace
        alone = record(context, takes, sites=keys, spec=spec)
        assert found is not None and found.about == alone.about and found.values.keys() == alone.values.keys()
        for location, values in alone.values.items():
            assert found.values[location].shape == values.shape, location
            assert torch.allclose(found.values[location].float(), values.float(), atol=2e-3), location


def test_activity_is_the_mean_size_of_what_a_unit_does(
    generator: Generator, takes: Takes, means: MeanActivations
) -> None:
    found = attribute(Context(generator, means=means), takes, margin(ToyJudge(), "dark"), sites=sites_of(generator))
    for location, activity in found.activity.items():
        sizes = recorded(generator, takes, location)[:, 0].abs().mean((0, 1, 2))
        assert torch.allclose(activity, sizes.unflatten(0, (-1, generator.head_width(location))).mean(1), atol=1e-5)


def test_a_trace_holds_every_step_and_comes_back_bit_for_bit(
    generator: Generator, takes: Takes, tmp_path: Path
) -> None:
    context = Context(generator)
    trace = record(context, takes, sites=sites_of(generator), spec=TraceSpec("all", whole_heads=True))
    tokens = generator.token_mask(takes.prompts)[:, None, None, :, None]
    for location, values in trace.values.items():
        replayed = recorded(generator, takes, location)
        real = tokens if location.network == "text" else 1
        assert torch.equal(values, (replayed * real).half()), location
    extent = Extent.of(generator, takes.prompts, generator.frames_of(takes))
    assert sum(values.nbytes for values in trace.values.values()) == size_of(
        context, extent, list(trace.values), TraceSpec("all", whole_heads=True)
    )
    trace.save(tmp_path / "trace")
    again = Trace.load(tmp_path / "trace")
    assert again.about == trace.about and again.takes.seeds == takes.seeds
    for kept, read_back in ((takes.state, again.takes.state), (trace.values, again.values)):
        assert kept.keys() == read_back.keys()
        assert all(torch.equal(kept[name], read_back[name]) for name in kept)  # type: ignore[index]
    location = generator.locations(*ATTRIBUTED)[0]
    edit = Edit((location,), "patch", source=trace.source(1))
    with edited(generator, [edit, None], GUIDANCE):
        after = recorded(generator, takes, location)
    assert torch.allclose(after[0], recorded(generator, takes, location)[1], atol=2e-3)


def test_attention_to_the_prompt_sums_to_one_or_is_refused(generator: Generator, takes: Takes) -> None:
    if not generator.locations("decoder.cross", "denoiser.cross"):
        with pytest.raises(TonescopeError, match="no cross-attention"):
            generator.text_attention(takes, Sampling())
        return
    try:
        found = generator.text_attention(takes, Sampling())
    except TonescopeError as refused:
        assert "the difference, which is no share of attention" in str(refused)
        return
    layers = len(generator.locations("decoder.cross", "denoiser.cross"))
    tokens = generator.read_text(takes.prompts).mask.shape[1]
    assert found.shape == (len(takes), layers, generator.frames_of(takes), tokens)
    assert torch.allclose(found.sum(3), torch.ones(found.shape[:3]), atol=1e-5)


def test_memory_is_counted_before_it_is_needed(generator: Generator) -> None:
    metric, sizes = margin(ToyJudge(), "dark"), []
    for seconds in (0.5, 1.0, 4.0):
        context = Context(generator, ToyJudge(), seconds=seconds)
        sizes.append(memory.attribution_bytes(context, PROMPT, metric))
        playing = memory.playing(context, 8, 4, None)
        assert playing.rows >= 1 and playing.each > 0
    assert 0 < sizes[0] < sizes[1] < sizes[2]
    short, long = (generator.cost(seconds, 8, GUIDANCE) for seconds in (0.5, 4.0))
    assert all(0 < getattr(short, name) < getattr(long, name) for name in vars(short))


def test_what_a_family_lacks_is_refused_with_what_to_look_at_instead(generator: Generator) -> None:
    missing: Sequence[str] = [site.key for site in SITES if not generator.locations(site.key)]
    for key in missing:
        with pytest.raises(TonescopeError, match="has no location"):
            generator.asked([key])
    with pytest.raises(TonescopeError) as told:
        generator.asked([])
    assert generator.locations(*ATTRIBUTED)[0].site.key in str(told.value)
