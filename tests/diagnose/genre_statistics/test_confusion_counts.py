"""Counts by genre asked for and heard."""

from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts
from tonescope.diagnose.stats import share

COUNTS = ConfusionCounts(
    ("house", "jazz"),
    ("house", "techno", "jazz"),
    np.array([[5, 3, 0], [0, 0, 6]]),
    unsure=np.array([0, 2]),
    excluded=np.array([1, 0]),
)


def test_unsure_takes_count_and_excluded_ones_do_not() -> None:
    assert COUNTS.totals.tolist() == [8, 8] and COUNTS.matched.tolist() == [5, 6]
    assert COUNTS.share("jazz", "jazz") == share(6, 8) and COUNTS.by_label("house") == {"house": 5, "techno": 3}


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        ConfusionCounts(("house",), ("house", "jazz"), np.zeros((2, 2), int), np.zeros(1, int), np.zeros(1, int))
    with pytest.raises(ValueError, match="cannot be heard"):
        ConfusionCounts(("polka",), ("house",), np.zeros((1, 1), int), np.zeros(1, int), np.zeros(1, int))
