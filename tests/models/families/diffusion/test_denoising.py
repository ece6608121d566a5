"""A replay of denoising steps goes part by part: with the same result, and in the memory of one part."""

from __future__ import annotations

import pytest
import torch

from tests.models.families.seam import PROMPT, SECONDS, sites_of
from tests.models.families.stable_audio import tiny_stable_audio as tiny_audio
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.store.traces import TraceSpec, record
from tonescope.models.generator import Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location

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


def test_what_is_saved_for_the_backward_pass_is_that_of_one_part(context: Context) -> None:
    metric, saved = margin(context.listener, "dark", "bright"), {}
    for rows in (AT_ONCE, 4):
        _together(context, rows)
        saved[rows] = memory.saved_bytes(context, PROMPT, metric)
    assert saved[4] < 0.5 * saved[AT_ONCE]


def test_only_what_gradients_need_is_computed_twice(context: Context) -> None:
    """The last part keeps what it needs; without gradients nothing is computed again."""
    takes, seen = context.generator.generate([PROMPT], [1], SECONDS), []
    _together(context, 4)
    place = context.generator.place(Location("denoiser", 0, "mlp"))
    for wanted in (False, True):
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
    assert seen == [STEPS, 2 * STEPS - 2]


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
