"""What follows from responses: the curve with its intervals, what a unit prefers, how selective it is, and whether it
tells a concept apart in instances that were not looked at, better than a feature made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, stdtrit

from tonescope.diagnose.stats import LEVEL
from tonescope.diagnose.tuning.stimuli import Family

Floats = NDArray[np.float64]
MOST_APART = 1e3  # standard deviations; of what never varies nothing more is known


@dataclass(frozen=True)
class Concept:
    """Something that a unit may tell: the values of a family at which it is there, and those at which it is not, by
    their place; and what people call it, the first for a label."""

    family: str
    name: str
    words: tuple[str, ...]
    there: tuple[int, ...]
    absent: tuple[int, ...]


def concepts_of(family: Family) -> list[Concept]:
    """The ends of an ordered family (a third of its values each), or each value of another against all others."""
    count = len(family.values)
    every = tuple(range(count))
    if family.scale == "ordered":
        third = max(1, count // 3)
        low, high = every[:third], every[-third:]
        names = (family.low or (f"low {family.name}",), family.high or (f"high {family.name}",))
        return [
            Concept(family.name, names[0][0], names[0], low, high),
            Concept(family.name, names[1][0], names[1], high, low),
        ]
    found = []
    for at, value in enumerate(family.values):
        named = family.words.get(str(value), ())
        if count == 2 and not named:
            continue  # that something is absent is no name
        words = named or (family.named(value),)
        found.append(Concept(family.name, words[0], words, (at,), every[:at] + every[at + 1 :]))
    return found


def auc_p(score: Floats, there: Floats | int, absent: Floats | int) -> Floats:
    """One-sided p of areas under the curve (units,) against one half, for so many sounds of either kind: the normal
    approximation of Mann and Whitney's test."""
    deviation = np.sqrt((np.asarray(there) + absent + 1) / (12.0 * np.asarray(there) * absent))
    return np.asarray(ndtr(-(score - 0.5) / deviation))


