"""Ratios, gaps and evenness: true values are recovered, and what is alike is not said to differ."""

from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.audit.representation import evenness, gap, prompt_counts, ratios


def test_counts_are_by_prompt_and_label_and_unclear_takes_come_last() -> None:
    counts = prompt_counts(np.array([0, 0, 1]), np.array([1, -1, 0]), 2)
    assert counts.tolist() == [[0, 1, 1], [1, 0, 0]]


def test_a_genre_that_is_heard_half_as_often_as_it_should_is_found() -> None:
    counts = np.array([[6.0, 6, 0]] * 3 + [[0.0, 12, 0]] * 3)
    found = {row.label: row for row in ratios(counts, np.repeat([0, 1], 3), {0: 0.5, 1: 0.5}, ("rare", "often"))}
    assert found["rare"].ratio.value == pytest.approx(0.5) and found["rare"].p < 0.01
    assert found["rare"].ratio.low < 0.5 < found["rare"].ratio.high < 0.8
    assert found["often"].ratio.value == pytest.approx(1.5) and found["often"].p > 0.9


def test_a_genre_that_is_heard_as_often_as_it_should_is_not_called_rare() -> None:
    counts = np.array([[12.0, 0, 0], [0, 12, 0]] * 3)
    assert all(row.p > 0.5 for row in ratios(counts, np.array([0, 1] * 3), {0: 0.5, 1: 0.5}, ("a", "b")))


def test_the_interval_holds_the_true_gap_and_chance_alone_gives_a_gap_near_none() -> None:
    random, inside, small = np.random.default_rng(0), 0, []
    for _ in range(30):
        group = np.repeat(np.arange(6), 3)
        share = np.where(group == 0, 0.4, 0.9)
        hits = random.binomial(12, share).astype(float)
        found, worst, _ = gap(hits, np.full(18, 12.0), group)
        inside += found.low <= 0.5 <= found.high
        small.append(gap(random.binomial(12, 0.9, 18).astype(float), np.full(18, 12.0), group)[0].low)
        assert worst == 0
    assert inside >= 26 and float(np.median(small)) < 0.1


def test_one_genre_alone_is_not_even_and_all_alike_are() -> None:
    alone = evenness(np.array([[20.0, 0, 0, 0]]))
    alike = evenness(np.array([[300.0, 300, 300, 0]]))
    assert alone.value == pytest.approx(0, abs=1e-6) and alike.value == pytest.approx(1.0) and alike.low > 0.98
