"""Numbers of paired takes with bootstrap intervals over prompts: takes of one prompt are alike, so those are drawn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from tonescope.diagnose.stats import LEVEL

DRAWS = 2000
FEWEST = 6  # prompts of which an interval can be told: all of one sign are sure, and by chance so are 2 of 2^prompts
SEED = 11

Floats = NDArray[np.float64]


class Measured(BaseModel):
    """A number, its interval over prompts (absent for fewer than :data:`FEWEST`), and how many prompts and takes it is
    of; ``p``, two-sided, that it is 0, by the same draws."""

    value: float
    low: float | None
    high: float | None
    prompts: int
    takes: int
    p: float | None = None

    @property
    def sure(self) -> bool:
        """Whether its interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def turned_round(self) -> Measured:
        """The same, counted the other way."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return self.model_copy(update={"value": -self.value, "low": low, "high": high})

    def __format__(self, form: str) -> str:
        form = form or ".2f"
        if self.low is None or self.high is None:
            return format(self.value, form)
        return f"{self.value:{form}} ({self.low:{form}} to {self.high:{form}})"

    def __str__(self) -> str:
        return format(self)


def mean_over(groups: Sequence[Hashable], values: Sequence[float]) -> Measured | None:
    """The mean of prompts' means; ``None`` where nothing is known."""
    return ratio_over(groups, values, None)


def ratio_over(
    groups: Sequence[Hashable], values: Sequence[float], over: Sequence[float] | None, *, less: bool = False
) -> Measured | None:
    """The mean of values over that of others, drawn together; ``less``: one less that. ``None`` where there is nothing
    to divide by.

    Args:
        groups: the prompt of each value.
        over: absent for the mean alone.
    """
    means = _by_group(groups, values)
    below = _by_group(groups, over) if over is not None else np.ones(len(means))
    if not len(means) or below.mean() == 0:
        return None

    def statistic(rows: NDArray[np.int64]) -> Floats:
        found = means[rows].mean(-1) / np.maximum(below[rows].mean(-1), 1e-12)
        return 1 - found if less else found

    return _measured(statistic, len(means), len(values))


def difference_over(groups: Sequence[Hashable], first: Sequence[float], second: Sequence[float]) -> Measured | None:
    """The mean of pairs' differences, second less first."""
    return mean_over(groups, [after - before for before, after in zip(first, second, strict=True)])


def _by_group(groups: Sequence[Hashable], values: Sequence[float]) -> Floats:
    found: dict[Hashable, list[float]] = {}
    for group, value in zip(groups, values, strict=True):
        found.setdefault(group, []).append(float(value))
    return np.array([np.mean(rows) for rows in found.values()])


def _measured(statistic: Callable[[NDArray[np.int64]], Floats], prompts: int, takes: int) -> Measured:
    value = float(statistic(np.arange(prompts)[None])[0])
    if prompts < FEWEST:
        return Measured(value=value, low=None, high=None, prompts=prompts, takes=takes)
    rows = np.random.default_rng(SEED).integers(prompts, size=(DRAWS, prompts))
    drawn = statistic(rows)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2 * (beyond + 1) / (DRAWS + 1))
    return Measured(value=value, low=float(low), high=float(high), prompts=prompts, takes=takes, p=p)
