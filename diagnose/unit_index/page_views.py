"""Pages of units and locations, and the map of a model, as result and views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.report.figure_look import COLOURS, plotted, titled
from tonescope.diagnose.report.view import Command, Figure, Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Source
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.artifact_catalogue import ArtifactCatalogue
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks
from tonescope.diagnose.store.workspace import BOOKMARKS, Workspace
from tonescope.diagnose.tuning.tuning_views import curves_view, told_of
from tonescope.diagnose.unit_index.naming import NO_NAME
from tonescope.diagnose.unit_index.page_address import page_address
from tonescope.diagnose.unit_index.page_artifacts import ArtifactRow, artifacts_of
from tonescope.diagnose.unit_index.unit_page import PlaceRow, Shelf, UnitPage, UnitRow, unheard
from tonescope.models.generator import Takes
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.show_job import ShowParameters

SCHEMA_VERSION = "1.0"
EXCERPTS = "excerpts"


class ShowResult(BaseModel):
    """What is shown: one of a unit, the units of a location, or the map of a model; with the ``artifacts`` of a place,
    and the ``bookmark`` of a unit. ``address`` is the place, the same in links, files and logs; ``page`` is where the
    app shows it."""

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    address: str
    page: str = ""
    unit: UnitPage | None = None
    location: list[UnitRow] | None = None
    map: list[PlaceRow] | None = None
    artifacts: list[ArtifactRow] = []
    bookmark: Bookmark | None = None
    caveats: list[str] = []
    timings: dict[str, float] = {}


@dataclass(frozen=True)
class PageEvidence:
    """Excerpts of examples."""

    sounds: dict[str, Takes] = field(default_factory=dict)


def shown(
    session: Session, asked: ShowParameters, workspace: Workspace | None, watch: Watch
) -> tuple[ShowResult, PageEvidence]:
    """What is asked for. Raises :class:`tonescope.models.errors.TonescopeError` for a place that there is not, or that
    no index is over."""
    scope, place = Microscope.of(session, watch.progress), asked.place.strip()
    shelf = Shelf.open(session, asked.index, workspace, watch.owner)
    result = ShowResult(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(session.generator),
        judge=provenance.of_judge(session.judge),
        address=place,
        page=page_address(place, session.generator, session.judge),
        artifacts=_artifacts(session, scope, place, watch),
    )
    if ":" in place:
        page = shelf.unit(place, scope, full=asked.full, needs_index=asked.index is not None)
        sounds, kept = shelf.sounds(page), _bookmark(session, place, workspace)
        caveats = caveats_of(page, sounds is not None)
        found = result.model_copy(update={"unit": page, "caveats": caveats, "bookmark": kept})
        return found, PageEvidence({} if sounds is None else {EXCERPTS: sounds})
    if place:
        rows = shelf.location(scope.location(place), asked.sort, asked.most)
        return result.model_copy(update={"location": rows}), PageEvidence()
    return result.model_copy(update={"map": shelf.map()}), PageEvidence()


def _artifacts(session: Session, scope: Microscope, place: str, watch: Watch) -> list[ArtifactRow]:
    found = artifacts_of(ArtifactCatalogue(scope.store), session, place, anybodys=watch.owner is None) if place else []
    return [ArtifactRow.of(one) for one in found]


def _bookmark(session: Session, place: str, workspace: Workspace | None) -> Bookmark | None:
    """That of a unit in its model, in the workspace that is looked through."""
    if workspace is None or not (workspace.folder / BOOKMARKS).is_file():
        return None
    owner: Any = session.judge if place.startswith("judge.") else session.generator
    with Bookmarks(workspace.folder) as bookmarks:
        return next(iter(bookmarks.find(place, owner.fingerprint())), None)


def caveats_of(page: UnitPage, heard: bool) -> list[str]:
    """What a reader of a unit's page has to know."""
    caveats = []
    if page.corpus and not page.named:
        caveats.append("Nobody looked for a name yet: --full does, from stimuli, captions and what the judge hears.")
    if page.wiring is not None:
        caveats.append("Partners are told by weights: what would reach another unit, not how often it does.")
    if page.corpus and not heard:
        caveats.append(unheard(page.corpus))
    return caveats


