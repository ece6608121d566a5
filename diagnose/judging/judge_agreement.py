"""How far two judges agree over files or takes: Cohen's kappa (1960) with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.stats import LEVEL, Interval, Share, share

DRAWS, SEED = 2000, 0
FEWEST = 5  # of which an interval is told
SHOWN = 20

Pairs = Mapping[tuple[str, str], int]
"""How often the first judge hears one thing and the second another."""


class Agreement(BaseModel):
    """How far two judges agree over so many files or takes: the share that both hear alike, and Cohen's κ with its
    interval. ``disagreements``: which (or how many), what the first hears, what the second; ``about_second``: what the
    second judge is, and how it is calibrated."""

    model_config = ConfigDict(extra="forbid")

    first: str
    second: str
    compared: int
    alike: Share
    kappa: float | None
    interval: Interval | None
    disagreements: list[tuple[str, str, str]]
    sentence: str
    about_second: str = ""


def judge_agreement(
    names: tuple[str, str], pairs: Pairs, what: str, disagreements: Sequence[tuple[str, str, str]] | None = None
) -> Agreement | None:
    """Agreement of two judges; ``None`` where nothing was compared.

    Args:
        names: of the judges.
        pairs: what they hear.
        what: ``file`` or ``take``.
        disagreements: which they are, one by one; how many of each kind, if absent.
    """
    total = sum(pairs.values())
    if not total:
        return None
    table = _table(pairs)
    kappa = _kappa(table)
    interval = None if kappa is None or total < FEWEST else _interval(table, total)
    alike = share(sum(count for (one, other), count in pairs.items() if one == other), total)
    told = f"{names[0]} and {names[1]} hear {alike.count} of {total} {what}s alike"
    if kappa is not None:
        within = f" ({interval.low:.2f} to {interval.high:.2f})" if interval else ""
        told += f"; κ, which takes off what chance gives, is {kappa:.2f}{within}"
    if disagreements is None:
        apart = sorted(((count, *pair) for pair, count in pairs.items() if pair[0] != pair[1]), reverse=True)
        disagreements = [(f"{count} {what}{'s' * (count != 1)}", one, other) for count, one, other in apart]
    return Agreement(
        first=names[0],
        second=names[1],
        compared=total,
        alike=alike,
        kappa=kappa,
        interval=interval,
        disagreements=list(disagreements[:SHOWN]),
        sentence=f"{told}.",
    )


def _table(pairs: Pairs) -> NDArray[np.float64]:
    labels = sorted({label for pair in pairs for label in pair})
    table = np.zeros((len(labels), len(labels)))
    for (one, other), count in pairs.items():
        table[labels.index(one), labels.index(other)] += count
    return table


def _kappa(table: NDArray[np.float64]) -> float | None:
    shares = table / max(1.0, table.sum())
    chance = float(shares.sum(1) @ shares.sum(0))
    return None if chance >= 1 - 1e-12 else (float(np.trace(shares)) - chance) / (1 - chance)


def _interval(table: NDArray[np.float64], total: int) -> Interval:
    """By drawing as many files or takes anew."""
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(total, (table / total).ravel(), DRAWS).reshape(DRAWS, *table.shape)
    kappas = [found for each in drawn if (found := _kappa(each.astype(np.float64))) is not None]
    low, high = np.quantile(kappas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))
