"""What a stage will cost is told beforehand where it is much, and stages add up to the whole."""

from __future__ import annotations

from tonescope.diagnose.runtime.memory import GIB
from tonescope.diagnose.runtime.progress import Clock


def test_stages_add_up_and_large_costs_are_told() -> None:
    told: list[tuple[str, float]] = []
    clock = Clock({"play": 0.25, "listen": 0.75}, lambda what, done: told.append((what, done)))
    with clock.stage("play", GIB, 60.0) as advance:
        advance(0.5)
    with clock.stage("listen", 3 * GIB, 240.0) as advance:
        advance(1.0)
        advance.note(seconds=120.0)  # at most so long: what is likely is told of the whole
    assert told == [
        ("play", 0.0),
        ("play", 0.125),
        ("listen (about 3.0 GiB)", 0.25),
        ("listen (about 3.0 GiB)", 1.0),
        ("listen", 0.25),
    ]
    assert list(clock.timings) == ["play", "listen"]


def test_where_no_one_looks_the_time_is_taken_all_the_same() -> None:
    clock = Clock({"play": 1.0}, None)
    with clock.stage("play") as advance:
        advance(0.5)
    assert clock.timings["play"] >= 0
