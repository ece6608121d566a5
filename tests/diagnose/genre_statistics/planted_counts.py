"""Takes and clips of a planted truth: what is played, and how it is misheard, is known."""

from __future__ import annotations

import numpy as np

from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts, Counts, Shares

LABELS = ("house", "techno", "jazz", "polka", "waltz", "metal")


def played(truth: Shares, takes: int, random: np.random.Generator, mishearing: Shares | None = None) -> ConfusionCounts:
    """Counts of ``takes`` of each genre that are played with the shares ``truth`` (labels, labels) and heard by a judge
    that mishears as told."""
    heard = truth if mishearing is None else truth @ mishearing
    counts = np.stack([random.multinomial(takes, row) for row in heard])
    nothing = np.zeros(len(counts), dtype=np.int64)
    return ConfusionCounts(LABELS, LABELS, counts, nothing, nothing)


def clips(mishearing: Shares, each: int, random: np.random.Generator) -> Counts:
    """How a judge that mishears as told heard known clips."""
    return np.stack([random.multinomial(each, row) for row in mishearing])


def mostly_right(error: float) -> Shares:
    """A judge that errs so often, to all other labels alike."""
    count = len(LABELS)
    return np.full((count, count), error / (count - 1)) + np.eye(count) * (1 - error - error / (count - 1))


def confused(asked: str, heard: str, share: float) -> Shares:
    """A generator that plays what it is asked for, but for one pair."""
    truth = np.eye(len(LABELS))
    row, column = LABELS.index(asked), LABELS.index(heard)
    truth[row, row], truth[row, column] = 1 - share, share
    return truth