def auc(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """How often a sound with the concept has more than one without, ties counted half: (units,) of (sounds, units)."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    some, others = int(there.sum()), int((~there).sum())
    if not some or not others:
        return np.full(values.shape[1], 0.5)
    return np.asarray((ranks[there].sum(0) - some * (some + 1) / 2) / (some * others))


def separation(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """How far sounds with the concept lie above those without, in standard deviations within either (Cohen's d):
    (units,) of (sounds, units). Of units that tell every sound right, it says which would tell others right as well."""
    some, others = values[there], values[~there]
    degrees = len(values) - 2
    if not len(some) or not len(others) or degrees < 1:
        return np.zeros(values.shape[1])
    within = np.sqrt((some.var(0) * len(some) + others.var(0) * len(others)) / degrees)
    apart = some.mean(0) - others.mean(0)
    least = np.maximum(np.abs(apart) / MOST_APART, 1e-30)
    return np.asarray(apart / np.maximum(within, least))


@dataclass(frozen=True)
class Telling:
    """How well units tell a concept apart, in instances that had no part in choosing it.

    Attributes:
        concept: its place among those of the family (units,).
        chosen_by: how well they do in the instances it was chosen on (units,).
        auc: how well they do in the others (units,), and ``by_hand``, the best feature made by hand, chosen likewise.
        counts: sounds with the concept and without it, in the others, by concept.
    """

    concept: NDArray[np.int64]
    chosen_by: Floats
    auc: Floats
    by_hand: Floats
    counts: tuple[tuple[int, int], ...]

    @property
    def p(self) -> Floats:
        """That a unit tells nothing (units,), one-sided, by the others alone."""
        there, absent = np.array(self.counts, dtype=float).clip(1)[self.concept].T
        return auc_p(self.auc, there, absent)


@dataclass(frozen=True)
class Curves:
    """What the units of a location respond to in one family.

    Attributes:
        family: which.
        responses: (values, instances, units).
        features: what features made by hand say of the same sounds (values, instances, features); none of prompts.
    """

    family: Family
    responses: Floats
    features: Floats | None = None

    @cached_property
    def mean(self) -> Floats:
        """(values, units)."""
        return self.responses.mean(1)

    @cached_property
    def half(self) -> Floats:
        """Half the width of the 95 % interval of the mean over instances (values, units)."""
        instances = self.responses.shape[1]
        error = self.responses.std(1, ddof=1) / np.sqrt(instances)
        return np.asarray(stdtrit(instances - 1, 0.5 + LEVEL / 2) * error)

    @cached_property
    def preferred(self) -> NDArray[np.int64]:
        """The place of the value that units (units,) respond to most."""
        return self.mean.argmax(0)

    @cached_property
    def selectivity(self) -> Floats:
        """The share of a unit's variance over all sounds that the value explains, less what chance would (ω², 0 to 1):
        (units,). Instances are compared in pairs, so what they have in common does not count."""
        value, rest, degrees = self._sums
        spare = rest / degrees[1]
        total = value + rest
        share = (value - degrees[0] * spare) / np.where(total + spare > 0, total + spare, 1)
        return share.clip(0, 1)

    @cached_property
    def p(self) -> Floats:
        """That all values are responded to alike: F test of the value beside the instances (units,)."""
        value, rest, (between, within) = self._sums
        ratio = (value / between) / np.maximum(rest / within, 1e-30)
        return np.where(value > 0, fdtrc(between, within, ratio), 1.0)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats, tuple[int, int]]:
        """Sums of squares by value, and what is left of them beside instances; with their degrees of freedom."""
        values, instances, _ = self.responses.shape
        grand = self.responses.mean((0, 1))
        by_value, by_instance = self.mean - grand, self.responses.mean(0) - grand
        left = self.responses - grand - by_value[:, None] - by_instance[None]
        return instances * (by_value**2).sum(0), (left**2).sum((0, 1)), (values - 1, (values - 1) * (instances - 1))

    @cached_property
    def explained_by_hand(self) -> Floats:
        """The share of the same variance as of :attr:`selectivity`, beside what instances have in common, that the
        features made by hand explain together, in a linear model, less what chance would (adjusted R²): (units,);
        nothing of prompts."""
        if self.features is None:
            return np.zeros(self.responses.shape[2])
        responses, known = (each - each.mean(0) for each in (self.responses, self.features))
        degrees = self._sums[2][1] + self._sums[2][0]
        flat, known = responses.reshape(-1, responses.shape[2]), known.reshape(-1, known.shape[2])
        known = known[:, known.std(0) > 1e-9]
        design = known / known.std(0)
        fitted = design @ np.linalg.lstsq(design, flat, rcond=None)[0]
        total, left = (flat**2).sum(0), ((flat - fitted) ** 2).sum(0)
        share = 1 - (left / max(1, degrees - design.shape[1])) / np.where(total > 0, total / degrees, 1)
        return np.where(total > 0, share.clip(0, 1), 0.0)

    def telling(self) -> Telling:
        """The concept that each unit tells best in every other instance, scored in the rest."""
        concepts = concepts_of(self.family)
        chosen_on = [self.of_concept(concept, 0) for concept in concepts]
        scored_on = [self.of_concept(concept, 1) for concept in concepts]
        chosen, scored = (np.stack([score for score, _ in each]) for each in (chosen_on, scored_on))
        best, units = chosen.argmax(0), np.arange(self.responses.shape[2])
        by_hand = np.array([self.best_by_hand(concept) for concept in concepts])
        held_out = self.responses.shape[1] // 2
        counts = tuple((len(one.there) * held_out, len(one.absent) * held_out) for one in concepts)
        return Telling(best, chosen[best, units], scored[best, units], by_hand[best], counts)

    def of_concept(self, concept: Concept, half: int) -> tuple[Floats, Floats]:
        """How well units tell a concept apart in every other instance (``half`` 0 or 1), and how well features made by
        hand do: (units,), (features,)."""
        units = auc(*self._sounds(self.responses, concept, half))
        if self.features is None:
            return units, np.zeros(0)
        return units, auc(*self._sounds(self.features, concept, half))

    def separation_of(self, concept: Concept, half: int) -> Floats:
        """How far apart it is for units, there: (units,)."""
        return separation(*self._sounds(self.responses, concept, half))

    @staticmethod
    def _sounds(numbers: Floats, concept: Concept, half: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Every other instance with the concept or without it, (sounds, numbers), and which have it."""
        there = np.array([True] * len(concept.there) + [False] * len(concept.absent))
        instances = numbers[[*concept.there, *concept.absent], half::2]
        mask = np.repeat(there, instances.shape[1])
        return instances.reshape(len(mask), -1), mask

    def best_by_hand(self, concept: Concept) -> float:
        """The feature and direction that is best in every other instance, scored in the rest."""
        first, second = self.of_concept(concept, 0)[1], self.of_concept(concept, 1)[1]
        if not len(first):
            return 0.5
        best = int(np.abs(first - 0.5).argmax())
        return float(second[best] if first[best] >= 0.5 else 1 - second[best])
