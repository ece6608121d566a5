"""Units that were found, as result and views."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Command, Table, View
from tonescope.diagnose.runtime.progress import Progress
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Source
from tonescope.diagnose.stats import BELIEVED
from tonescope.diagnose.store import provenance
from tonescope.diagnose.unit_index.finder import Finder, FoundUnit, matches
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.naming import NAMED_AUC
from tonescope.diagnose.unit_index.unit_page import Shelf
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.find_job import FindParameters

SCHEMA_VERSION = "1.0"


class FindResult(BaseModel):
    """Units by what was asked for. ``sure`` is how many of them tell it apart, by a score that may be believed;
    ``locations`` and ``indexes``, how many were looked through, of ``corpus``."""

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    query: str
    corpus: str
    locations: int
    indexes: int
    sure: int
    units: list[FoundUnit]
    caveats: list[str]
    timings: dict[str, float] = {}


def found_units(session: Session, asked: FindParameters, progress: Progress | None = None) -> FindResult:
    """Units of every location that an index is over, each in its newest one; or of an index that is named.

    Raises :class:`TonescopeError` for a query that means nothing, and where there is no index.
    """
    matches(asked.query, session.judge.labels)
    shelf = Shelf.open(session, asked.index)
    if not shelf.indexes:
        raise TonescopeError(
            f"there is no index of {session.generator.name} to find units in; build one with `tonescope "
            "index`, or name "
            "its folder with --index."
        )
    places = _places(shelf, [Location.parse(name.strip()) for name in asked.location])
    indexes = list({id(index): index for index in places.values()}.values())
    with ExitStack() as opened:
        for index in indexes:
            opened.enter_context(index)
        rows = Finder(places, Microscope.of(session, progress)).find(asked.query, asked.most)
    sure = sum(map(_sure, rows))
    return FindResult(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(session.generator),
        judge=provenance.of_judge(session.judge),
        query=asked.query,
        corpus=" and ".join(dict.fromkeys(str(index.about["corpus"]) for index in indexes)),
        locations=len(places),
        indexes=len(indexes),
        sure=sure,
        units=rows,
        caveats=_caveats(rows),
    )


def _sure(row: FoundUnit) -> bool:
    return row.q is not None and row.q < BELIEVED and row.score >= NAMED_AUC


def _places(shelf: Shelf, chosen: Sequence[Location]) -> dict[Location, UnitIndex]:
    """The newest index over each location: of those that are chosen, or all that there are."""
    every = dict.fromkeys(Location.parse(name) for index in shelf.indexes for name in index.locations)
    return {location: shelf.index(location) for location in chosen or sorted(every)}


def _caveats(rows: list[FoundUnit]) -> list[str]:
    caveats = []
    if any(row.by == "stimuli" for row in rows):
        caveats.append("Stimuli are synthetic and simple; whether a unit does the same in music, its page shows.")
    if any(row.by_hand is not None and row.by_hand >= row.score for row in rows):
        caveats.append("Some of these do no better than a single feature made by hand, such as level or treble.")
    return caveats


def views(found: FindResult) -> list[View]:
    """Everything that was found."""
    rows = found.units
    places = f"{found.locations} location{'' if found.locations == 1 else 's'}"
    where = f"{places} in {found.corpus}"
    if rows and rows[0].by == "statistic":
        told = f"The units with the highest {rows[0].concept}, of {where}."
        if rows[0].concept == "sparsest":
            told = f"The units that do much at the fewest positions, of {where}."
    elif found.sure:
        best = next(row for row in rows if _sure(row))
        told = (
            f"{found.sure} of the {len(rows)} units shown, of {where}, tell “{found.query}” apart in sounds that they "
            f"were not chosen on; the first of them in {100 * best.score:.0f} % of pairs."
        )
    else:
        told = f"No unit of {where} tells “{found.query}” apart surely; these come nearest."
    cells = tuple(
        (
            row.unit,
            row.by,
            row.concept,
            f"{row.score:.3g}",
            "" if row.apart is None else f"{row.apart:.1f}",
            "" if row.by_hand is None else f"{row.by_hand:.2f}",
            "" if row.q is None else f"{row.q:.2g}",
        )
        for row in rows
    )
    table = Table(
        ("unit", "by", "concept", "score", "apart", "by hand", "q"), cells, kinds=("unit", *("text",) * 6), lead=12
    )
    commands = [Command("See everything about one:", f"tonescope show {rows[0].unit}")] if rows else []
    provenance_told = f"{found.model.name}, heard by {found.judge.name}; made on {found.made}."
    return [
        View("found", f"“{found.query}”", [(told, "observed")], depth="first", tone="open"),
        View("units", "Units", tables=[table], depth="first", commands=commands),
        shared_views.caveats(found.caveats),
        View("provenance", "How this was made", [(provenance_told, None)], depth="numbers"),
    ]
