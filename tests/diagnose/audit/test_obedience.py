"""Tempo is held against what was asked in every way to count a beat, and words against one another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from tonescope.diagnose.audit.obedience import EVEN, FEWEST, Superiority, pooled_superiority, superiority, tempo_counts


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
    fast, slow = np.arange(100.0, 100 + FEWEST), np.arange(80.0, 80 + FEWEST)
    assert superiority(fast[1:], slow) is superiority(fast, np.append(slow[1:], np.nan)) is None
    found = superiority(np.append(fast, np.nan), slow)
    assert found is not None and found.value == 1.0 and found.low < 1.0 and found.fewest == FEWEST


def test_case_two_takes_of_either_tempo_turn_no_words_round() -> None:
    assert superiority(np.array([80.0, 81]), np.array([150.0, 151])) is None


def test_what_never_differs_has_the_interval_and_the_chance_of_so_few_takes() -> None:
    """Eight pairs of takes that all come so have a chance of one in forty where 37 in 100 would not."""
    below = superiority(np.arange(8.0), np.arange(100.0, 108))
    assert below is not None and below.value == below.low == 0
    assert (1 - below.high) ** 8 == pytest.approx(0.025)
    theirs = mannwhitneyu(np.arange(8.0), np.arange(100.0, 108), alternative="less", method="exact").pvalue
    assert below.chance_below(EVEN) == pytest.approx(theirs) and theirs == pytest.approx(1 / 12870)
    assert 0.4**8 / 10 < below.chance_below(0.6) < 0.05


def test_takes_that_are_alike_are_rarely_called_otherwise() -> None:
    random = np.random.default_rng(0)
    for limit in (EVEN, 0.6):
        ps = []
        for _ in range(100):
            shift = 0.0 if limit == EVEN else 0.358  # as likely above as the limit says
            found = superiority(random.normal(shift, 1, 10), random.normal(0, 1, 10))
            assert found is not None
            ps.append(found.chance_below(limit))
        assert float(np.mean(np.array(ps) < 0.05)) < 0.1


def test_ties_count_half() -> None:
    same = superiority(np.full(9, 120.0), np.full(9, 120.0))
    assert same is not None and same.value == 0.5 and same.chance_below(EVEN) == 1.0


def test_genres_of_different_tempo_are_not_mixed() -> None:
    slow = np.concatenate([np.linspace(start, start + 1, 8) for start in (60, 180, 120)])
    group = np.repeat([0, 1, 2], 8)
    found = pooled_superiority(slow + 5, slow, group, group, [0, 1, 2])
    assert found is not None and found.value == pytest.approx(1.0)


def test_what_is_surely_below_a_limit_is_unlikely_by_chance() -> None:
    assert Superiority(0.2, 0.1, 0.3, 40, 0.0).chance_below(0.6) < 0.001
    assert Superiority(0.6, 0.4, 0.8, 40, 0.0).chance_below(0.6) == pytest.approx(0.5)
    assert Superiority(0.4, 0.2, 0.6, 400, 0.0).chance_below(0.6) == pytest.approx(0.025, abs=0.001)
    assert Superiority(0.4, 0.2, 0.6, 8, 0.0).chance_below(0.6) > 0.04
