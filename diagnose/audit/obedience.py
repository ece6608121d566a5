"""Whether tempo, key and instruments are as asked: each against takes that asked for something else.

A tempo is one of several that a beat can be counted in (half, double), so each take is held against what was asked in
all of them, and words are compared with one another: is it faster where faster was asked?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from tonescope.diagnose.audit.representation import DRAWS, Estimate
from tonescope.diagnose.descriptors.tempo import SAME
from tonescope.diagnose.stats import LEVEL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Z = float(ndtri(0.5 + LEVEL / 2))
OCTAVES = (0.5, 2.0)  # other ways to count a beat
EVEN = 0.5  # of pairs: no difference
FEWEST = 8  # takes of either group that tell anything
MOST_EXACT = 4000  # pairs of takes; of more, the normal approximation is as good


@dataclass(frozen=True)
class TempoCounts:
    """Takes that asked for a tempo: as asked, as asked where counted otherwise, not so, and without a beat."""

    as_asked: int
    counted_otherwise: int
    otherwise: int
    no_beat: int


def tempo_counts(bpm: Floats, low: float, high: float) -> TempoCounts:
    """How many takes of these tempos (takes,), NaN without a beat, are from ``low`` to ``high`` beats a minute."""

    def within(values: Floats) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (values >= low * (1 - SAME)) & (values <= high * (1 + SAME))
        return inside

    beat = np.isfinite(bpm)
    plain = within(bpm) & beat
    other = np.zeros_like(plain)
    for octave in OCTAVES:
        other |= within(bpm * octave) & beat
    return TempoCounts(
        int(plain.sum()),
        int((other & ~plain).sum()),
        int((beat & ~plain & ~other).sum()),
        int((~beat).sum()),
    )


@dataclass(frozen=True)
class Superiority(Estimate):
    """How likely a take of one group has more than one of another; one half says that they are alike.

    Attributes:
        fewest: takes of the smaller group.
        p: that the groups are alike, against less in the first: the test of Mann and Whitney (1947), exact in small
            groups in which no two takes are equal.
    """

    fewest: int
    p: float

    def chance_below(self, limit: float) -> float:
        """The p-value that this is not really below a limit: the test's own for one half, else that of Student's t
        with the spread of the interval."""
        if limit == EVEN:
            return self.p
        spread = max((self.high - self.low) / (2 * Z), 1e-6)
        return float(stdtr(self.fewest - 1, (self.value - limit) / spread))


def superiority(more: Floats, less: Floats, *, seed: int = 0) -> Superiority | None:
    """How likely a take of the first group has more than one of the second.

    Ties count half; the interval is a bootstrap over takes. NaN are left out; ``None`` where fewer than
    :data:`FEWEST` are left of a group.
    """
    from scipy.stats import mannwhitneyu

    more, less = more[np.isfinite(more)], less[np.isfinite(less)]
    fewest = min(len(more), len(less))
    if fewest < FEWEST:
        return None
    random, above = np.random.default_rng(seed), _above(more, less)
    value = float(above.mean())
    rows = random.integers(len(more), size=(DRAWS, len(more)))
    columns = random.integers(len(less), size=(DRAWS, len(less)))
    weights = np.stack([np.bincount(each, minlength=len(less)) for each in columns]) / len(less)
    draws = np.array([float((above[each] @ weight).mean()) for each, weight in zip(rows, weights, strict=True)])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    if value in (0.0, 1.0):  # a bootstrap of what never differs has no width: that of so many pairs has (Clopper 1934)
        slack = 1 - tail ** (1 / fewest)
        low, high = (1 - slack, 1.0) if value else (0.0, slack)
    everything = np.concatenate([more, less])
    different = len(np.unique(everything))
    exact = different == len(everything) and len(more) * len(less) <= MOST_EXACT
    p = 1.0
    if different > 1:
        test = mannwhitneyu(more, less, alternative="less", method="exact" if exact else "asymptotic")
        p = float(test.pvalue)
    return Superiority(value, float(min(low, value)), float(max(high, value)), fewest, p)


def _above(more: Floats, less: Floats) -> Floats:
    found: Floats = (more[:, None] > less[None]).astype(float) + 0.5 * (more[:, None] == less[None])
    return found


def pooled_superiority(
    more: Floats, less: Floats, of_more: Ints, of_less: Ints, groups: Sequence[int]
) -> Estimate | None:
    """:func:`superiority` within groups, and their mean: (takes,) values with the group of each.

    The interval is over groups (a bootstrap of their means), where there are three or more.
    """
    each = []
    for group in groups:
        found = superiority(more[of_more == group], less[of_less == group])
        if found is not None:
            each.append(found)
    if len(each) < 3:
        return each[0] if len(each) == 1 else None
    values = np.array([found.value for found in each])
    draws = values[np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))].mean(1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(float(values.mean()), float(low), float(high))
