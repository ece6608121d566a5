"""The Vendi score counts different takes."""

from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.audit.diversity import diversity, vendi


def test_it_is_one_for_equal_takes_and_their_number_for_orthogonal_ones() -> None:
    assert vendi(np.tile(np.eye(8)[:1], (5, 1))) == pytest.approx(1.0)
    assert vendi(np.eye(8)[:5]) == pytest.approx(5.0)
    assert vendi(np.eye(8)[[0, 0, 1, 1]]) == pytest.approx(2.0)


def test_a_genre_of_more_takes_is_not_more_diverse_for_that() -> None:
    kinds = np.eye(16)[np.random.default_rng(0).integers(4, size=200)]
    few, many = diversity(kinds[:40], 20), diversity(kinds, 20)
    assert few.value == pytest.approx(many.value, rel=0.15) and few.low <= few.value <= few.high


def test_two_takes_have_a_score_too() -> None:
    found = diversity(np.eye(4)[:2], 10)
    assert found.value == pytest.approx(2.0) and np.isnan(vendi(np.zeros((0, 4))))
