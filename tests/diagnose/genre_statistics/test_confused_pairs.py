"""Planted confusions are flagged, and what the judge's own mishearing explains is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.diagnose.genre_statistics import planted_counts as planted
from tonescope.diagnose.genre_statistics.confused_pairs import confused_pairs, fisher
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts


def flagged(counts: ConfusionCounts, clips: np.ndarray | None, assumed: float = 0.1) -> set[tuple[str, str]]:
    return {(pair.asked, pair.heard) for pair in confused_pairs(counts, clips, assumed) if pair.flagged}


def test_the_exact_test_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for table in ((3, 8, 0, 30), (8, 8, 1, 30), (0, 8, 2, 30), (5, 24, 5, 30)):
        count, total, others, of = table
        expected = stats.fisher_exact([[count, total - count], [others, of - others]], alternative="greater").pvalue
        assert fisher(*table) == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.35, 0.6, 1.0])
def test_a_planted_confusion_is_found_and_nothing_else(share: float) -> None:
    mishearing = planted.mostly_right(0.05)
    found, false = 0, 0
    for trial in range(20):
        random = np.random.default_rng(trial)
        counts = planted.played(planted.confused("house", "techno", share), 24, random, mishearing)
        pairs = flagged(counts, planted.clips(mishearing, 30, random))
        found += ("house", "techno") in pairs
        false += len(pairs - {("house", "techno")})
    assert found >= (10 if share < 0.5 else 20) and false <= 2


def test_a_judge_that_mishears_as_often_explains_it_all() -> None:
    random, mishearing = np.random.default_rng(3), planted.confused("house", "techno", 0.5)
    counts = planted.played(np.eye(6), 24, random, mishearing)
    assert counts.by_label("house")["techno"] > 6
    assert not flagged(counts, planted.clips(mishearing, 30, random))


def test_where_the_judge_was_not_measured_only_much_is_sure() -> None:
    random = np.random.default_rng(4)
    assert flagged(planted.played(planted.confused("jazz", "polka", 0.9), 24, random), None) == {("jazz", "polka")}
    assert not flagged(planted.played(planted.confused("jazz", "polka", 0.1), 24, random), None)


def test_pairs_that_nothing_fell_into_do_not_cost_certainty() -> None:
    heard = np.diag([8] * 6)
    heard[0] = [5, 3, 0, 0, 0, 0]
    nothing = np.zeros(6, dtype=np.int64)
    counts = ConfusionCounts(planted.LABELS, planted.LABELS, heard, nothing, nothing)
    (pair,) = confused_pairs(counts, np.eye(6, dtype=np.int64) * 30, 0.1)
    assert pair.q == pair.p < 0.05 and (pair.count, pair.total, pair.of_clips) == (3, 8, 30)


def test_a_rare_confusion_is_not_worth_telling_however_sure() -> None:
    heard = np.diag([1000] * 6)
    heard[0, 1] = 60
    nothing = np.zeros(6, dtype=np.int64)
    counts = ConfusionCounts(planted.LABELS, planted.LABELS, heard, nothing, nothing)
    (pair,) = confused_pairs(counts, np.eye(6, dtype=np.int64) * 1000, 0.1)
    assert pair.q < 0.001 and not pair.flagged
