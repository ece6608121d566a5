"""Finding units: by what they respond to ("kick", "slow tempo", "accordion"), or by a statistic.

What is asked for is looked up among the concepts of the stimuli, the words of captions, the tags that recordings have
and the genres that the judge hears. Units are chosen on one half of the sounds and scored on the other, so that the
best of thousands is not flattered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        score: area under the curve on sounds that it was not chosen on, or the statistic; ``chosen_by``, on those that
            it was chosen on, absent of a statistic.
        apart: how far those with it lie above those without, in standard deviations; absent of a statistic.
        by_hand: that of the best feature made by hand, where known.
        q: over the units that were scored; absent of a statistic.
    """

    unit: str
    by: str
    concept: str
    score: float
    chosen_by: float | None = None
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

    location: Location
    by: str
    concept: str
    chosen_on: NDArray[np.float64]
    scored_on: NDArray[np.float64]
    apart: tuple[NDArray[np.float64], NDArray[np.float64]]
    counts: tuple[int, int]
    by_hand: float | None = None

    def row(self, unit: int, q: float | None) -> FoundUnit:
        """One of the units."""
        return FoundUnit(
            unit=str(Unit(self.location, unit)),
            by=self.by,
            concept=self.concept,
            score=round(float(self.scored_on[unit]), 4),
            chosen_by=round(float(self.chosen_on[unit]), 4),
            apart=round(float(self.apart[1][unit]), 3),
            by_hand=None if self.by_hand is None else round(self.by_hand, 4),
            q=q,
        )


@dataclass(frozen=True)
class Finder:
    """Units of indexes.

    Attributes:
        places: the locations that are looked through, and the index over each.
        scope: the models, and the store that responses are kept in.
    """

    places: Mapping[Location, UnitIndex]
    scope: Microscope

    def find(self, query: str, most: int) -> list[FoundUnit]:
        """The units that respond most surely to what is asked for, the best of those that were chosen first.

        Raises:
            TonescopeError: the query means nothing, or nothing of it is in the corpora.
        """
        meant = matches(query, self.scope.judge.labels)
        if meant.statistic:
            return self._by_statistic(meant.statistic, most)
        scored = self._of_stimuli(meant) if meant.concepts else []
        for index in {id(index): index for index in self.places.values()}.values():
            scored += self._of_index(meant, index)
        if not scored:
            corpora = " and ".join(dict.fromkeys(str(index.about["corpus"]) for index in self.places.values()))
            raise TonescopeError(
                f"too few recordings of {corpora} have anything of “{query[:60]}” to find units by; ask for something "
                "else, or index a larger corpus."
            )
        return self._chosen(scored, most)

    def _by_statistic(self, name: str, most: int) -> list[FoundUnit]:
        column = "density" if name == "sparsest" else name
        rows = [
            FoundUnit(unit=row.unit, by="statistic", concept=name, score=float(getattr(row, column)))
            for location, index in self.places.items()
            for row in index.location_page(location, sort=name, most=most, live=True)
        ]
        rows.sort(key=lambda row: row.score, reverse=name != "sparsest")
        return rows[:most]

    def _of_stimuli(self, meant: Matches) -> list[_Scored]:
        locations = list(self.places)
        curves = Tuning(self.scope).curves(locations, [family for family, _ in meant.concepts])
        return [
            _of_curves(location, one, concept)
            for location in locations
            for one, (_, concept) in zip(curves[location], meant.concepts, strict=True)
        ]

    def _of_index(self, meant: Matches, index: UnitIndex) -> list[_Scored]:
        """By the captions, the tags and what the judge hears in the random sample of an index."""
        locations = [location for location, one in self.places.items() if one is index]
        found: list[_Scored] = []
        if meant.word:
            for by, known in _known(index).items():
                said = {number: meant.word in words_of(text) for number, text in known.items() if text}
                found += self._of_sample(by, meant.word, said, locations)
        if meant.label and (heard := heard_labels(index, self.scope.judge)):
            said = {number: label == meant.label for number, label in heard.items()}
            found += self._of_sample("judge", meant.label, said, locations)
        return found

    def _of_sample(
        self, by: str, concept: str, there: dict[int, bool], locations: Sequence[Location]
    ) -> Iterator[_Scored]:
        for location in locations:
            sample = Sample.of(self.places[location], location)
            kept = np.array([number in there for number in sample.recordings])
            mask = np.array([there.get(number, False) for number in sample.recordings])[kept]
            values = sample.values[kept]
            order = np.argsort(~mask, kind="stable")  # with it first, so that both halves have as many of each
            mask, values = mask[order], values[order]
            counts = int(mask[1::2].sum()), int((~mask[1::2]).sum())
            if min(counts) < FEWEST:
                continue
            halves = [(values[half::2], mask[half::2]) for half in (0, 1)]
            first, second = (auc(*half) for half in halves)
            apart = separation(*halves[0]), separation(*halves[1])
            yield _Scored(location, by, concept, first, second, apart, counts)

    def _chosen(self, scored: Sequence[_Scored], most: int) -> list[FoundUnit]:
        """The units that tell it best in the half that they are chosen on, in that order. How surely, the other half
        says: q-values are over all that were taken to it, of whatever location and source."""
        dead = {location: set(index.dead(location)) for location, index in self.places.items()}
        every = [
            (float(one.chosen_on[unit]), float(one.apart[0][unit]), one, unit)
            for one in scored
            for unit in _first(one, dead[one.location], CHOSEN * most)
        ]
        every.sort(key=lambda row: (-row[0], -row[1], row[2].location, row[3]))
        taken = [(one, unit) for *_, one, unit in every[: CHOSEN * most]]
        qs = adjusted([float(auc_p(one.scored_on[[unit]], *one.counts)[0]) for one, unit in taken])
        return [one.row(unit, q) for (one, unit), q in zip(taken, qs, strict=True)][:most]


def _first(scored: _Scored, dead: set[int], most: int) -> list[int]:
    """The live units that tell it best in the half they are chosen on."""
    order = np.lexsort((scored.apart[0], scored.chosen_on))[::-1].tolist()
    return [unit for unit in order if unit not in dead][:most]


def _of_curves(location: Location, one: Curves, concept: Concept) -> _Scored:
    chosen_on, scored_on = one.of_concept(concept, 0), one.of_concept(concept, 1)
    held_out = one.responses.shape[1] // 2
    counts = len(concept.there) * held_out, len(concept.absent) * held_out
    by_hand = one.best_by_hand(concept) if one.features is not None else None
    apart = one.separation_of(concept, 0), one.separation_of(concept, 1)
    return _Scored(location, "stimuli", concept.name, chosen_on[0], scored_on[0], apart, counts, by_hand)


def _known(index: UnitIndex) -> dict[str, dict[int, str]]:
    """What is said of the recordings of the sample, by number: of those without tags, nothing is known by them."""
    numbers = Sample.of(index, Location.parse(index.locations[0])).recordings
    return {"captions": index.captions_of(numbers), "tags": index.tags_of(numbers)}
