"""Tempo is held against what was asked in every way to count a beat, and words against one another."""

from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.audit.obedience import chance_of, pooled_superiority, superiority, tempo_counts
from tonescope.diagnose.audit.representation import Estimate


def test_a_tempo_counted_twice_as_fast_is_told_apart_from_one_that_is_wrong() -> None:
    found = tempo_counts(np.array([75.0, 150.0, 100.0, np.nan]), 70, 80)
    assert (found.as_asked, found.counted_otherwise, found.otherwise, found.no_beat) == (1, 1, 1, 1)


def test_faster_takes_are_faster_and_alike_takes_are_alike() -> None:
    random = np.random.default_rng(0)
    slow, fast = random.normal(90, 10, 40), random.normal(140, 10, 40)
    above = superiority(fast, slow)
    alike = superiority(slow[:20], slow[20:])
    assert above is not None and above.low > 0.9 and alike is not None and alike.low < 0.5 < alike.high


def test_takes_without_a_beat_are_left_out_and_too_few_say_nothing() -> None:
    assert superiority(np.array([100.0, np.nan]), np.array([90.0, 80.0])) is None
    found = superiority(np.array([100.0, 110, np.nan]), np.array([90.0, 80.0]))
    assert found is not None and found.value == 1.0 and found.low < 1.0


def test_genres_of_different_tempo_are_not_mixed() -> None:
    slow = np.array([60.0, 61, 180, 181, 120, 121])
    group = np.array([0, 0, 1, 1, 2, 2])
    found = pooled_superiority(slow + 5, slow, group, group, [0, 1, 2])
    assert found is not None and found.value == pytest.approx(1.0)


def test_what_is_surely_below_a_limit_is_unlikely_by_chance() -> None:
    assert chance_of(Estimate(0.2, 0.1, 0.3), 0.5) < 0.001
    assert chance_of(Estimate(0.5, 0.3, 0.7), 0.5) == pytest.approx(0.5)
    assert chance_of(Estimate(0.3, 0.1, 0.5), 0.5) == pytest.approx(0.025, abs=0.001)
