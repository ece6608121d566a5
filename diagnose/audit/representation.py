"""How much of each genre is heard beside how much there should be, the gap between groups, and what nobody asked for.

Intervals that are not Wilson's are bootstraps (Davison and Hinkley 1997). Takes of one prompt are alike, so prompts are
drawn where there are many. A genre has a few declared wordings, and three of them can be drawn in ten ways only: there
takes are drawn, and what is said is said of these wordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.stats import LEVEL, share

DRAWS, CHUNK = 2000, 100
MANY = 20  # prompts of a group, from which on they are drawn, and not takes
UNDER = 0.8  # of its reference share: the four-fifths rule of disparate impact

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ratio:
    """How much of one genre is heard, of how much there should be.

    Attributes:
        label: the genre.
        count, total: takes heard as it, of all.
        reference: the share that it should have.
        ratio: heard by reference; 1 is as it should be.
        p: that it is at least :data:`UNDER`.
    """

    label: str
    count: int
    total: int
    reference: float
    ratio: Estimate
    p: float


def ratios(counts: Floats, group: Ints, reference: Mapping[int, float], labels: Sequence[str]) -> list[Ratio]:
    """What is heard in takes with a clear genre, by label, against its reference share; the rarest first.

    Args:
        counts: (prompts, labels) takes by what is clearly heard.
        group: (prompts,) prompts that are drawn from among one another.
        reference: shares by place of the label.
        labels: their names.
    """
    total = float(counts.sum())
    drawn = _drawn(counts, group)
    shares = counts.sum(0) / max(total, 1)
    found = []
    for place, wanted in reference.items():
        draws = drawn[:, place] / wanted
        low, high = _interval(draws)
        if not counts[:, place].any():  # no draw has what no take has: the interval is Wilson's
            high = share(0, int(total)).high / wanted
        p = (1 + float((draws >= UNDER).sum())) / (len(draws) + 1)
        ratio = Estimate(float(shares[place] / wanted), max(0.0, low), high)
        found.append(Ratio(labels[place], int(counts[:, place].sum()), int(total), wanted, ratio, p))
    return sorted(found, key=lambda each: each.ratio.value)


def gap(hits: Floats, totals: Floats, group: Ints) -> tuple[Estimate, int, int]:
    """Best minus worst share of groups, and which these are.

    The largest of several shares lies above its true one by chance, and the smallest below, so the gap is corrected
    for what the bootstrap adds to it.

    Args:
        hits, totals: (prompts,) takes as asked, and all.
        group: (prompts,) the place of each prompt's group.
    """
    counts = np.stack([hits, totals - hits], 1)
    groups = int(group.max()) + 1
    shares = np.array([hits[group == each].sum() / max(totals[group == each].sum(), 1) for each in range(groups)])
    draws = np.stack(
        [
            _drawn(counts[group == each], np.zeros(int((group == each).sum()), np.int64), every=True)[:, 0]
            for each in range(groups)
        ],
        1,
    )
    spread = draws.max(1) - draws.min(1)
    value = float(shares.max() - shares.min())
    bias = max(0.0, float(spread.mean()) - value)
    low, high = _interval(spread - bias)
    return (
        Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value))),
        int(shares.argmin()),
        int(shares.argmax()),
    )


def evenness(counts: Floats) -> Estimate:
    """How evenly takes are spread over genres: their entropy as a share of the largest there can be, 0 to 1.

    ``counts`` is (prompts, labels + 1); those without a clear genre are left out.
    """
    most = np.log(max(counts.shape[1] - 1, 2))

    def entropy(shares: Floats) -> Floats:
        kept = shares / np.maximum(shares.sum(-1, keepdims=True), 1e-12)
        return -(kept * np.log(np.maximum(kept, 1e-12))).sum(-1) / most

    value = float(entropy(counts.sum(0)[:-1])) + 0.0  # and no minus before none
    drawn = np.maximum(_drawn(counts, np.zeros(len(counts), np.int64))[:, :-1], 0.0)
    low, high = _interval(entropy(drawn))
    return Estimate(value, min(low, value), max(high, value))


def _drawn(counts: Floats, group: Ints, *, every: bool = False, seed: int = 0) -> Floats:
    """(draws, labels) shares in takes that might have come instead, as many of each group as there are; their means
    are the shares that are observed.

    Shares of few prompts are drawn from what may be behind them, with Jeffreys' half a take for each label that comes
    (``every``: for all) and for others: takes that are all alike do not show that no other could have come.

    Args:
        counts: (prompts, labels).
        group: (prompts,).
    """
    random = np.random.default_rng(seed)
    sums = np.zeros((DRAWS, counts.shape[1]))
    for each in np.unique(group):
        rows = counts[(group == each) & (counts.sum(1) > 0)]
        if len(rows) >= MANY:
            sums += _drawn_prompts(random, rows)
        elif len(rows):
            sums += _drawn_shares(random, rows.sum(0), every)
    total = max(float(counts.sum()), 1.0)
    found: Floats = sums / total + (counts.sum(0) - sums.mean(0)) / total
    return found


def _drawn_shares(random: np.random.Generator, counts: Floats, every: bool) -> Floats:
    """(draws, labels) takes by the shares that may be behind (labels,) counts."""
    weights = np.where((counts > 0) | every, counts + 0.5, 0.0)
    drawn = random.standard_gamma(np.broadcast_to(weights, (DRAWS, len(weights))))
    others = np.zeros(DRAWS) if every else random.standard_gamma(0.5, DRAWS)
    found: Floats = counts.sum() * drawn / (drawn.sum(1) + others)[:, None]
    return found


def _drawn_prompts(random: np.random.Generator, counts: Floats) -> Floats:
    """(draws, labels) takes of prompts that are drawn anew, each with all of its takes."""
    even = np.full(len(counts), 1 / len(counts))
    parts = [random.multinomial(len(counts), even, CHUNK) @ counts for _ in range(0, DRAWS, CHUNK)]
    found: Floats = np.concatenate(parts)
    return found


def _interval(draws: Floats) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
