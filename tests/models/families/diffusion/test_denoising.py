"""A replay of denoising steps goes part by part: with the same result, and in the memory of one part."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.families.ace_step import tiny_ace_step
from tests.models.families.seam import PROMPT, SECONDS, sites_of
from tests.models.families.stable_audio import tiny_stable_audio as tiny_audio
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import Metric, margin, own_log_probability
from tonescope.diagnose.causes import muting_trials
from tonescope.diagnose.causes.screening import Screening, screened_sites
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.store.traces import TraceSpec, record
from tonescope.models.generator import Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.played_with import Denoises
from tonescope.models.units import Location, Unit

STEPS = 8
AT_ONCE = 10**6


@pytest.fixture(scope="module")
def context() -> Context:
    generator = tiny_audio.generator(steps=STEPS)
    means = mean_activations.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house"))
    return Context(generator, ToyJudge(), means, seconds=SECONDS)


def _together(context: Context, rows: int) -> None:
    context.generator.rows_together = context.generator.rows_kept = rows  # type: ignore[attr-defined]


@pytest.mark.parametrize("trace", [None, TraceSpec("all")], ids=["untraced", "traced"])
@pytest.mark.parametrize("rollout_steps", [0, 2])
def test_a_pass_in_parts_estimates_what_one_at_once_does(
    context: Context, rollout_steps: int, trace: TraceSpec | None
) -> None:
    takes = context.generator.generate([PROMPT] * 2, [1, 2], SECONDS)
    metric, sites, found = margin(context.listener, "dark", "bright"), sites_of(context.generator), []
    for rows in (AT_ONCE, 8):
        _together(context, rows)
        found.append(attribute(context, takes, metric, sites=sites, rollout_steps=rollout_steps, trace=trace))
    whole, parts = found
    for place, effects in whole.units.items():
        assert torch.allclose(parts.units[place], effects, rtol=1e-3, atol=1e-5), place
        assert torch.allclose(parts.activity[place], whole.activity[place], rtol=1e-4), place
    assert torch.allclose(parts.tokens, whole.tokens, rtol=1e-3, atol=1e-5)
    assert float(whole.tokens.abs().max()) > 1e-4


def _estimated(context: Context, metric: Metric, **how: Any) -> tuple[Attribution, int]:
    """What is estimated, and how many steps the denoiser was asked at with gradients."""
    takes = context.generator.generate([PROMPT] * 2, [1, 2], SECONDS)
    first, steps = context.generator.place(Location("denoiser", 0, "mlp")), list[int]()

    def note(tensor: Tensor) -> None:
        if torch.is_grad_enabled():
            steps.append(len(tensor) // len(takes))

    with hooked([read(first, note)]):
        found = attribute(context, takes, metric, **{"sites": sites_of(context.generator)} | how)
    return found, sum(steps)


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "own"])
def test_a_few_steps_stand_for_all(heard: bool) -> None:
    generator, metric = tiny_audio.generator(steps=48), own_log_probability()
    if heard:
        metric = margin(ToyJudge(), "dark", "bright")
    least = 0.9 if heard else 0.7  # what a random denoiser expects of its own takes varies from step to step
    means = mean_activations.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house"))
    context = Context(generator, ToyJudge(), means, seconds=SECONDS)
    sites = [site for site in sites_of(generator) if heard or not site.startswith("codec")]
    whole, all_asked = _estimated(context, metric, sites=sites)
    few, asked = _estimated(context, metric, sites=sites, few_steps=True)
    assert asked * 48 == all_asked * generator.steps_followed
    assert torch.allclose(few.metric, whole.metric) and torch.allclose(few.frames, whole.frames, atol=1e-5)
    for place, effects in whole.units.items():
        if place.network == "codec":
            assert torch.allclose(few.units[place], effects, rtol=1e-4, atol=1e-6), place
        else:
            assert _alike(few.units[place], effects) > least, place
            assert 0.4 < float(few.units[place].abs().sum() / effects.abs().sum()) < 2.5, place
        assert torch.allclose(few.activity[place], whole.activity[place], rtol=0.25), place
    assert _alike(few.tokens, whole.tokens) > least
    assert 0.5 < float(few.tokens.abs().sum() / whole.tokens.abs().sum()) < 2


def _alike(some: Tensor, others: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([some.flatten(), others.flatten()]))[0, 1])


def test_where_all_steps_are_few_or_have_to_be_seen_all_are_followed(context: Context) -> None:
    metric = margin(context.listener, "dark", "bright")
    context.generator.steps_followed = STEPS  # type: ignore[attr-defined]
    try:
        assert torch.equal(_estimated(context, metric, few_steps=True)[0].tokens, _estimated(context, metric)[0].tokens)
    finally:
        del context.generator.steps_followed  # type: ignore[attr-defined]
    for how in (
        {"trace": TraceSpec("all")},
        {"rollout_steps": 1},
        {"at": Edit((Unit(Location("denoiser", 0, "mlp"), 0),))},
    ):
        whole, few = (_estimated(context, metric, few_steps=few, **how)[0] for few in (False, True))
        assert torch.allclose(few.tokens, whole.tokens, rtol=1e-4, atol=1e-6)


def test_what_the_screening_estimates_follows_a_few_steps() -> None:
    generator = tiny_audio.generator(steps=48)
    sites = screened_sites(generator)
    means = mean_activations.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house"))
    context = Context(generator, ToyJudge(), means, seconds=SECONDS)
    takes = generator.generate([PROMPT], [1], SECONDS)
    found = attribute(context, takes, margin(ToyJudge(), "dark", "bright"), sites=sites, few_steps=True)
    followed = list[int]()

    def note(tensor: Tensor) -> None:
        if torch.is_grad_enabled():
            followed.append(len(tensor))

    with hooked([read(generator.place(Location("denoiser", 0, "mlp")), note)]):
        Screening.of(context, takes, found)
    estimates, branches = 2, 2
    assert sum(followed) == estimates * branches * generator.steps_followed


def test_guidance_that_remembers_earlier_steps_is_followed_through_all() -> None:
    generator = tiny_ace_step.generator(steps=12)
    assert not generator._few_steps(Sampling(guidance=4.0)) and len(generator._few_steps(Sampling(guidance=1.0))) == 6


def test_what_is_saved_for_the_backward_pass_is_that_of_one_part(context: Context) -> None:
    metric, saved = margin(context.listener, "dark", "bright"), {}
    for rows in (AT_ONCE, 4):
        _together(context, rows)
        saved[rows] = memory.saved_bytes(context, PROMPT, metric)
    assert saved[4] < 0.5 * saved[AT_ONCE]


def test_only_what_gradients_need_is_computed_twice(context: Context) -> None:
    """Of several parts each is computed again; without gradients, and of one part alone, nothing is."""
    takes, seen = context.generator.generate([PROMPT], [1], SECONDS), []
    place = context.generator.place(Location("denoiser", 0, "mlp"))
    for wanted, rows in ((False, 4), (True, 4), (True, AT_ONCE)):
        _together(context, rows)
        with torch.set_grad_enabled(wanted):
            text = context.generator.read_text([PROMPT])
            states = text.states.detach().requires_grad_(wanted)
            told = type(text)(states, text.mask, text.tokens, text.spans)
            seen.append(0)
            with hooked([read(place, lambda tensor: seen.__setitem__(-1, seen[-1] + len(tensor) // 2))]):
                replay = context.generator.replay(takes, told, Sampling())
                if wanted:
                    replay.predicted.sum().backward()
                    assert states.grad is not None and float(states.grad.abs().max()) > 0
    assert seen == [STEPS, 2 * STEPS, STEPS]


@pytest.mark.parametrize(
    "spec",
    [TraceSpec("mean"), TraceSpec("peak"), TraceSpec("mean", top=3), TraceSpec("peak", top=3), TraceSpec("all", top=3)],
    ids=str,
)
def test_a_trace_in_parts_is_that_of_all_at_once(context: Context, spec: TraceSpec) -> None:
    takes, traces = context.generator.generate([PROMPT] * 2, [1, 2], SECONDS), []
    for rows in (AT_ONCE, 4):
        _together(context, rows)
        traces.append(record(context, takes, sites=sites_of(context.generator), spec=spec))
    for place, values in traces[0].values.items():
        assert torch.allclose(traces[1].values[place].float(), values.float(), atol=2e-3), place
        assert traces[0].indices.keys() == traces[1].indices.keys()
    whole = record(context, takes, sites=["denoiser.mlp"], spec=TraceSpec("all"))
    for place, every in whole.values.items():
        pooled = {"mean": every.float().mean(3), "peak": _farthest(every.float()), "all": every.float()}[spec.over_time]
        chosen = traces[1].indices.get(place)
        if chosen is not None:
            at = chosen.long()[(slice(None), *[None] * (pooled.ndim - 2))]
            pooled = pooled.gather(-1, at.expand(*pooled.shape[:-1], -1))
        assert torch.allclose(traces[1].values[place].float(), pooled, atol=4e-3), place


def _farthest(values: torch.Tensor) -> torch.Tensor:
    return values.gather(3, values.abs().argmax(3, keepdim=True)).squeeze(3)


def test_what_one_part_keeps_is_no_more_than_is_counted_on(context: Context) -> None:
    generator = context.generator
    _together(context, 2)
    seconds, frames = SECONDS, generator.frames(SECONDS)
    takes, held = generator.generate([PROMPT], [1], seconds, decode=False), dict[int, torch.Tensor]()
    text = generator.read_text([PROMPT])
    told = generator.told(text, takes.state["seconds"], Sampling())  # type: ignore[attr-defined]
    latents = generator.trajectory(takes)[:, :1].requires_grad_()  # type: ignore[attr-defined]
    with torch.enable_grad(), memory._counting(held):
        generator._branches(latents, 0, Sampling(), tuple(told), *told.values())  # type: ignore[attr-defined]
    kept = sum(tensor.untyped_storage().nbytes() for tensor in held.values())
    assert 0 < kept <= generator.cost(seconds, 16, 3.0).attribution
    assert generator.frames(seconds) == frames


def test_the_same_modules_play_in_fewer_steps_beside_the_generator(context: Context) -> None:
    generator = context.generator
    assert isinstance(generator, Denoises) and not generator.shorter_is_cheaper
    fewer = generator.in_steps(4)
    made = tiny_audio.generator(steps=4)
    takes = [each.generate([PROMPT], [1], SECONDS, decode=False).state["predicted"] for each in (fewer, made)]
    assert torch.equal(*takes) and fewer.model is generator.model
    assert generator.denoising_steps == STEPS and generator.steps(Location("denoiser", 0, "mlp")) == STEPS


def test_means_of_fewer_steps_are_those_of_the_nearest_in_time(context: Context) -> None:
    generator, means = context.generator, context.means
    assert isinstance(generator, Denoises) and means is not None
    nearest = generator.nearest_steps(4)
    assert nearest.tolist() == sorted(nearest.tolist()) and nearest[0] == 0 and nearest[-1] == STEPS - 1
    fewer = means.at_steps(nearest, STEPS)
    for place, mean in means.values.items():
        wanted = mean[:, nearest] if place.network == "denoiser" else mean
        assert torch.equal(fewer.values[place], wanted), place
    assert generator.nearest_steps(STEPS).tolist() == list(range(STEPS))


def test_trials_are_played_in_fewer_steps_where_shorter_takes_cost_as_much(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muting_trials, "FEWEST_STEPS", 2)
    takes = context.generator.generate([PROMPT] * 3, [1, 2, 3], SECONDS)
    heard = context.listener.labels[int(context.listener.logits(takes.waveform, context.rate).mean(0).argmax())]
    trials = muting_trials.MutingTrials(context, takes, Contrast(target=heard))
    short = trials.shortened()
    assert short is not None and short.context.seconds == SECONDS and short.length == 0.25
    assert isinstance(short.context.generator, Denoises) and short.context.generator.denoising_steps == 2
    unit = Unit(Location("denoiser", 1, "mlp"), 3)
    (muted,) = short.measure([(unit,)])
    assert len(muted.back) == len(short.seeds)
    monkeypatch.setattr(muting_trials, "FEWEST_STEPS", STEPS)
    assert trials.shortened() is None
