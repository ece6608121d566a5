"""The judge's own confusion, inverted: the planted truth comes back, with intervals that hold it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.diagnose.genre_statistics import planted_counts as planted
from tonescope.diagnose.genre_statistics.judge_correction import (
    clip_counts,
    condition,
    corrected,
    onto_simplex,
    why_too_poor,
)
from tonescope.models.judges.calibration import ConfusionRecord

LABELS = planted.LABELS


def test_a_judge_that_never_errs_corrects_nothing() -> None:
    takes = np.array([[5, 3, 0, 0, 0, 0]])
    found = corrected(takes, np.eye(6, dtype=np.int64) * 1000, draws=200)
    assert np.allclose(found.shares, takes / 8)


def test_many_takes_and_clips_give_the_truth_back() -> None:
    random, mishearing = np.random.default_rng(1), planted.mostly_right(0.2)
    truth = planted.confused("house", "techno", 0.4)
    counts = planted.played(truth, 100_000, random, mishearing)
    found = corrected(counts.heard, planted.clips(mishearing, 100_000, random), draws=200)
    raw = counts.heard / counts.heard.sum(1, keepdims=True)
    assert np.abs(found.shares - truth).max() < 0.01 < np.abs(raw - truth).max()


@pytest.mark.parametrize(("share", "takes"), [(0.35, 24), (0.1, 24), (0.9, 8), (0.02, 24)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(share: float, takes: int) -> None:
    random, mishearing = np.random.default_rng(2), planted.mostly_right(0.1)
    truth = planted.confused("house", "techno", share)
    held = []
    for trial in range(100):
        counts = planted.played(truth, takes, random, mishearing)
        found = corrected(counts.heard, planted.clips(mishearing, 30, random), draws=250, seed=trial)
        held.append((found.low[0, :3] <= truth[0, :3]) & (truth[0, :3] <= found.high[0, :3]))
    assert 0.9 <= np.mean(held) <= 1.0


def test_a_count_of_none_is_not_taken_for_certain() -> None:
    found = corrected(np.array([[0, 6] + [0] * 17]), np.eye(19, dtype=np.int64) * 30)
    assert found.shares[0, 0] == 0 and 0.2 < found.high[0, 0] < 0.45 and 0.55 < found.low[0, 1] < 0.75


def test_few_clips_make_intervals_wider_even_of_a_judge_that_made_no_mistake_on_them() -> None:
    takes = np.array([[6, 2, 0, 0, 0, 0]])
    widths = []
    for clips in (10, 1000):
        found = corrected(takes, np.eye(6, dtype=np.int64) * clips, draws=1000)
        widths.append(found.high[0, 1] - found.low[0, 1])
    assert widths[0] > widths[1]


def test_rows_without_takes_have_no_shares() -> None:
    found = corrected(np.zeros((1, 6), dtype=np.int64), np.eye(6, dtype=np.int64) * 30, draws=50)
    assert np.isnan(found.shares).all() and np.isnan(found.low).all()


def test_the_nearest_shares_sum_to_one() -> None:
    values = np.array([[1.2, -0.2, 0.0], [0.2, 0.3, 0.5], [5.0, 5.0, 5.0]])
    found = onto_simplex(values)
    assert np.allclose(found.sum(-1), 1) and (found >= 0).all()
    assert np.allclose(found, np.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3]]))


def test_a_record_is_brought_into_the_order_of_the_labels() -> None:
    table = ((10, 2, 0), (1, 11, 0), (0, 0, 12))
    record = ConfusionRecord(("techno", "house", "jazz"), table, table, 0.0)
    counted = clip_counts(record, ("house", "techno"))
    assert counted is not None and counted.tolist() == [[11, 1], [2, 10]]
    assert clip_counts(record, ("house", "polka")) is None and clip_counts(None, ("house",)) is None


@pytest.mark.parametrize(
    ("clips", "told"),
    [
        (None, "was not measured"),
        (np.eye(6, dtype=np.int64) * 3, "measured on 3 clips of house only"),
        (np.full((6, 6), 5) + np.eye(6, dtype=np.int64), "condition number"),
    ],
)
def test_a_poor_record_is_said_to_be_poor(clips: np.ndarray | None, told: str) -> None:
    assert told in str(why_too_poor(clips, LABELS))


def test_a_good_record_is_not() -> None:
    assert why_too_poor(np.eye(6, dtype=np.int64) * 28 + 1, LABELS) is None
    assert condition(np.zeros((2, 2), dtype=np.int64)) == float("inf")
