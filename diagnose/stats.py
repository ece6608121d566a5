"""Intervals: for shares of takes, and for paired differences.

Of scipy only its special functions, which load in a tenth of the time of ``scipy.stats``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel
from scipy.special import ndtri, stdtr, stdtrit

LEVEL = 0.95
BELIEVED = 0.05  # a q-value below this counts as sure


def signed(value: float, form: str = ".2f") -> str:
    """A number with its sign, as people read it: the minus is a minus and no hyphen, and nothing is below zero by a
    rounding."""
    text = f"{value:+{form}}"
    return text.replace("-", "−") if text.strip("+-0.") else text.replace("-", "+")


class Interval(BaseModel):
    """A confidence interval at :data:`LEVEL`."""

    low: float
    high: float

    def __format__(self, form: str) -> str:
        return f"{signed(self.low, form or '.2f')} to {signed(self.high, form or '.2f')}"

    def __str__(self) -> str:
        return format(self)


class Share(BaseModel):
    """``count`` of ``total`` takes, with the Wilson score interval of the true share (Wilson 1927)."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else float("nan")

    def __str__(self) -> str:
        return f"{self.count} of {self.total} ({100 * self.low:.0f}–{100 * self.high:.0f} %)"


class Effect(BaseModel):
    """A mean over takes, its Student-t interval and two-sided p-value against no effect; both absent for fewer than
    two takes.

    Of changes that are all equal no spread is known: there is no interval, and p is that of the sign test.
    """

    mean: float
    interval: Interval | None
    takes: int
    p: float | None = None

    def __format__(self, form: str) -> str:
        return signed(self.mean, form or ".2f") + (f" ({self.interval:{form}})" if self.interval else "")

    def __str__(self) -> str:
        return format(self)


def share(count: int, total: int) -> Share:
    """The share of takes with its Wilson interval; of no takes, anything from none to all."""
    if total == 0:
        return Share(count=0, total=0, low=0.0, high=1.0)
    z = float(ndtri(0.5 + LEVEL / 2))
    p, n = count / total, total
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Share(
        count=count,
        total=total,
        low=0.0 if count == 0 else max(0.0, centre - half),
        high=1.0 if count == total else min(1.0, centre + half),
    )


def effect(values: Sequence[float]) -> Effect:
    """Mean of paired differences, one a take, with its interval. Raises ``ValueError`` for what is no finite number."""
    array = np.asarray(values, dtype=float)
    if not len(array) or not np.isfinite(array).all():
        raise ValueError(f"there is no effect of {array.tolist()}")
    if len(array) < 2:
        return Effect(mean=float(array.mean()), interval=None, takes=len(array))
    mean, error = float(array.mean()), float(array.std(ddof=1) / math.sqrt(len(array)))
    if np.ptp(array) == 0:
        return Effect(mean=mean, interval=None, takes=len(array), p=least_paired(len(array)) if mean else 1.0)
    half = float(stdtrit(len(array) - 1, 0.5 + LEVEL / 2)) * error
    p = float(2 * stdtr(len(array) - 1, -abs(mean) / error))
    return Effect(mean=mean, interval=Interval(low=mean - half, high=mean + half), takes=len(array), p=p)


def least_paired(takes: int) -> float:
    """The smallest two-sided p-value that so many paired differences can have if nothing is assumed of their spread:
    all of one sign."""
    return float(2.0 ** (1 - takes))


def least_of_groups(first: int, second: int) -> float:
    """The same of two groups of so many takes: all of one above all of the other."""
    return min(1.0, 2 / math.comb(first + second, first))


def ratio_interval(values: Sequence[float], over: Sequence[float]) -> Interval | None:
    """The interval of the mean of some values over that of others, which are paired with them, one a take (Fieller
    1954). ``None`` where the mean below may be zero, and the ratio therefore anything; and for fewer than two takes."""
    above, below = np.asarray(values, dtype=float), np.asarray(over, dtype=float)
    if len(above) < 2 or below.mean() == 0:
        return None
    (spread, common), (_, beneath) = np.cov(above, below) / len(above)
    t, under = float(stdtrit(len(above) - 1, 0.5 + LEVEL / 2)), float(below.mean())
    found, unsure = float(above.mean()) / under, t * t * beneath / under**2
    if unsure >= 1:
        return None
    # As roots of (above − ratio · below)² = t² · its variance; written so that a constant below is no special case.
    middle = found - t * t * common / under**2
    inside = middle**2 - (1 - unsure) * (found**2 - t * t * spread / under**2)
    half = math.sqrt(max(0.0, float(inside)))
    return Interval(low=float(middle - half) / (1 - unsure), high=float(middle + half) / (1 - unsure))


def adjusted(ps: Sequence[float | None]) -> list[float | None]:
    """q-values after Benjamini and Hochberg (1995): the false-discovery rate if everything up to this p is believed."""
    known = [index for index, p in enumerate(ps) if p is not None]
    order = sorted(known, key=lambda index: -ps[index])  # type: ignore[operator]
    found: list[float | None] = [None] * len(ps)
    lowest = 1.0
    for rank, index in zip(range(len(order), 0, -1), order, strict=True):
        lowest = min(lowest, ps[index] * len(order) / rank)  # type: ignore[operator]
        found[index] = lowest
    return found
