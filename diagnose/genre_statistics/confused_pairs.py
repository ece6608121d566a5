"""Which genres are confused: more takes are heard as another label than the judge's own mishearing explains.

Under the null hypothesis every take is what was asked for, and the judge errs as it does on known clips. Clips and
takes are two samples of that one error, so each pair of labels gets Fisher's exact test, one-sided (Fisher 1935); where
the judge was not measured, a binomial test against an assumed error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc, gammaln

from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts, Counts
from tonescope.diagnose.stats import BELIEVED, adjusted

WORTH_TELLING = 0.1  # a share of the takes: rarer confusions are real, perhaps, and no musician meets them


@dataclass(frozen=True)
class Pair:
    """One genre asked for, another heard.

    Attributes:
        asked, heard: the labels.
        count, total: takes heard so, of those that ask for it and are clearly heard.
        clips, of_clips: how often the judge heard clips of it so; both 0 where that was not measured.
        p: that the judge's own mishearing gives as many, or more.
        q: after Benjamini and Hochberg, over the pairs in which anything could be found.
    """

    asked: str
    heard: str
    count: int
    total: int
    clips: int
    of_clips: int
    p: float
    q: float

    @property
    def flagged(self) -> bool:
        """Whether it is sure, and often enough to be met."""
        return self.q < BELIEVED and self.count >= WORTH_TELLING * self.total


def confused_pairs(counts: ConfusionCounts, clips: Counts | None, assumed_error: float) -> list[Pair]:
    """The pairs of labels that takes fell into, the surest first.

    A pair that neither a take nor a clip fell into has no other p-value than 1, whatever the truth; such tests are left
    out of the multiplicity, by their margins alone (Tarone 1990; Gilbert 2005). Without clips of a label nothing is
    left out.

    Args:
        counts: the takes.
        clips: (labels, labels) the judge's own confusion, in the order of ``counts.labels``; ``None`` if not measured.
        assumed_error: of a judge that was not measured, or not on a label.
    """
    found: list[tuple[int, int, int, int, float]] = []
    totals = counts.heard.sum(1)
    for row, own in enumerate(counts.diagonal):
        for column in range(len(counts.labels)):
            count, total = int(counts.heard[row, column]), int(totals[row])
            if column == own or not total:
                continue
            if clips is None or not clips[own].any():
                found.append((row, column, 0, 0, float(bdtrc(count - 1, total, assumed_error)) if count else 1.0))
                continue
            heard, of = int(clips[own, column]), int(clips[own].sum())
            if count + heard:
                found.append((row, column, heard, of, fisher(count, total, heard, of)))
    qs = adjusted([p for *_, p in found])
    pairs = [
        Pair(
            asked=counts.asked[row],
            heard=counts.labels[column],
            count=int(counts.heard[row, column]),
            total=int(totals[row]),
            clips=heard,
            of_clips=of,
            p=p,
            q=float(q if q is not None else 1.0),
        )
        for (row, column, heard, of, p), q in zip(found, qs, strict=True)
    ]
    return sorted((pair for pair in pairs if pair.count), key=lambda pair: (pair.p, -pair.count / pair.total))


def fisher(count: int, total: int, others: int, of: int) -> float:
    """The one-sided p-value of ``count`` of ``total`` against ``others`` of ``of``: as many or more, if both are
    samples of one share."""
    hits = count + others
    values = np.arange(count, min(hits, total) + 1)
    terms = _choose(total, values) + _choose(of, hits - values)
    return float(min(1.0, np.exp(terms - _choose(total + of, np.array([hits]))).sum()))


def _choose(items: int, taken: Sequence[int] | np.ndarray) -> np.ndarray:
    """The logarithm of how many ways there are to take some of so many."""
    taken = np.asarray(taken, dtype=float)
    return np.asarray(gammaln(items + 1) - gammaln(taken + 1) - gammaln(items - taken + 1))
