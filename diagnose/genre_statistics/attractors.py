"""Attractors: labels that takes are heard as whatever was asked for, the mass of a column beyond its diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts
from tonescope.diagnose.stats import LEVEL, adjusted

DRAWS = 4000


@dataclass(frozen=True)
class Attractor:
    """A label that draws takes.

    Attributes:
        label: the label heard.
        count, total: takes clearly heard as it, of those that asked for something else.
        low, high: the interval of that share, over the genres asked for as well as their takes.
        genres: how many genres have at least one such take.
        chance: the share that is expected if the misses of each genre went to any label alike.
        p: that chance gives as much, or more. ``q``: over all labels.
    """

    label: str
    count: int
    total: int
    low: float
    high: float
    genres: int
    chance: float
    p: float
    q: float

    @property
    def share(self) -> float:
        """Of the takes that asked for something else."""
        return self.count / self.total if self.total else float("nan")


def attractors(counts: ConfusionCounts, *, draws: int = DRAWS, seed: int = 0) -> list[Attractor]:
    """Every label that is heard where it was not asked for, the strongest first.

    Takes of one genre go astray together, so neither interval nor test treats them as independent. The interval is a
    bootstrap over genres. The test keeps how the misses of each genre are bundled, and only deals anew to which labels
    the bundles go: one genre that is always heard as another makes a confused pair, and no attractor.

    Args:
        counts: the takes.
        draws: of the bootstrap and of the test, whose smallest p-value is 1 / (draws + 1).
        seed: of their noise.
    """
    random = np.random.default_rng(seed)
    rows, columns = counts.heard.shape
    off = counts.heard.copy()
    off[np.arange(rows), counts.diagonal] = 0
    totals = counts.heard.sum(1)
    asks = counts.diagonal[:, None] == np.arange(columns)
    others = np.where(asks, 0, totals[:, None])  # takes of a row that did not ask for a column
    mass, room = off.sum(0), others.sum(0)
    null = _dealt(random, off, counts.diagonal, draws)
    p = (1 + (null >= mass).sum(0)) / (draws + 1)
    chosen = random.multinomial(rows, np.full(rows, 1 / max(rows, 1)), draws) if rows else np.zeros((draws, 0), int)
    shares = (chosen @ off) / np.maximum(chosen @ others, 1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(shares, [tail, 1 - tail], axis=0)
    q = adjusted([float(value) for value in p])
    found = [
        Attractor(
            label=counts.labels[column],
            count=int(mass[column]),
            total=int(room[column]),
            low=float(low[column]),
            high=float(high[column]),
            genres=int((off[:, column] > 0).sum()),
            chance=float(null[:, column].mean() / max(room[column], 1)),
            p=float(p[column]),
            q=float(q[column] or 0.0),
        )
        for column in range(columns)
        if mass[column]
    ]
    return sorted(found, key=lambda attractor: (attractor.p, -attractor.share))


def _dealt(random: np.random.Generator, off: np.ndarray, diagonal: np.ndarray, draws: int) -> np.ndarray:
    """(draws, labels) masses if the misses of each row went to other labels, each label's bundle as a whole."""
    rows, columns = off.shape
    null = np.zeros((draws, columns))
    for row in range(rows):
        places = np.flatnonzero(np.arange(columns) != diagonal[row])
        bundles = off[row, places]
        if bundles.any():
            null[:, places] += random.permuted(np.broadcast_to(bundles, (draws, len(places))), axis=1)
    return null
