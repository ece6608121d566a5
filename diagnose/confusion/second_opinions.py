"""What a second judge hears in the takes of a report, beside the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tonescope.diagnose.confusion.confusion_schema import ConfusedPair
from tonescope.diagnose.jobs.request import Models
from tonescope.diagnose.judging.judge_agreement import Agreement, judge_agreement
from tonescope.diagnose.judging.verdict import UNSURE, sure_enough
from tonescope.diagnose.stats import share
from tonescope.diagnose.store.take_queries import SecondHearing


@dataclass(frozen=True)
class SecondOpinions:
    """Takes by what was asked for and what two judges hear; the labels of the second; how far the two agree."""

    hearings: Sequence[SecondHearing] = ()
    labels: tuple[str, ...] = ()
    agreement: Agreement | None = None

    def beside(self, pair: ConfusedPair) -> ConfusedPair:
        """A confused pair, with in how many of its takes the second judge hears the same."""
        if pair.heard not in self.labels:
            return pair
        rows = [row for row in self.hearings if (row.asked, row.heard) == (pair.asked, pair.heard)]
        alike = sum(row.takes for row in rows if row.second == pair.heard)
        return pair.model_copy(update={"second": share(alike, sum(row.takes for row in rows))})


class HeardTwice(Protocol):
    """Takes that two judges may have heard."""

    def second_hearings(self, unsure_below: float) -> list[SecondHearing]:
        """What both hear; below that probability of the second, no genre is clear."""


def second_opinions(table: HeardTwice, models: Models) -> SecondOpinions:
    """Those of a second judge; empty where none listens."""
    second = models.second
    if second is None:
        return SecondOpinions()
    hearings = table.second_hearings(sure_enough(second))
    pairs: Counter[tuple[str, str]] = Counter()
    for row in hearings:
        pairs[row.heard or UNSURE, row.second or UNSURE] += row.takes
    agreed = judge_agreement((models.judge.name, second.name), pairs, "take")
    return SecondOpinions(hearings, second.labels, agreed)
