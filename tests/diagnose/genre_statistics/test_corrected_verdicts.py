"""Verdicts from corrected shares: what was planted is said, and what cannot be known is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.diagnose.genre_statistics import planted_counts as planted
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts
from tonescope.diagnose.genre_statistics.corrected_verdicts import corrected_verdict
from tonescope.diagnose.genre_statistics.judge_correction import corrected, places_in_question

LABELS = ("house", "techno", "ambient", "jazz", "polka", "waltz")
FAMILIES = ("electronic", "electronic", "electronic", "jazz", "folk", "folk")
CLIPS = np.eye(6, dtype=np.int64) * 30


def verdict(heard: dict[str, int], clips: np.ndarray = CLIPS) -> str | None:
    """On takes that asked for house."""
    takes = np.array([[heard.get(label, 0) for label in LABELS]])
    return corrected_verdict(corrected(takes, clips, families=FAMILIES), 0, 0)


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ({"house": 24}, "match"),
        ({"techno": 24}, "sibling drift"),
        ({"techno": 12, "ambient": 12}, "sibling drift"),
        ({"polka": 24}, "family drift"),
        ({"polka": 12, "jazz": 12}, "family drift"),
        ({"house": 12, "techno": 12}, "unclear"),
        ({"house": 2}, "unclear"),
        ({}, None),
    ],
    ids=lambda value: str(value),
)
def test_what_was_planted_is_said(heard: dict[str, int], told: str | None) -> None:
    assert verdict(heard) == told


def test_a_drift_that_is_the_judges_own_is_none() -> None:
    """A judge that hears half of all house as techno: half heard so is all house."""
    clips = CLIPS.copy()
    clips[0, :2] = 60, 40
    assert verdict({"house": 60, "techno": 40}, clips) == "match"
    assert verdict({"techno": 24}, clips) == "sibling drift"
    assert verdict({"house": 60, "techno": 40}) != "sibling drift"


def test_families_are_the_sums_of_their_labels_with_intervals_that_hold_them() -> None:
    takes = np.array([[6, 6, 0, 12, 0, 0]])
    found = corrected(takes, CLIPS, families=FAMILIES)
    assert found.families.shares[0] == pytest.approx([0.5, 0.5, 0.5, 0.5, 0, 0])
    assert found.shares[0] == pytest.approx([0.25, 0.25, 0, 0.5, 0, 0])
    assert (found.families.low <= found.families.shares).all() and (found.families.high >= found.families.shares).all()


def test_intervals_of_families_hold_the_truth_about_as_often_as_they_say() -> None:
    random, mishearing = np.random.default_rng(4), planted.mostly_right(0.1)
    truth = planted.confused("house", "techno", 0.6)
    families = [0, 0, *range(1, len(planted.LABELS) - 1)]  # the first two are one family
    held = []
    for trial in range(100):
        counts = planted.played(truth, 24, random, mishearing)
        clips = planted.clips(mishearing, 30, random)
        found = corrected(counts.heard, clips, families=list(map(str, families)), draws=250, seed=trial).families
        held.append(found.low[0, 0] <= truth[0, :2].sum() <= found.high[0, 0])
    assert np.mean(held) >= 0.9


def test_labels_without_clips_are_in_question_only_where_takes_meet_them() -> None:
    clips = CLIPS.copy()
    clips[4:] = 0

    def places(heard: list[int]) -> list[int]:
        counts = ConfusionCounts(("house",), LABELS, np.array([heard]), np.zeros(1, int), np.zeros(1, int))
        return places_in_question(counts, clips)

    assert places([5, 0, 0, 0, 0, 0]) == [0, 1, 2, 3] and places([5, 0, 0, 0, 0, 1]) == [0, 1, 2, 3, 5]
    found = corrected(np.array([[3, 1, 0, 0]]), CLIPS[:4, :4]).among([0, 1, 2, 3], 6)
    assert found.shares[0] == pytest.approx([0.75, 0.25, 0, 0, 0, 0]) and found.families.high.shape == (1, 6)
