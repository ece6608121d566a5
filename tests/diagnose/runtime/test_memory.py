"""Estimates of memory hold against what is counted, and the bound is kept without changing the result."""

from __future__ import annotations

import gc
import platform
import re
import weakref
from dataclasses import replace
from typing import Any

import psutil
import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.metrics import Playback, margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.store.traces import TraceSpec
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge

PROMPT = "smooth jazz with piano"


def test_the_extrapolation_meets_what_is_counted() -> None:
    generator, judge = tiny.generator(), tiny.judge()
    metric = margin(judge, "house", "smooth jazz")
    for seconds in (0.8, 2.4):
        context = Context(generator, seconds=seconds)
        counted = memory.saved_bytes(context, PROMPT, metric)
        said = memory.attribution_bytes(context, PROMPT, metric) / memory.BACKWARD
        assert said == pytest.approx(counted, rel=0.15)


class Marked(torch.autograd.Function):
    """Leaves something in the graph whose life can be watched."""

    @staticmethod
    def forward(ctx: Any, sound: torch.Tensor, marks: list[weakref.ref[Any]]) -> torch.Tensor:
        ctx.mark = torch.nn.Module()
        marks.append(weakref.ref(ctx.mark))
        return sound.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        raise AssertionError("nothing was asked to go backward")


class Passing(Marked):
    """The same on a way that is gone back."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return gradients[0], None


def test_counting_leaves_no_graph_behind() -> None:
    marks: list[weakref.ref[Any]] = []

    def metric(playback: Playback) -> torch.Tensor:
        return Marked.apply(playback.generator.decode(playback.version()), marks).tanh().mean(1)

    memory.attribution_bytes(Context(tiny.generator(), seconds=0.8), PROMPT, metric)
    gc.collect()
    assert marks and not any(mark() for mark in marks)


def test_more_listens_hold_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, generator = tiny.judge(), tiny.generator()
    marks: list[weakref.ref[Any]] = []
    alive: list[int] = []
    plain = listening.margin

    def watched(judge: Judge, sound: torch.Tensor, *rest: Any) -> torch.Tensor:
        alive.append(sum(mark() is not None for mark in marks))
        return plain(judge, Passing.apply(sound, marks), *rest)

    monkeypatch.setattr(listening, "margin", watched)
    text = generator.read_text([PROMPT])
    states = text.states.detach().requires_grad_()
    takes = generator.random_takes(PROMPT, 0.8)
    playback = Playback(generator, generator.replay(takes, replace(text, states=states), Sampling()))
    value = margin(judge, "house", smoothgrad_samples=3)(playback)
    assert alive == [0, 0, 0] and not any(mark() for mark in marks)
    value.sum().backward()
    assert states.grad is not None and states.grad.abs().sum() > 0


def test_cached_keys_and_values_are_what_generation_holds() -> None:
    generator = tiny.generator()
    expected = 2 * 2 * 3 * 32 * (50 + 4) * 4  # branches, keys and values, layers, width, positions, bytes
    assert generator.cost(1.0, 0, 3.0).row == pytest.approx(expected, rel=0.35)
    assert generator.cost(1.0, 5, 3.0).row == 2 * generator.cost(1.0, 5, 1.0).row


def test_a_small_budget_changes_the_batches_and_not_the_diagnosis() -> None:
    session = tiny.session()
    settings = Settings(takes=3, seconds=0.5, candidates=4, rounds=2)
    whole, _ = session.diagnose(PROMPT, settings)
    tight, _ = session.diagnose(PROMPT, settings.model_copy(update={"memory_gib": 2e-3}))
    assert (
        tight.cost.rows_generated_together < 3 * 10 < whole.cost.rows_generated_together
    )  # 13 variants and the takes untouched
    assert whole.takes == tight.takes or all(
        a.margin == pytest.approx(b.margin, abs=1e-4) for a, b in zip(whole.takes, tight.takes, strict=True)
    )
    effects = [
        {row.unit: row.verified.effect.mean if row.verified else 0.0 for row in found.drivers.units}
        for found in (whole, tight)
    ]
    assert effects[0] == pytest.approx(effects[1], abs=1e-4)


def test_what_cannot_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(TonescopeError, match=r"needs about .* GiB .*--memory"):
        tiny.session().diagnose(PROMPT, Settings(takes=1, seconds=0.5, memory_gib=1e-7))
    assert memory.Budget(100, "test").rows(30, 48, "it") == 3
    assert memory.budget(torch.device("cpu")).bytes > 2**28


def test_a_trace_larger_than_the_bound_is_refused_before_anything_is_played() -> None:
    told: list[str] = []
    session, settings = tiny.session(), Settings(takes=256, seconds=2.0, memory_gib=0.01)

    def diagnose(gib: float) -> str:
        given = settings.model_copy(update={"memory_gib": gib})
        with pytest.raises(TonescopeError) as refused:
            session.diagnose(PROMPT, given, progress=lambda what, _: told.append(what), trace=TraceSpec("all"))
        return str(refused.value)

    takes = re.search(r"keeping \d+ takes of 2 s with tiny mono needs about (0\.\d+) GiB", diagnose(0.01))
    assert takes is not None
    assert re.search(r"the trace would take 0.0\d+ GiB and at most 0.00", diagnose(1.01 * float(takes[1])))
    assert not any(what.startswith("generate") for what in told)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked for it")
def test_what_a_stage_leaves_behind_is_given_back() -> None:
    """Many small blocks below one that lives: glibc keeps them, and a stage must not."""
    process, block, count = psutil.Process(), 2**16, 6_000
    blocks = [bytearray(block) for _ in range(count)]
    full = process.memory_info().rss
    last = blocks.pop()
    blocks.clear()
    with Clock({"play": 1.0}, None).stage("play"):
        pass
    assert process.memory_info().rss < full - 0.5 * count * len(last)
