"""What would be heard by a judge that never mishears: the judge's own confusion, inverted.

Where known clips of label i are heard as label j with the probability M[i, j], and takes truly are of the labels with
the shares q, they are heard with the shares p = q M. So q = p inverse(M): "adjusted count" of quantification (Forman
2008), the matrix method of epidemiology (Barron 1977). Intervals come of drawing both counts anew, takes and clips,
from what may be behind them: a bootstrap that does not take a count of none for certain, as resampling would (Rubin
1981, with Jeffreys' prior).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts, Counts, Shares
from tonescope.diagnose.stats import LEVEL
from tonescope.models.judges.calibration import ConfusionRecord

FEWEST_CLIPS = 10  # of a label: with fewer its row of the record is anything between good and useless
LARGEST_CONDITION = 10.0  # by so much at most may the inversion enlarge an error of what was counted
DRAWS = 2000
CHUNK = 250  # draws that are solved at once, which bounds the memory
TINY = 1e-12


@dataclass(frozen=True)
class Intervals:
    """Shares (rows, labels), and the ends of their intervals."""

    shares: Shares
    low: Shares
    high: Shares

    def among(self, places: Sequence[int], labels: int) -> Intervals:
        """The same as columns ``places`` of (rows, labels), with none of what the other labels are."""

        def spread(values: Shares) -> Shares:
            whole = np.zeros((len(values), labels))
            whole[:, list(places)] = values
            return whole

        return Intervals(spread(self.shares), spread(self.low), spread(self.high))


@dataclass(frozen=True)
class Corrected(Intervals):
    """What takes truly are, by label; ``families`` has, for each label, the share of its whole family."""

    families: Intervals

    def among(self, places: Sequence[int], labels: int) -> Corrected:
        """See :meth:`Intervals.among`."""
        return Corrected(**vars(super().among(places, labels)), families=self.families.among(places, labels))


def clip_counts(record: ConfusionRecord | None, labels: tuple[str, ...]) -> Counts | None:
    """(labels, labels) how often clips of a label were heard as another, after the codec where that was measured;
    ``None`` where it is not known for all of the labels. A label without clips has a row of zeros."""
    if record is None or set(labels) - set(record.labels):
        return None
    order = [record.labels.index(label) for label in labels]
    counted: Counts = np.array(record.counts, dtype=np.int64)[np.ix_(order, order)]
    return counted


def places_in_question(takes: ConfusionCounts, clips: Counts) -> list[int]:
    """The labels that takes may truly be of, as columns: those that the judge was measured on, and whatever was asked
    for or heard. Of a judge that knows many labels, few may have been measured."""
    met = clips.sum(1) > 0
    met[takes.diagonal] = True
    return [int(place) for place in np.flatnonzero(met | (takes.heard.sum(0) > 0))]


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


def corrected(
    takes: Counts, clips: Counts, *, families: Sequence[str] = (), draws: int = DRAWS, seed: int = 0
) -> Corrected:
    """What takes truly are.

    Args:
        takes: (rows, labels) how often each label is clearly heard.
        clips: (labels, labels) how often clips of a label were heard as another.
        families: of each label; each is its own, if absent.
        draws: of what may be behind the counts.
        seed: of its noise.

    Returns:
        Shares that sum to 1 in each row; NaN in rows without takes. Where the inversion leaves the shares there are
        (below 0, above 1), the nearest ones that there are.
    """
    random = np.random.default_rng(seed)
    totals, labels = takes.sum(1, keepdims=True), takes.shape[1]
    names = np.array(families or range(labels))
    same = (names[:, None] == names[None, :]).astype(np.float64)
    plain = onto_simplex((takes / np.maximum(totals, 1)) @ np.linalg.inv(clips / clips.sum(1, keepdims=True)))
    drawn, drawn_families = [], []
    for start in range(0, draws, CHUNK):
        count = min(CHUNK, draws - start)
        inverse: Shares = np.linalg.inv(_confusions(random, clips, count)).astype(np.float64)
        others = _dirichlet(random, takes + 1 / labels, count)
        drawn.append(_drawn(random, takes, inverse, others))
        drawn_families.append(onto_simplex(others @ inverse) @ same)
    nothing = np.where(totals > 0, 0.0, np.nan)
    own = _intervals(plain, np.concatenate(drawn), nothing)
    return Corrected(**vars(own), families=_intervals(plain @ same, np.concatenate(drawn_families), nothing))


def _intervals(plain: Shares, drawn: Shares, nothing: Shares) -> Intervals:
    """Shares (rows, labels) with quantiles of (draws, rows, labels), which hold them; ``nothing`` is added."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return Intervals(plain + nothing, np.minimum(low, plain) + nothing, np.maximum(high, plain) + nothing)


def _drawn(random: np.random.Generator, takes: Counts, inverse: Shares, others: Shares) -> Shares:
    """(draws, rows, labels) corrected shares that may be behind the counts, each cell by itself.

    A cell's own share is drawn from its Jeffreys posterior, the other cells fill up the rest: with one posterior for a
    whole row of many labels, a count of none would look far surer than it is.

    Args:
        inverse: (draws, labels, labels) inverses of the confusions that the judge may have.
        others: (draws, rows, labels) shares that may be heard.
    """
    own = np.diagonal(inverse, axis1=1, axis2=2)[:, None]
    rest = 1 - others
    filled = (others @ inverse - others * own) / np.where(rest > TINY, rest, 1.0)
    count, total = takes, takes.sum(1, keepdims=True)
    share = random.beta(count + 0.5, total - count + 0.5, others.shape)
    drawn: Shares = np.clip(share * own + (1 - share) * np.where(rest > TINY, filled, 0.0), 0.0, 1.0)
    return drawn


def _confusions(random: np.random.Generator, clips: Counts, draws: int) -> Shares:
    """(draws, labels, labels) confusions that a judge may have: how often it errs, by Jeffreys' posterior, and as what
    it then hears."""
    labels = len(clips)
    hits = np.diagonal(clips)
    right = random.beta(hits + 0.5, clips.sum(1) - hits + 0.5, (draws, labels))
    weights: Shares = clips.astype(np.float64) + 1 / labels
    weights[np.arange(labels), np.arange(labels)] = 0
    wrong = _dirichlet(random, weights, draws) * (1 - right)[..., None]
    wrong[:, np.arange(labels), np.arange(labels)] = right
    return wrong


def _dirichlet(random: np.random.Generator, weights: NDArray[np.float64], draws: int) -> Shares:
    """(draws, rows, labels) shares; of a weight of 0, none."""
    drawn = random.standard_gamma(np.broadcast_to(weights, (draws, *weights.shape)))
    shares: Shares = drawn / np.maximum(drawn.sum(-1, keepdims=True), TINY)
    return shares


def onto_simplex(values: Shares) -> Shares:
    """The nearest shares: not negative, with the sum 1 along the last axis (Duchi et al. 2008)."""
    descending = -np.sort(-values, axis=-1)
    excess = descending.cumsum(-1) - 1
    rank = np.arange(1, values.shape[-1] + 1)
    kept: NDArray[np.int64] = np.maximum((descending * rank > excess).sum(-1, keepdims=True), 1)
    threshold = np.take_along_axis(excess, kept - 1, -1) / kept
    nearest: Shares = np.maximum(values - threshold, 0.0)
    return nearest
