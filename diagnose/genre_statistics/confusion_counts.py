"""Counts of takes by the genre asked for and the genre heard, and their Wilson intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.stats import Share, share

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class ConfusionCounts:
    """Takes by what was asked for and what is heard.

    Attributes:
        asked: the labels asked for, one a row.
        labels: the labels of the judge, one a column.
        heard: (rows, columns) takes in which a genre is clearly heard.
        unsure: (rows,) takes in which none is.
        excluded: (rows,) takes in which nothing could be heard: silent, or not made of numbers.
    """

    asked: tuple[str, ...]
    labels: tuple[str, ...]
    heard: Counts
    unsure: Counts
    excluded: Counts

    def __post_init__(self) -> None:
        rows, columns = len(self.asked), len(self.labels)
        if self.heard.shape != (rows, columns) or self.unsure.shape != (rows,) or self.excluded.shape != (rows,):
            raise ValueError(f"counts of the shape {self.heard.shape} do not fit {rows} genres and {columns} labels")
        if unknown := set(self.asked) - set(self.labels):
            raise ValueError(f"{', '.join(sorted(unknown))} cannot be heard")

    @property
    def totals(self) -> Counts:
        """(rows,) takes that could be heard, clearly or not."""
        found: Counts = self.heard.sum(1) + self.unsure
        return found

    @property
    def diagonal(self) -> Counts:
        """(rows,) the column of each row's own label."""
        return np.array([self.labels.index(label) for label in self.asked], dtype=np.int64)

    @property
    def matched(self) -> Counts:
        """(rows,) takes heard as asked."""
        found: Counts = self.heard[np.arange(len(self.asked)), self.diagonal]
        return found

    def share(self, asked: str, heard: str) -> Share:
        """How many of the takes that asked for one label are heard as another, with its interval."""
        row = self.asked.index(asked)
        return share(int(self.heard[row, self.labels.index(heard)]), int(self.totals[row]))

    def by_label(self, asked: str) -> dict[str, int]:
        """What the takes that asked for a label are heard as, the most heard first."""
        row = self.heard[self.asked.index(asked)]
        order = np.argsort(-row, kind="stable")
        return {self.labels[index]: int(row[index]) for index in order if row[index]}
