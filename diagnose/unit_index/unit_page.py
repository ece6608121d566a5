"""The page of a unit, of a location, and the map of a model, as data: everything that is known, put together from the
index, the curves, the weights and the runs that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.runs_of_units import CauseIn, runs_of_unit
from tonescope.diagnose.store.workspace import Workspace
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.tuning.stimuli import families
from tonescope.diagnose.tuning.tuning_views import CurveRow, rows_of
from tonescope.diagnose.unit_index.index_reading import UnitExample, UnitIndex, UnitStatistics, find_indexes, index_of
from tonescope.diagnose.unit_index.index_sample import entries_of
from tonescope.diagnose.unit_index.naming import NO_NAME, Candidate, kept_names, name_of, name_units
from tonescope.diagnose.unit_index.open_corpus import is_elsewhere
from tonescope.diagnose.unit_index.overused import Overused
from tonescope.diagnose.unit_index.unit_wiring import UnitWiring, wiring_of_unit
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Location, Unit

EXCERPT = 4.0  # seconds of an example that can be heard, around the one in which the unit does most
HEARD = 6  # top examples that can be heard
Made = UnitStatistics | UnitExample | Candidate | CauseIn


class LabelRow(BaseModel):
    """A label that a source proposes, with its score on held-out sounds, and whether it may be said."""

    source: str
    label: str
    score: float
    by_hand: float | None
    q: float
    holds: bool


class UnitRow(BaseModel):
    """A unit on the page of its location."""

    unit: str
    mean: float
    variance: float
    least: float
    most: float
    density: float
    dead: bool
    name: str


class PlaceRow(BaseModel):
    """A location on the map of a model. What the index does not hold is absent."""

    location: str
    meaning: str
    units: int
    indexed: bool
    dead: int | None = None
    density: float | None = None
    named: int | None = None


class UnitPage(BaseModel):
    """Everything about one unit. ``name`` is what may be said of it, or that nothing may. Without an index over its
    location ``corpus`` is empty, and there are no statistics and examples. ``overused`` are the recordings among its
    top examples that top suspiciously many units."""

    unit: str
    name: str
    labels: list[LabelRow]
    named: bool
    statistics: dict[str, float | bool | str | dict[str, float]]
    histogram: list[tuple[float, float, int]]
    examples: list[dict[str, str | float | int | None]]
    curves: list[CurveRow]
    wiring: UnitWiring | None
    runs: list[dict[str, str]]
    overused: list[Overused] = []
    corpus: str
    recordings: int


@dataclass(frozen=True)
class Shelf:
    """Where pages are put together from.

    Attributes:
        session: the models.
        indexes: those of these models, the newest first.
        workspace: whose runs are looked through, if any; of one ``owner``, where one is named.
    """

    session: Session
    indexes: Sequence[UnitIndex]
    workspace: Workspace | None = None
    owner: str | None = None

    @classmethod
    def open(
        cls, session: Session, folder: Path | None, workspace: Workspace | None = None, owner: str | None = None
    ) -> Shelf:
        """With the index in a folder, or all that are kept.

        Raises :class:`TonescopeError` for a folder that holds none, or one of other models.
        """
        generator, judge = session.generator.fingerprint(), session.judge.fingerprint()
        if folder is None:
            return cls(session, find_indexes(generator, judge), workspace, owner)
        index = UnitIndex.open(folder.expanduser())
        if not index.is_of(generator, judge):
            raise TonescopeError(
                f"the index in {folder} is of {index.about['model']} with {index.about['judge']}, and not of these "
                "models; name its models with --model and --judge, or another index."
            )
        return cls(session, [index], workspace, owner)

    def index(self, location: Location) -> UnitIndex:
        """One that is over a location. Raises :class:`TonescopeError` where there is none."""
        found = index_of(location, self.indexes)
        if found is None:
            raise TonescopeError(
                f"no index of {self.session.generator.name} is over {location}, so there are no examples of it; build "
                f"one with `tonescope index --location {location}`, or name its folder with --index."
            )
        return found

    # --- pages -------------------------------------------------------------------------------------------------------

    def unit(self, name: str, scope: Microscope, *, full: bool = False, needs_index: bool = True) -> UnitPage:
        """The page of a unit.

        Args:
            full: whether curves and names are computed where they are not known yet.
            needs_index: whether one that no index is over is refused; otherwise all else is told of it.

        Raises :class:`TonescopeError` for a unit that there is not, or that no index is over.
        """
        unit, judge = scope.unit(name), self.session.judge
        index = self.index(unit.location) if needs_index else index_of(unit.location, self.indexes)
        tuning, sounding = Tuning(scope), [family for family in families().values() if family.needs == "sound"]
        if full:
            curves = tuning.curves([unit.location], sounding)[unit.location]
        else:
            curves = tuning.kept(unit.location, sounding)
        page = UnitPage(
            unit=str(unit),
            name=NO_NAME,
            labels=[],
            named=False,
            statistics={},
            histogram=[],
            examples=[],
            curves=rows_of(curves, unit.index) if curves else [],
            wiring=wiring_of_unit(self.session.generator, unit),
            runs=self.runs(unit),
            corpus="",
            recordings=0,
        )
        if index is None:
            return page
        candidates = (
            name_units(index, unit.location, curves, judge) if full else kept_names(index, unit.location, judge)
        )
        return page.model_copy(update=_indexed(index, unit, candidates))

    def runs(self, unit: Unit) -> list[dict[str, str]]:
        """The diagnoses in which a unit was a cause, as far as they are looked through."""
        if self.workspace is None:
            return []
        found = runs_of_unit(self.workspace, str(unit), self.session.generator.fingerprint(), self.owner)
        return [{name: str(value) for name, value in vars(one).items()} for one in found]

    def location(self, location: Location, sort: str, most: int, start: int = 0) -> list[UnitRow]:
        """The page of a location: its units, sorted by a statistic, from the ``start``-th on."""
        index = self.index(location)
        names = {one.unit: one for one in named_units(index, location, self.session.judge)}
        return [
            UnitRow(
                **{
                    name: getattr(row, name)
                    for name in ("unit", "mean", "variance", "least", "most", "density", "dead")
                },
                name=_called(row, names.get(Unit.parse(row.unit).index)),
            )
            for row in index.location_page(location, sort=sort, most=most, start=start)
        ]

    def map(self) -> list[PlaceRow]:
        """Every location of the models, and what the indexes say of each."""
        generator = self.session.generator
        places = [*generator.locations()]
        judge = getattr(self.session.judge, "places", None)
        places += judge.locations() if judge is not None else []
        known = {name: (index, row) for index in reversed(self.indexes) for name, row in index.map().items()}
        rows = []
        for place in places:
            owner = judge if place.network == "judge" and judge is not None else generator
            row = PlaceRow(location=str(place), meaning=place.site.meaning, units=owner.units(place), indexed=False)
            if str(place) in known:
                index, (_, dead, density) = known[str(place)]
                row.indexed, row.dead, row.density = True, dead, round(density, 5)
                known_names = kept_names(index, place, self.session.judge)
                row.named = None if known_names is None else len(best_names(known_names))
            rows.append(row)
        return rows

    # --- sound -------------------------------------------------------------------------------------------------------

    def sounds(self, page: UnitPage) -> Takes | None:
        """Excerpts of the top examples around the second in which the unit does most; ``None`` where there are none, or
        the corpus is gone, another, or not here (:func:`unheard` says why). What can no longer be read is silence."""
        index = index_of(Unit.parse(page.unit).location, self.indexes)
        if index is None or is_elsewhere(page.corpus):
            return None
        chosen = [one for one in page.examples if one["kind"] == "top"][:HEARD]
        entries = entries_of(index, [int(one["recording"] or 0) for one in chosen])
        if not entries:
            return None
        rate = int(self.session.generator.sample_rate)
        size = round(EXCERPT * rate)
        rows = torch.zeros(len(chosen), size)
        for row, one in enumerate(chosen):
            try:
                recording = entries[int(one["recording"] or 0)].read()
            except (KeyError, Unusable):
                continue
            sound = resampled(recording.waveform, recording.rate, rate)
            start = max(0, min(round(float(one["second"] or 0) * rate) - size // 2, len(sound) - size))
            part = sound[start : start + size]
            rows[row, : len(part)] = part
        names = tuple(str(one["name"]) for one in chosen)
        return Takes(names, tuple(range(1, len(chosen) + 1)), {}, rows)


def unheard(corpus: str) -> str:
    """Why the examples of a corpus cannot be heard, as a sentence."""
    if is_elsewhere(corpus):
        return (
            f"The examples cannot be heard here: {corpus} lies at the Hub, and is not fetched for a page; where each "
            "of them is, its source says."
        )
    return "The corpus is no longer where it was, or is another, so examples cannot be heard."


def _indexed(index: UnitIndex, unit: Unit, candidates: Sequence[Candidate] | None) -> dict[str, Any]:
    """What an index knows of a unit, as fields of a page."""
    found = index.page(unit)
    own = [one for one in candidates or () if one.unit == unit.index]
    best = name_of(own)
    tops = {one.recording for one in found.of_kind("top")}
    return {
        "name": "dead" if found.statistics.dead else best.told if best else NO_NAME,
        "labels": [LabelRow(**_without(one, "unit"), holds=one.holds) for one in own],
        "named": candidates is not None,
        "statistics": _statistics(found.statistics),
        "histogram": [(low, high, count) for low, high, count in found.histogram],
        "examples": [{**_without(one, "about"), **vars(one.about)} for one in found.examples],
        "overused": [Overused(**row) for row in index.about["overused"] if row["recording"] in tops],
        "corpus": str(index.about["corpus"]),
        "recordings": int(index.about["recordings"]),
    }


def named_units(index: UnitIndex, location: Location, judge: Judge) -> list[Candidate]:
    """The units of a location that have a name, with it; none where names are not known yet."""
    return best_names(kept_names(index, location, judge) or ())


def best_names(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of each unit the name that may be said, where one may."""
    by_unit: dict[int, list[Candidate]] = {}
    for one in candidates:
        by_unit.setdefault(one.unit, []).append(one)
    return [best for some in by_unit.values() if (best := name_of(some)) is not None]


def _called(row: UnitStatistics, name: Candidate | None) -> str:
    return "dead" if row.dead else name.told if name else ""


def _without(made: Made, *names: str) -> dict[str, Any]:
    return {name: value for name, value in vars(made).items() if name not in names}


def _statistics(row: UnitStatistics) -> dict[str, float | bool | str | dict[str, float]]:
    plain = {name: value for name, value in vars(row).items() if name not in ("unit", "quantiles")}
    return {**plain, "quantiles": {f"{share:g}": value for share, value in row.quantiles.items()}}
