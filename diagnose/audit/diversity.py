"""How many different takes a genre really has: the Vendi score of the judge's embeddings (arXiv 2210.02410).

It is the exponential of the entropy of the eigenvalues of the similarity matrix: 1 where all takes are alike, as many
as there are takes where none are. It grows with their number, so genres are compared at one number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.audit.representation import Estimate
from tonescope.diagnose.stats import LEVEL

DRAWS = 200
MOST_TAKES = 400

Floats = NDArray[np.float64]


def vendi(embeddings: Floats) -> float:
    """The score of takes (takes, width) of length one."""
    if not len(embeddings):
        return float("nan")
    values = np.linalg.eigvalsh(embeddings @ embeddings.T / len(embeddings))
    values = np.clip(values, 0.0, None)
    values = values / max(float(values.sum()), 1e-12)
    kept = values[values > 1e-12]
    return float(np.exp(-(kept * np.log(kept)).sum()))


def diversity(embeddings: Floats, takes: int, *, seed: int = 0) -> Estimate:
    """The score of so many takes: the mean over random choices of them, and the range that 95 % of these lie in.

    A bootstrap would draw takes twice, and twice the same take is no diversity.
    """
    embeddings, random = embeddings[:MOST_TAKES], np.random.default_rng(seed)
    size = max(2, min(takes, len(embeddings)))
    if len(embeddings) < 3:
        value = vendi(embeddings)
        return Estimate(value, min(1.0, value), float(len(embeddings)))
    size = min(size, len(embeddings) - 1)  # one is left out each time, at least: that gives the range
    draws = np.array([vendi(embeddings[random.permutation(len(embeddings))[:size]]) for _ in range(DRAWS)])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(float(draws.mean()), float(low), float(high))
