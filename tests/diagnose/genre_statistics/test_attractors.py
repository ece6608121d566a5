"""Labels that draw takes whatever was asked for, and those that only one genre falls into."""

from __future__ import annotations

import numpy as np

from tests.diagnose.genre_statistics import planted_counts as planted
from tonescope.diagnose.genre_statistics.attractors import attractors
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts, Counts

ROWS = 6


def counted(heard: Counts) -> ConfusionCounts:
    nothing = np.zeros(len(heard), dtype=np.int64)
    return ConfusionCounts(planted.LABELS, planted.LABELS, heard, nothing, nothing)


def test_a_planted_attractor_is_found_with_its_share() -> None:
    truth = np.eye(ROWS) * 0.6
    truth[:, planted.LABELS.index("polka")] += 0.4
    found = attractors(planted.played(truth, 16, np.random.default_rng(0)), draws=1000)
    assert found[0].label == "polka" and found[0].q < 0.05 and found[0].genres == ROWS - 1
    assert found[0].low < 0.4 < found[0].high and found[0].chance < found[0].share


def test_one_genre_that_is_always_heard_as_another_makes_no_attractor() -> None:
    counts = planted.played(planted.confused("jazz", "waltz", 1.0), 24, np.random.default_rng(0))
    (found,) = attractors(counts, draws=1000)
    assert (found.label, found.count, found.total, found.genres) == ("waltz", 24, 24 * (ROWS - 1), 1)
    assert found.q > 0.05 and found.low == 0.0


def test_misses_that_go_anywhere_make_none() -> None:
    false = 0
    for trial in range(20):
        counts = planted.played(planted.mostly_right(0.5), 16, np.random.default_rng(trial))
        false += any(found.q < 0.05 for found in attractors(counts, draws=400, seed=trial))
    assert false <= 3


def test_without_misses_there_is_nothing_to_list() -> None:
    assert attractors(counted(np.diag([8] * ROWS)), draws=50) == []


def test_asking_for_a_label_does_not_make_it_an_attractor() -> None:
    heard = np.diag([8] * ROWS)
    heard[3, 3] = 800  # many takes asked for it, and got it
    assert attractors(counted(heard), draws=50) == []
