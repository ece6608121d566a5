"""What would be heard by a judge that never mishears: the judge's own confusion, inverted.

Where known clips of label i are heard as label j with the probability M[i, j], and takes truly are of the labels with
the shares q, they are heard with the shares p = q M. So q = p inverse(M): "adjusted count" of quantification (Forman
2008), the matrix method of epidemiology (Barron 1977). Intervals come of a Bayesian bootstrap (Rubin 1981) of both
counts, takes and clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.genre_statistics.confusion_counts import Counts, Shares
from tonescope.diagnose.stats import LEVEL
from tonescope.models.judges.calibration import ConfusionRecord

FEWEST_CLIPS = 10  # of a label: with fewer its row of the record is anything between good and useless
LARGEST_CONDITION = 10.0  # by so much at most may the inversion enlarge an error of what was counted
DRAWS = 2000
CHUNK = 250  # draws that are solved at once, which bounds the memory
PRIOR = 1.0  # clips, or takes, spread evenly over all labels: what was never counted is rare and not impossible


@dataclass(frozen=True)
class Corrected:
    """Shares (rows, labels) of what takes truly are, and the ends of their intervals."""

    shares: Shares
    low: Shares
    high: Shares


def clip_counts(record: ConfusionRecord | None, labels: tuple[str, ...]) -> Counts | None:
    """(labels, labels) how often clips of a label were heard as another, after the codec; ``None`` where it was not
    measured for all of the labels."""
    if record is None or set(labels) - set(record.labels):
        return None
    order = [record.labels.index(label) for label in labels]
    counted: Counts = np.array(record.reconstructed, dtype=np.int64)[np.ix_(order, order)]
    return counted


def condition(clips: Counts) -> float:
    """The condition number (2-norm) of the judge's confusion matrix; infinite where a label has no clip."""
    totals = clips.sum(1, keepdims=True)
    if not totals.all():
        return float("inf")
    return float(np.linalg.cond(clips / totals))


def why_too_poor(clips: Counts | None, labels: tuple[str, ...]) -> str | None:
    """Why a judge's confusion cannot be inverted, as a sentence; ``None`` where it can."""
    if clips is None:
        return "How often the judge mishears these genres was not measured, so what is heard is not corrected for it."
    totals = clips.sum(1).tolist()
    if (fewest := min(totals)) < FEWEST_CLIPS:
        worst = labels[totals.index(fewest)]
        return (
            f"The judge was measured on {fewest} clip{'s' * (fewest != 1)} of {worst} only, where "
            f"{FEWEST_CLIPS} are the fewest that tell something, so what is heard is not corrected for its mistakes."
        )
    if (found := condition(clips)) > LARGEST_CONDITION:
        return (
            f"The judge mixes up some genres so often that its mistakes cannot be computed back (condition number "
            f"{found:.3g}, at most {LARGEST_CONDITION:g} is usable), so what is heard is not corrected for them."
        )
    return None


def corrected(takes: Counts, clips: Counts, *, draws: int = DRAWS, seed: int = 0) -> Corrected:
    """What takes truly are.

    Args:
        takes: (rows, labels) how often each label is clearly heard.
        clips: (labels, labels) how often clips of a label were heard as another.
        draws: of the bootstrap.
        seed: of its noise.

    Returns:
        Shares that sum to 1 in each row; NaN in rows without takes. Where the inversion leaves the shares there are
        (below 0, above 1), the nearest ones that there are.
    """
    random = np.random.default_rng(seed)
    totals = takes.sum(1, keepdims=True)
    some = totals[:, 0] > 0
    plain = _inverted((takes / np.maximum(totals, 1))[None], (clips / clips.sum(1, keepdims=True))[None])[0]
    found = []
    for start in range(0, draws, CHUNK):
        count = min(CHUNK, draws - start)
        found.append(_inverted(_shares(random, takes, count), _shares(random, clips, count)))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail], axis=0)
    nothing = np.where(some, 0.0, np.nan)[:, None]
    return Corrected(plain + nothing, np.minimum(low, plain) + nothing, np.maximum(high, plain) + nothing)


def _shares(random: np.random.Generator, counts: Counts, draws: int) -> Shares:
    """(draws, rows, labels) shares that may be behind counts: of Dirichlet distributions."""
    weights = counts + PRIOR / counts.shape[1]
    drawn = random.standard_gamma(np.broadcast_to(weights, (draws, *counts.shape)))
    shares: Shares = drawn / np.maximum(drawn.sum(-1, keepdims=True), 1e-300)
    return shares


def _inverted(heard: Shares, confusion: Shares) -> Shares:
    """(draws, rows, labels) shares q with q M = heard, for each draw's own (labels, labels) M."""
    solved = np.linalg.solve(confusion.transpose(0, 2, 1), heard.transpose(0, 2, 1))
    return onto_simplex(solved.transpose(0, 2, 1))


def onto_simplex(values: Shares) -> Shares:
    """The nearest shares: not negative, with the sum 1 along the last axis (Duchi et al. 2008)."""
    descending = -np.sort(-values, axis=-1)
    excess = descending.cumsum(-1) - 1
    rank = np.arange(1, values.shape[-1] + 1)
    kept: NDArray[np.int64] = np.maximum((descending * rank > excess).sum(-1, keepdims=True), 1)
    threshold = np.take_along_axis(excess, kept - 1, -1) / kept
    nearest: Shares = np.maximum(values - threshold, 0.0)
    return nearest