def views(found: ShowResult, evidence: PageEvidence) -> list[View]:
    """Everything that was found."""
    if found.unit is not None:
        shown = unit_views(found.unit, evidence)
        shown[0] = _kept(shown[0], found.bookmark)
    elif found.location is not None:
        shown = _location_views(found.address, found.location)
    else:
        shown = _map_views(found.model.name, found.map or [])
    if found.artifacts:
        shown.append(_made_of_it(found.artifacts))
    if found.page:
        told_page = f"Its page in the app (tonescope ui) is {found.page}, on whatever machine that runs."
        shown[0] = replace(shown[0], sentences=[*shown[0].sentences, (told_page, None)])
    if found.caveats:
        shown.append(View("caveats", "To keep in mind", [(text, None) for text in found.caveats]))
    told = [
        f"{found.model.name} ({found.model.description}); {found.judge.name} ({found.judge.description}).",
        f"Made on {found.made} with {', '.join(f'{name} {number}' for name, number in found.versions.items())}.",
    ]
    return [*shown, View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")]


# --- a unit -----------------------------------------------------------------------------------------------------------


def unit_views(page: UnitPage, evidence: PageEvidence) -> list[View]:
    """What is known of a unit; runs last."""
    shown = [_headline(page), *([_examples(page, evidence), _statistics(page)] if page.corpus else [])]
    if page.overused:
        shown.insert(1, _overused(page))
    if page.curves and page.name != "dead":
        shown.append(curves_view(page.curves))
    if page.labels:
        shown.append(_labels(page))
    if page.wiring is not None:
        shown.append(_wiring(page))
    return [*shown, _runs(page)]


def _headline(page: UnitPage) -> View:
    live = page.name != "dead"
    told = f"{page.unit}: {page.name}." if live else f"{page.unit} is dead: it does nothing in {page.corpus}."
    sentences: list[Any] = [(told, "observed")]
    if live and page.curves:
        sentences.append((f"It {told_of(page.curves)}", "observed"))
    commands = [Command("Make the sound that drives it:", f"tonescope visualize {page.unit}")] if live else []
    if not page.corpus:
        known = "No index is over this location yet, so nothing is known of what its units usually do."
        sentences.append((known, None))
        place = page.unit.partition(":")[0]
        commands.append(Command("Listen to a corpus with it:", f"tonescope index --location {place}"))
    return View("unit", page.unit, sentences, depth="first", tone="open", commands=commands)


def _kept(view: View, bookmark: Bookmark | None) -> View:
    """The first view, with what somebody saved of the unit."""
    if bookmark is None:
        return view
    more = "; ".join(part for part in (bookmark.notes, ", ".join(bookmark.tags)) if part)
    told = f"Bookmarked as “{bookmark.name}”{f': {more}' if more else ''}."
    return replace(view, sentences=[*view.sentences, (told, None)])


def _made_of_it(artifacts: Sequence[ArtifactRow]) -> View:
    rows = tuple((one.title, one.day, one.asked, one.artifact) for one in artifacts)
    table = Table(("what", "made", "asked", "artifact"), rows, lead=6)
    told = "What was rendered of it before; asked for alike, each is there at once."
    return View("made", "What was made of it", [(told, None)], [table])


def _overused(page: UnitPage) -> View:
    told: list[Any] = [(row.told, "observed") for row in page.overused]
    return View("overused", "A top example that is the top of many", told, depth="first", tone="unclear")


def _examples(page: UnitPage, evidence: PageEvidence) -> View:
    rows = tuple(
        (
            _kind(one),
            f"{one['value']:.3g}",
            f"{one['second']:.2f}",
            str(one["name"]),
            str(one["caption"] or ""),
            " · ".join(str(one[name]) for name in ("licence", "source") if one[name]),
        )
        for one in page.examples
    )
    columns = ("example", "the most", "at second", "recording", "caption", "licence and source")
    table = Table(columns, rows, lead=6)
    told = (
        f"Of {page.recordings:,} recordings of {page.corpus}: those in which it does most, random ones, and quantiles."
    )
    sounds = []
    if EXCERPTS in evidence.sounds:
        top = [one for one in page.examples if one["kind"] == "top"]
        count = len(evidence.sounds[EXCERPTS])
        sounds = [
            [Sound(f"{one['name']}", EXCERPTS, row, f"{one['value']:.3g} at {one['second']:.2f} s")]
            for row, one in enumerate(top[:count])
        ]
    return View("examples", "Where it does most", [(told, None)], [table], sounds=sounds, depth="first")


def _kind(one: dict[str, Any]) -> str:
    if one["kind"] == "quantile":
        return f"quantile {one['share']:.2f}"
    return f"{one['kind']} {int(one['rank']) + 1}"


def _statistics(page: UnitPage) -> View:
    known: dict[str, Any] = page.statistics
    told = (
        f"At {int(known['positions']):,} positions its mean is {known['mean']:.3g} and its variance "
        f"{known['variance']:.3g}, "
        f"between {known['least']:.3g} and {known['most']:.3g}; it does much at {100 * known['density']:.2g} % of them."
    )
    quantiles = tuple((share, f"{value:.4g}") for share, value in known["quantiles"].items())
    table = Table(("share of positions below", "value"), quantiles, title="Quantiles")
    return View("statistics", "What it usually does", [(told, "observed")], [table], [_histogram(page)])


def _histogram(page: UnitPage) -> Figure:
    """Positions by value; bins grow with the value, so that heights are shares of all positions."""
    total = max(1, sum(count for *_, count in page.histogram))
    trace = {
        "type": "bar",
        "x": [round((low + high) / 2, 6) for low, high, _ in page.histogram],
        "y": [round(count / total, 6) for *_, count in page.histogram],
        "width": [round(high - low, 6) for low, high, _ in page.histogram],
        "marker": {"color": COLOURS[0]},
        "name": "share of positions",
    }
    plot = plotted([trace], 240, titled("value"), titled("share of positions"), above=8)
    most = max(page.histogram, key=lambda row: row[2], default=(0.0, 0.0, 0))
    told = f"Most positions ({100 * most[2] / total:.0f} %) lie between {most[0]:.3g} and {most[1]:.3g}."
    return Figure("Histogram", plot, told, "observed")


def _labels(page: UnitPage) -> View:
    rows = tuple(
        (
            row.source,
            row.label,
            f"{row.score:.2f}",
            "" if row.by_hand is None else f"{row.by_hand:.2f}",
            f"{row.q:.2g}",
            _yes(row.holds),
        )
        for row in page.labels
    )
    columns = ("source", "label", "AUC, held out", "AUC by hand", "q", "holds")
    told = f"So it is called: {page.name}." if page.name != NO_NAME else "None of them holds, so it has no clear name."
    return View("labels", "Names that were proposed", [(told, "observed")], [Table(columns, rows)])


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _wiring(page: UnitPage) -> View:
    wiring = page.wiring
    assert wiring is not None
    writes = tuple(
        (row.head, f"{row.strength:.2f}", _choices(row.likelier), _choices(row.unlikelier)) for row in wiring.writes
    )
    partners = [("reads from", row) for row in wiring.upstream] + [("read by", row) for row in wiring.downstream]
    told = tuple((how, row.unit, f"{row.cosine:+.3f}") for how, row in partners)
    tables = [
        Table(("output head", "strength", "makes likelier", "makes unlikelier"), writes, title="What it writes"),
        Table(("how", "unit", "cosine"), told, kinds=("text", "unit", "text"), title="Partners, by weights"),
    ]
    return View("wiring", "Whom it speaks to", [], [table for table in tables if table.rows])


def _choices(rows: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} ({value:+.2g})" for name, value in rows[:3])


def _runs(page: UnitPage) -> View:
    if not page.runs:
        return View("runs", "Diagnoses in which it was a cause", [("None that was looked through.", None)])
    rows = tuple((row["run"], row["title"], row["badge"], row["sentence"]) for row in page.runs)
    return View(
        "runs",
        "Diagnoses in which it was a cause",
        tables=[Table(("run", "prompt", "how surely", "what was found"), rows)],
        commands=[Command("Open one:", f"tonescope runs show {page.runs[0]['run']}")],
    )


# --- a location, a model ----------------------------------------------------------------------------------------------


def _location_views(address: str, rows: Sequence[UnitRow]) -> list[View]:
    location = Location.parse(address)
    dead = sum(row.dead for row in rows)
    told = f"{len(rows)} units of {address} ({location.site.meaning}); {dead} of these are dead."
    cells = tuple(
        (row.unit, row.name, f"{row.mean:.3g}", f"{row.most:.3g}", f"{row.variance:.3g}", f"{row.density:.4f}")
        for row in rows
    )
    columns = ("unit", "name", "mean", "the most", "variance", "density")
    table = Table(columns, cells, kinds=("unit", *("text",) * 4, "share"), lead=20)
    return [View("location", address, [(told, "observed")], [table], depth="first", tone="open")]


def _map_views(model: str, rows: Sequence[PlaceRow]) -> list[View]:
    known = [row for row in rows if row.indexed]
    told = f"{model} and its judge have {len(rows)} locations; indexes are over {len(known)} of them."
    cells = tuple(
        (
            row.location,
            str(row.units),
            "" if row.dead is None else str(row.dead),
            "" if row.density is None else f"{row.density:.4f}",
            "" if row.named is None else str(row.named),
            row.meaning,
        )
        for row in rows
    )
    table = Table(
        ("location", "units", "dead", "density", "named", "meaning"), cells, kinds=("unit", *("text",) * 5), lead=20
    )
    missing = next((row.location for row in rows if not row.indexed and not row.location.startswith("text")), None)
    commands = [Command("Look at one that is not:", f"tonescope index --location {missing}")] if missing else []
    return [
        View("map", f"Map of {model}", [(told, "observed")], [table], depth="first", tone="open", commands=commands)
    ]
