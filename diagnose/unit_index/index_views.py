"""A finished index as result and views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.audio_files.sound_files import listed
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.pasteable import quoted
from tonescope.diagnose.report.view import Command, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Source
from tonescope.diagnose.store import provenance
from tonescope.diagnose.unit_index.index_place import index_root
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.overused import Overused
from tonescope.models.units import Location

SCHEMA_VERSION = "1.0"
PLAIN_BROKEN = 20  # files that are named


class LocationRow(BaseModel):
    """A location: how many units, how many of them dead, and the mean share of positions at which one does much."""

    location: str
    units: int
    dead: int
    density: float


class IndexResult(BaseModel):
    """An index: of what, over what, and what is odd about it."""

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    folder: str
    corpus: str
    corpus_identity: str
    recordings: int
    windows: int
    new_recordings: int
    seconds: float
    setting: dict[str, Any]
    locations: list[LocationRow]
    broken: list[dict[str, str]]
    overused: list[Overused]
    caveats: list[str]
    timings: dict[str, float] = {}


def outcome(session: Session, index: UnitIndex) -> tuple[IndexResult, None]:
    """The result; its evidence is the index itself."""
    about = index.about
    with index:
        rows = [
            LocationRow(location=name, units=units, dead=dead, density=round(density, 5))
            for name, (units, dead, density) in index.map().items()
        ]
    played = [name for name in about["locations"] if Location.parse(name).network != "judge"]
    caveats = []
    if any(Location.parse(name).site.causal for name in played):
        caveats.append(
            f"What plays was teacher-forced: {about['model']} was given the sound, as its codec writes it, and read "
            "“music” meanwhile. It may do other things when it plays by itself."
        )
    if about["corpus"] == "composed":
        caveats.append(
            "The corpus is made of composed pieces of some seconds. Units that respond to voices, rooms or "
            "instruments which are not in it look dead here."
        )
    result = IndexResult(
        made=about["made"],
        versions=provenance.versions(),
        model=provenance.of_generator(session.generator),
        judge=provenance.of_judge(session.judge),
        folder=str(index.folder),
        corpus=about["corpus"],
        corpus_identity=about["corpus_identity"],
        recordings=about["recordings"],
        windows=about["windows"],
        new_recordings=about["this_run"]["recordings"],
        seconds=about["this_run"]["seconds"],
        setting=about["setting"],
        locations=rows,
        broken=about["broken"],
        overused=[Overused(**row) for row in about["overused"]],
        caveats=caveats,
    )
    return result, None


def views(found: IndexResult) -> list[View]:
    """Everything that was found."""
    units = sum(row.units for row in found.locations)
    dead = sum(row.dead for row in found.locations)
    told = (
        f"{found.recordings:,} recordings of {found.corpus} ({found.windows:,} parts) were heard by {units:,} units at "
        f"{len(found.locations)} locations; {dead:,} of them are dead: they do nothing in any."
    )
    new = f"{found.new_recordings:,} recordings were new in this run." if found.new_recordings else "Nothing was new."
    rows = tuple((row.location, str(row.units), str(row.dead), f"{row.density:.4f}") for row in found.locations)
    table = Table(("location", "units", "dead", "density"), rows, kinds=("unit", "text", "text", "share"), lead=12)
    shown = [
        View("index", f"Index of {found.model.name}", [(told, "observed"), (new, None)], depth="first", tone="open")
    ]
    if found.overused:
        shown.append(_overused(found))
    shown.append(View("locations", "Where", tables=[table], depth="first", commands=_next(found)))
    if found.broken:
        shown.append(_broken(found))
    return [*shown, shared_views.caveats(found.caveats), _provenance(found)]


def _overused(found: IndexResult) -> View:
    told = found.overused[0].told
    rows = tuple((row.name, str(row.units), f"{row.expected:.1f}", f"{row.p:.1g}") for row in found.overused)
    table = Table(("recording", "tops so many units", "by chance", "p"), rows, lead=6)
    return View(
        "overused", "The same recordings for every unit", [(told, "observed")], [table], depth="first", tone="unclear"
    )


def _broken(found: IndexResult) -> View:
    rows = [(row["name"], row["problem"]) for row in found.broken]
    told = f"{len(rows)} recordings were passed over: {listed(rows[:PLAIN_BROKEN])}."
    return View(
        "broken", "What could not be heard", [(told, "observed")], [Table(("recording", "why"), tuple(rows), lead=8)]
    )


def _next(found: IndexResult) -> list[Command]:
    best = max(found.locations, key=lambda row: row.units - row.dead)
    usual = Path(found.folder).parent == index_root()
    elsewhere = "" if usual else f" --index {quoted(found.folder)}"
    return [
        Command("See everything about one unit:", f"tonescope show {best.location}:0{elsewhere}"),
        Command("Find units by what they respond to:", f"tonescope find kick{elsewhere}"),
    ]


def _provenance(found: IndexResult) -> View:
    setting = ", ".join(f"{name} {value}" for name, value in found.setting.items() if name != "locations")
    told = [
        f"{found.model.name} ({found.model.description}), {found.judge.name} ({found.judge.description}).",
        f"The corpus {found.corpus} as it is at {found.corpus_identity}; {setting}.",
        f"Kept in {found.folder}; made on {found.made} with "
        f"{', '.join(f'{name} {number}' for name, number in found.versions.items())}.",
    ]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")
