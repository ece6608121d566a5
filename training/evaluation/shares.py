"""Proportions and comparisons with their 95 % intervals, as data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tonescope.diagnose.stats import share


def counted(flags: Tensor | list[bool]) -> dict[str, Any]:
    """The proportion of true flags (count, total) with its Wilson interval (low, high)."""
    values = torch.as_tensor(flags)
    return share(int(values.sum()), len(values)).model_dump()


def clustered(shares: Tensor | list[float], draws: int = 4000) -> dict[str, Any]:
    """The mean of ``shares``, one a clip, prompt or take, with its 95 % interval.

    The bootstrap draws clips, prompts or takes, not answers: answers within one are not independent.
    """
    values = np.asarray(shares, dtype=float)
    means = values[np.random.default_rng(0).integers(len(values), size=(draws, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(values.mean()), "of": len(values), "low": float(low), "high": float(high)}


def faster(fast: Tensor, slow: Tensor, draws: int = 4000) -> dict[str, Any]:
    """How often a take of one kind is faster than one of the other; a tie counts half.

    The 95 % interval is by bootstrap over the takes of both kinds.
    """
    pairs = ((fast[:, None] > slow[None]).float() + 0.5 * (fast[:, None] == slow[None]).float()).numpy()
    random, (rows, columns) = np.random.default_rng(0), pairs.shape
    drawn = [
        pairs[np.ix_(random.integers(rows, size=rows), random.integers(columns, size=columns))].mean()
        for _ in range(draws)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"mean": float(pairs.mean()), "of": rows, "low": float(low), "high": float(high)}
