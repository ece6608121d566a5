"""Idle cores are those that others leave alone: what this process uses does not count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tonescope.diagnose.runtime import idle_cores as module
from tonescope.diagnose.runtime.idle_cores import IdleCores, Usage


@pytest.mark.parametrize(
    ("everybody", "own", "idle"),
    [(0.0, 0.0, 4), (8.0, 8.0, 4), (8.0, 6.0, 3), (8.0, 0.0, 0), (4.2, 4.4, 4), (1.2, 0.0, 4), (1.8, 0.0, 3)],
)
def test_what_this_process_uses_is_not_others(everybody: float, own: float, idle: int) -> None:
    before = Usage(at=10.0, cores=4, everybody=100.0, own=50.0)
    assert Usage(12.0, 4, 100.0 + everybody, 50.0 + own).idle_since(before) == idle


def looks(monkeypatch: pytest.MonkeyPatch, *usages: Usage) -> list[float]:
    """The next looks see these; the pauses between them are listed."""
    coming: Iterator[Usage] = iter(usages)
    pauses = list[float]()
    monkeypatch.setattr(Usage, "now", lambda: next(coming))
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def test_only_the_first_look_and_one_after_a_long_while_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = looks(
        monkeypatch,
        Usage(0.0, 2, 0.0, 0.0),
        Usage(0.05, 2, 0.05, 0.0),  # waited for
        Usage(3.0, 2, 3.0, 2.95),  # nobody else
        Usage(3.01, 2, 3.03, 2.95),  # too soon to tell
        Usage(99.0, 2, 99.0, 2.95),
        Usage(99.05, 2, 99.1, 2.95),  # waited for
    )
    idle = IdleCores()
    assert [idle(), idle(), idle(), idle()] == [1, 2, 2, 0] and len(pauses) == 2


def test_cores_are_those_that_the_process_is_bound_to(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [SimpleNamespace(user=1.0, nice=1.0, system=1.0, idle=50.0, guest=1.0)] * 4
    monkeypatch.setattr("psutil.cpu_times", lambda percpu: times)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    found = Usage.now()
    assert (found.cores, found.everybody) == (2, 6.0) and found.own > 0


def test_on_this_machine_it_is_no_more_than_there_are() -> None:
    assert 0 <= IdleCores()() <= (os.cpu_count() or 1)
