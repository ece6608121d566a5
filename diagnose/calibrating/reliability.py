"""Whether probabilities are true: calibration error, temperature, and from which probability on to believe a judge.

All of it from probabilities or logits (clips, labels) and the true labels (clips,), as indices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

BINS = 10
COLDEST, HOTTEST = 1e-2, 1e3  # bounds of a temperature
FEWEST_ANSWERED = 10  # clips above a threshold, of which an error rate says something


@dataclass(frozen=True)
class Bin:
    """Clips whose largest probability is from ``low`` to ``high``: how many, its mean, and how often it was right."""

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CoveragePoint:
    """Above a threshold: the share of clips that are answered, and the share of those that are misheard."""

    threshold: float
    coverage: float
    error: float


def reliability(probabilities: Tensor, right: Tensor, bins: int = BINS) -> list[Bin]:
    """The bins that hold clips, by the largest probability of each clip."""
    top, guess = probabilities.max(1)
    place = (top * bins).ceil().long().clamp(1, bins) - 1
    found = []
    for number in range(bins):
        inside = place == number
        if count := int(inside.sum()):
            accuracy = float((guess[inside] == right[inside]).float().mean())
            found.append(Bin(number / bins, (number + 1) / bins, count, float(top[inside].mean()), accuracy))
    return found


def calibration_error(probabilities: Tensor, right: Tensor, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599): how far probabilities are from how often they
    are right, on average over clips."""
    total = max(1, len(right))
    return sum(
        bin.clips / total * abs(bin.accuracy - bin.confidence) for bin in reliability(probabilities, right, bins)
    )


def loss(logits: Tensor, right: Tensor) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(cross_entropy(logits.double(), right))


def fit_temperature(logits: Tensor, right: Tensor) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017), within bounds.

    The loss is convex in 1 / temperature, so a search over its logarithm finds the one minimum.
    """
    from scipy.optimize import minimize_scalar

    exact = logits.double()
    found = minimize_scalar(
        lambda power: float(cross_entropy(exact * float(np.exp(power)), right)),
        bounds=(-np.log(HOTTEST), -np.log(COLDEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(-found.x))


def coverage_curve(probabilities: Tensor, right: Tensor) -> list[CoveragePoint]:
    """Risk and coverage (El-Yaniv and Wiener 2010) for every threshold that makes a difference, the highest first."""
    top, guess = probabilities.max(1)
    order = top.argsort(descending=True, stable=True)
    sure = top[order].numpy()
    wrong: NDArray[np.int64] = (guess[order] != right[order]).long().cumsum(0).numpy()
    last = np.flatnonzero(np.append(sure[1:] != sure[:-1], True))  # equal probabilities are answered together
    total = len(sure)
    return [CoveragePoint(float(sure[at]), (at + 1) / total, float(wrong[at]) / (at + 1)) for at in last.tolist()]


def abstention_threshold(curve: list[CoveragePoint], clips: int, target_error: float) -> float | None:
    """The lowest threshold at which no more than ``target_error`` of the clips that are answered are misheard: 0 where
    all may be answered; ``None`` where there is none, or where too few are answered to say so."""
    allowed = [
        place
        for place, point in enumerate(curve)
        if point.error <= target_error and point.coverage * clips >= FEWEST_ANSWERED - 1e-9
    ]
    if not allowed:
        return None
    return 0.0 if allowed[-1] == len(curve) - 1 else curve[allowed[-1]].threshold


def confusion(guess: Tensor, right: Tensor, labels: int) -> tuple[tuple[int, ...], ...]:
    """Clips of each label (rows) heard as each (columns)."""
    counts = torch.zeros(labels, labels, dtype=torch.long)
    counts.index_put_((right, guess), torch.ones_like(right), accumulate=True)
    return tuple(tuple(row) for row in counts.tolist())
