"""What a word in the prompt does to what is heard: takes with it against takes without it, genre by genre.

The exact form of the Cochran-Mantel-Haenszel test (Mantel and Haenszel 1959) compares within each genre that was asked
for, so that a genre that goes astray by itself is not booked as the word's doing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from tonescope.diagnose.genre_statistics.confused_pairs import WORTH_TELLING
from tonescope.diagnose.stats import BELIEVED, adjusted, share

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class WordEffect:
    """What one word does to how often one genre is heard.

    Attributes:
        factor, level: the word; ``heard``, the genre.
        count, total: takes with the word heard so, of those that asked for another genre.
        others, of_others: takes without it.
        difference: of both shares, genre by genre, weighted as the test weighs them; ``low``, ``high``: its interval.
        p: that both are alike, against more with the word. ``q``: over all words and genres.
    """

    factor: str
    level: str
    heard: str
    count: int
    total: int
    others: int
    of_others: int
    difference: float
    low: float
    high: float
    p: float
    q: float

    @property
    def flagged(self) -> bool:
        """Whether it is sure, and large enough to be met."""
        return self.q < BELIEVED and self.difference >= WORTH_TELLING


@dataclass(frozen=True)
class Stratified:
    """A comparison within strata: the one-sided p-value, the difference of shares and its interval."""

    p: float
    difference: float
    low: float
    high: float


def stratified(hits: Flags, group: Flags, stratum: Ints) -> Stratified:
    """Whether ``hits`` are more frequent in a ``group`` of takes than in the others, within strata.

    The test is exact, given how many hits and takes of the group each stratum has: with a take or two a stratum the
    normal approximation makes two hits look sure. The interval is Newcombe's (1998, method 10), of both shares.

    Args:
        hits, group: (takes,).
        stratum: (takes,) what has to be alike for takes to be compared.
    """
    strata = int(stratum.max(initial=-1)) + 1

    def counted(which: Flags) -> Ints:
        return np.bincount(stratum[which], minlength=strata).astype(np.int64)

    a, n1, m1, total = counted(hits & group), counted(group), counted(hits), counted(np.ones_like(group))
    used = (n1 > 0) & (n1 < total)
    a, n1, m1, total = (values[used] for values in (a, n1, m1, total))
    if not used.any():
        return Stratified(1.0, 0.0, -1.0, 1.0)
    n0 = total - n1
    weight = n1 * n0 / total
    difference = float((weight * (a / n1 - (m1 - a) / n0)).sum() / weight.sum())
    own, others = share(int(a.sum()), int(n1.sum())), share(int((m1 - a).sum()), int(n0.sum()))
    below = math.hypot(own.value - own.low, others.high - others.value)
    above = math.hypot(own.high - own.value, others.value - others.low)
    p = _as_many(int(a.sum()), n1, m1, total)
    return Stratified(p, difference, max(-1.0, difference - below), min(1.0, difference + above))


def _as_many(hits: int, n1: Ints, m1: Ints, total: Ints) -> float:
    """The probability of so many hits in the group, or more, if hits fall anywhere within their stratum: the sum of
    hypergeometric numbers, one a stratum."""
    sums, least = np.ones(1), 0
    for group, marked, of in zip(n1.tolist(), m1.tolist(), total.tolist(), strict=True):
        few, most = max(0, marked - (of - group)), min(group, marked)
        values = np.arange(few, most + 1)
        logs = _choose(group, values) + _choose(of - group, marked - values) - _choose(of, np.array([marked]))
        sums, least = np.convolve(sums, np.exp(logs)), least + few
    return float(min(1.0, sums[max(0, hits - least) :].sum()))


def _choose(items: int, taken: Ints) -> NDArray[np.float64]:
    """The logarithm of how many ways there are to take some of so many."""
    found: NDArray[np.float64] = gammaln(items + 1) - gammaln(taken + 1) - gammaln(items - taken + 1)
    return found


@dataclass(frozen=True)
class WordTakes:
    """Takes by what they ask for and what is heard, those that can be heard alone.

    Attributes:
        asked, heard: (takes,) places among ``labels``; −1 where no genre is clearly heard.
        levels: by factor, (takes,) places among its ``names``; 0 for none.
    """

    asked: Ints
    heard: Ints
    labels: tuple[str, ...]
    levels: dict[str, Ints]
    names: dict[str, tuple[str, ...]]


def word_effects(takes: WordTakes) -> list[WordEffect]:
    """What every word does to every genre that is heard with it, the surest first."""
    found: list[tuple[str, str, int, tuple[int, int, int, int], Stratified]] = []
    for factor, levels in takes.levels.items():
        for place, level in enumerate(takes.names[factor], start=1):
            has = levels == place
            for column in np.unique(takes.heard[has & (takes.heard >= 0)]).tolist():
                others = takes.asked != column
                hits = takes.heard == column
                within, without = has & others, ~has & others
                some, of = int((hits & within).sum()), int(within.sum())
                others_so, of_others = int((hits & without).sum()), int(without.sum())
                if not some:
                    continue
                tested = stratified(hits[others], has[others], takes.asked[others])
                found.append((factor, level, column, (some, of, others_so, of_others), tested))
    qs = adjusted([tested.p for *_, tested in found])
    effects = [
        WordEffect(factor, level, takes.labels[column], *counts, t.difference, t.low, t.high, t.p, float(q or 0.0))
        for (factor, level, column, counts, t), q in zip(found, qs, strict=True)
    ]
    return sorted(effects, key=lambda effect: (effect.p, -effect.difference))


def brought(takes: WordTakes, effects: Sequence[tuple[str, str, str]]) -> Flags:
    """(takes,) which are heard as the genre that a word in their prompt brings, of ``effects`` (factor, level, heard).

    What such a take is like is the word's doing, and says nothing of the genre that it asked for.
    """
    found = np.zeros(len(takes.heard), bool)
    for factor, level, heard in effects:
        place, column = takes.names[factor].index(level) + 1, takes.labels.index(heard)
        found |= (takes.levels[factor] == place) & (takes.heard == column) & (takes.asked != column)
    return found


def levels_of(rows: Sequence[Sequence[str]], names: dict[str, tuple[str, ...]]) -> dict[str, Ints]:
    """By factor, the place of each row's level (0 for none), of rows with one level a factor."""
    found = {}
    for at, (factor, levels) in enumerate(names.items()):
        places = {"": 0} | {level: place for place, level in enumerate(levels, start=1)}
        found[factor] = np.array([places[row[at]] if at < len(row) else 0 for row in rows], np.int64)
    return found
