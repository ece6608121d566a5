"""A training runs by the clock and goes on where it was stopped."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from training.course import LONGEST_STEP, LONGEST_UNSAVED, SAVE_EVERY, Course, half_is_quicker


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass between one look at the clock and the next."""
    gaps, now = [1.0], itertools.count()
    times = {"now": 0.0}

    def look() -> float:
        if next(now) % 2:
            times["now"] += gaps[0]
        return times["now"]

    monkeypatch.setattr(time, "monotonic", look)
    return gaps


def test_the_rate_warms_up_and_ends_annealed(tmp_path: Path) -> None:
    run = Course(tmp_path / "state.pt", minutes=1, warm_up=10, floor=0.05)
    assert run.rate == pytest.approx(0.1)
    run.step = 9
    assert run.rate == pytest.approx(1.0)
    run.spent = 30.0
    assert run.rate == pytest.approx(0.525)
    run.spent = 60.0
    assert run.over and run.rate == pytest.approx(0.05)


def test_time_is_counted_but_not_while_the_machine_slept(tmp_path: Path, clock: list[float]) -> None:
    run = Course(tmp_path / "state.pt", minutes=1, warm_up=1)
    with run.lesson():
        pass
    clock[0] = 3600.0
    with run.lesson():
        pass
    assert (run.step, run.spent) == (2, 1.0 + LONGEST_STEP)


def test_it_is_saved_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    run = Course(tmp_path / "state.pt", minutes=60, warm_up=1)
    run.spent = SAVE_EVERY - 1
    assert not run.saved() and not run.path.exists()
    run.spent = SAVE_EVERY
    assert run.saved() and run.path.exists() and not run.saved()
    run.spent = 3600.0
    assert run.saved()


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    def fresh() -> tuple[nn.Linear, Course]:
        model = nn.Linear(3, 2)
        return model, Course(tmp_path / "state.pt", minutes=5, warm_up=1, model=model)

    (model, first), (other, second) = fresh(), fresh()
    assert not second.resume()
    first.step, first.spent = 7, 42.0
    first.save()
    assert second.resume()
    assert (second.step, second.spent) == (7, 42.0) and torch.equal(model.weight, other.weight)


def test_precision_is_chosen_by_the_clock_and_leaves_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model, times = nn.Linear(2, 1), {"now": 0.0}

    def loss() -> torch.Tensor:
        times["now"] += 1.0 if torch.is_autocast_enabled("cpu") else 3.0
        return model(torch.ones(1, 2)).sum()

    monkeypatch.setattr(time, "monotonic", lambda: times["now"])
    assert half_is_quicker(model, loss)
    assert model.weight.grad is None


def test_one_that_hardly_gets_the_processor_is_saved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = {"now": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: outside["now"])
    run = Course(tmp_path / "state.pt", minutes=60, warm_up=1, clock=lambda: 0.0)
    kept = []
    for outside["now"] in (LONGEST_UNSAVED - 1, LONGEST_UNSAVED, LONGEST_UNSAVED + 1, 2 * LONGEST_UNSAVED):
        with run.lesson():
            pass
        kept.append(run.saved())
    assert kept == [False, True, False, True]
    assert run.spent == 0.0 and run.path.exists()
