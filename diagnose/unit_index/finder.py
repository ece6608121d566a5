"""Finding units: by what they respond to ("kick", "slow tempo", "accordion"), or by a statistic.

What is asked for is looked up among the concepts of the stimuli, the words of captions, the tags that recordings have
and the genres that the judge hears. Units are chosen on one half of the sounds and scored on the other, so that the
best of thousands is not flattered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.stats import adjusted
from tonescope.diagnose.tuning.curve_statistics import Concept, Curves, auc, auc_p, concepts_of, separation
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.tuning.stimuli import Family, families
from tonescope.diagnose.unit_index.index_reading import SORTS, UnitIndex
from tonescope.diagnose.unit_index.index_sample import Sample, heard_labels
from tonescope.diagnose.unit_index.naming import FEWEST, words_of
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

CHOSEN = 4  # times as many units as are shown are chosen on one half


class FoundUnit(BaseModel):
    """A unit that was found.

    Attributes:
        by: ``stimuli``, ``captions``, ``tags``, ``judge`` or ``statistic``.
        concept: what it was asked about, as the source calls it.
        score: area under the curve on sounds that it was not chosen on, or the statistic.
        apart: how far those with it lie above those without, in standard deviations; absent of a statistic.
        by_hand: that of the best feature made by hand, where known.
        q: over the units that were scored; absent of a statistic.
    """

    unit: str
    by: str
    concept: str
    score: float
    apart: float | None = None
    by_hand: float | None = None
    q: float | None = None


@dataclass(frozen=True)
class Matches:
    """What a query means: concepts of families, a word of captions and tags, a label of the judge, or a statistic."""

    concepts: tuple[tuple[Family, Concept], ...]
    word: str | None
    label: str | None
    statistic: str | None


def matches(query: str, labels: Sequence[str]) -> Matches:
    """What a query can mean. Raises :class:`TonescopeError` for nothing at all."""
    asked = " ".join(query.lower().split())
    if asked in SORTS and asked != "unit":
        return Matches((), None, None, asked)
    found = [
        (family, concept)
        for family in families().values()
        for concept in concepts_of(family)
        if family.needs == "sound" and asked in {word.lower() for word in (*concept.words, concept.name)}
    ]
    label = next((one for one in labels if one.lower() == asked), None)
    words = words_of(asked)
    word = asked if len(words) == 1 and asked in words else None
    if not found and label is None and word is None:
        known = sorted({concept.name for family in families().values() for concept in concepts_of(family)})
        raise TonescopeError(
            f"nothing is known by which units could be found for “{query[:60]}”; ask for one word of the "
            "captions, a genre "
            f"of the judge, a statistic ({', '.join(name for name in SORTS if name != 'unit')}), or one of "
            f"{', '.join(known[:24])}, …"
        )
    return Matches(tuple(found), word, label, None)


@dataclass(frozen=True)
class _Scored:
    """How well the units of a location tell a concept, on the half they are chosen on and on the other (units,), and
    how far ``apart`` it is on either; how many sounds of the other have it and have it not; and the best feature made
    by hand there."""

    by: str
    concept: str
    chosen_on: NDArray[np.float64]
    scored_on: NDArray[np.float64]
    apart: tuple[NDArray[np.float64], NDArray[np.float64]]
    counts: tuple[int, int]
    by_hand: float | None = None


@dataclass(frozen=True)
class Finder:
    """Units of an index.

    Attributes:
        index: which.
        scope: the models, and the store that responses are kept in.
    """

    index: UnitIndex
    scope: Microscope

    def find(self, query: str, locations: Sequence[Location], most: int) -> list[FoundUnit]:
        """The units that respond most surely to what is asked for, the best first.

        Raises:
            TonescopeError: the query means nothing, or nothing of it is in the corpus.
        """
        meant = matches(query, self.scope.judge.labels)
        if meant.statistic:
            return self._by_statistic(meant.statistic, locations, most)
        rows: list[FoundUnit] = []
        if meant.concepts:
            rows += self._by_stimuli(meant, locations, most)
        if meant.word:
            for by, known in self._known().items():
                said = {number: meant.word in words_of(text) for number, text in known.items() if text}
                rows += self._by_sample(by, meant.word, said, locations, most)
        if meant.label and (heard := heard_labels(self.index, self.scope.judge)):
            rows += self._by_sample(
                "judge", meant.label, {n: label == meant.label for n, label in heard.items()}, locations, most
            )
        if not rows:
            raise TonescopeError(
                f"too few recordings of {self.index.about['corpus']} have anything of “{query[:60]}” to find units by; "
                "ask for something else, or index a larger corpus."
            )
        return sorted(rows, key=lambda row: (-row.score, -(row.apart or 0.0), row.unit))[:most]

    def _by_statistic(self, name: str, locations: Sequence[Location], most: int) -> list[FoundUnit]:
        rows = []
        column = "density" if name == "sparsest" else name
        for location in locations:
            for row in self.index.location_page(location, sort=name, most=most):
                if not row.dead:
                    value = float(getattr(row, column))
                    rows.append(FoundUnit(unit=row.unit, by="statistic", concept=name, score=value))
        rows.sort(key=lambda row: row.score, reverse=name != "sparsest")
        return rows[:most]

    def _by_stimuli(self, meant: Matches, locations: Sequence[Location], most: int) -> list[FoundUnit]:
        curves = Tuning(self.scope).curves(locations, [family for family, _ in meant.concepts])
        rows = []
        for location in locations:
            for one, (_, concept) in zip(curves[location], meant.concepts, strict=True):
                rows += self._of_curves(location, one, concept, most)
        return rows

    def _of_curves(self, location: Location, one: Curves, concept: Concept, most: int) -> list[FoundUnit]:
        chosen_on, scored_on = one.of_concept(concept, 0), one.of_concept(concept, 1)
        held_out = one.responses.shape[1] // 2
        counts = len(concept.there) * held_out, len(concept.absent) * held_out
        by_hand = one.best_by_hand(concept) if one.features is not None else None
        apart = one.separation_of(concept, 0), one.separation_of(concept, 1)
        scored = _Scored("stimuli", concept.name, chosen_on[0], scored_on[0], apart, counts, by_hand)
        return self._chosen(location, scored, most)

    def _known(self) -> dict[str, dict[int, str]]:
        """What is said of the recordings of the sample, by number: of those without tags, nothing is known by them."""
        numbers = Sample.of(self.index, Location.parse(self.index.locations[0])).recordings
        return {"captions": self.index.captions_of(numbers), "tags": self.index.tags_of(numbers)}

    def _by_sample(
        self, by: str, concept: str, there: dict[int, bool], locations: Sequence[Location], most: int
    ) -> list[FoundUnit]:
        rows: list[FoundUnit] = []
        for location in locations:
            sample = Sample.of(self.index, location)
            kept = np.array([number in there for number in sample.recordings])
            mask = np.array([there.get(number, False) for number in sample.recordings])[kept]
            values = sample.values[kept]
            order = np.argsort(~mask, kind="stable")  # with it first, so that both halves have as many of each
            mask, values = mask[order], values[order]
            counts = int(mask[1::2].sum()), int((~mask[1::2]).sum())
            if min(counts) < FEWEST:
                return []
            halves = [(values[half::2], mask[half::2]) for half in (0, 1)]
            first, second = (auc(*half) for half in halves)
            apart = separation(*halves[0]), separation(*halves[1])
            rows += self._chosen(location, _Scored(by, concept, first, second, apart, counts), most)
        return rows

    def _chosen(self, location: Location, scored: _Scored, most: int) -> list[FoundUnit]:
        dead = set(self.index.dead(location))
        order = np.lexsort((scored.apart[0], scored.chosen_on))[::-1].tolist()
        best = [unit for unit in order if unit not in dead][: CHOSEN * most]
        qs = adjusted([float(p) for p in auc_p(scored.scored_on[best], *scored.counts)])
        return [
            FoundUnit(
                unit=str(Unit(location, unit)),
                by=scored.by,
                concept=scored.concept,
                score=round(float(scored.scored_on[unit]), 4),
                apart=round(float(scored.apart[1][unit]), 3),
                by_hand=None if scored.by_hand is None else round(scored.by_hand, 4),
                q=q,
            )
            for unit, q in zip(best, qs, strict=True)
        ]
