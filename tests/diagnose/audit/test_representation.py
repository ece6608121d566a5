"""Ratios, gaps and evenness: true values are recovered, and what is alike is not said to differ."""

from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.audit.representation import evenness, gap, ratios


def test_a_genre_that_is_heard_half_as_often_as_it_should_is_found() -> None:
    counts = np.array([[6.0, 6, 0]] * 3 + [[0.0, 12, 0]] * 3)
    found = {row.label: row for row in ratios(counts, np.repeat([0, 1], 3), {0: 0.5, 1: 0.5}, ("rare", "often"))}
    assert found["rare"].ratio.value == pytest.approx(0.5) and found["rare"].p < 0.01
    assert found["rare"].ratio.low < 0.5 < found["rare"].ratio.high < 0.8
    assert found["often"].ratio.value == pytest.approx(1.5) and found["often"].p > 0.9


def test_a_genre_that_no_take_is_heard_as_has_an_interval() -> None:
    counts = np.array([[0.0, 12, 0]] * 3 + [[0.0, 12, 0]] * 3)
    never = ratios(counts, np.repeat([0, 1], 3), {0: 0.5, 1: 0.5}, ("never", "often"))[0]
    assert never.label == "never" and never.ratio.value == never.ratio.low == 0 and 0.05 < never.ratio.high < 0.2


def test_wordings_that_differ_do_not_hide_what_holds_of_them_together() -> None:
    """Half of the takes of one genre, spread unevenly over its three wordings."""
    counts = np.array([[3.0, 9, 0], [6.0, 6, 0], [9.0, 3, 0], [0.0, 12, 0], [0.0, 12, 0], [0.0, 12, 0]])
    rare = ratios(counts, np.repeat([0, 1], 3), {0: 0.5, 1: 0.5}, ("rare", "often"))[0]
    assert rare.ratio.value == pytest.approx(0.5) and rare.p < 0.002


def test_takes_of_many_prompts_are_drawn_prompt_by_prompt() -> None:
    """Of forty prompts half are always heard so and half never: takes of one prompt are no more than one."""
    counts = np.array([[8.0, 0, 0], [0.0, 8, 0]] * 20)
    many = ratios(counts, np.zeros(40, np.int64), {0: 0.5, 1: 0.5}, ("a", "b"))[0]
    few = ratios(np.array([[160.0, 160, 0]]), np.zeros(1, np.int64), {0: 0.5, 1: 0.5}, ("a", "b"))[0]
    assert many.ratio.high - many.ratio.low > 2 * (few.ratio.high - few.ratio.low)


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
