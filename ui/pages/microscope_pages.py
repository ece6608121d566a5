"""Microscope: the map of the model, the units of a location, everything about a unit, each under one address.

It computes nothing with the models: what is shown is read from indexes, artifacts, weights and runs. What is slow to
put together, or somebody's own, is a part that the page fetches when it is there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tonescope.diagnose.microscope.artifact_views import SET, artifact_view
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.sight import places_at
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import View
from tonescope.diagnose.store.artifact_catalogue import ArtifactCatalogue
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks
from tonescope.diagnose.store.run_list import Run
from tonescope.diagnose.store.workspace import BOOKMARKS
from tonescope.diagnose.unit_index.index_place import ABOUT, index_root
from tonescope.diagnose.unit_index.index_reading import SORTS, UnitIndex, index_of
from tonescope.diagnose.unit_index.page_address import MARK_DIGITS, model_mark, page_address
from tonescope.diagnose.unit_index.page_artifacts import ArtifactRow, artifacts_of
from tonescope.diagnose.unit_index.page_views import EXCERPTS, PageEvidence, caveats_of, unit_views
from tonescope.diagnose.unit_index.unit_page import Shelf, unheard
from tonescope.models.units import Location, Unit
from tonescope.ui.components import microscope_html as html
from tonescope.ui.components.lenses import About, fields_of, lens_jobs, lens_of, lenses_of
from tonescope.ui.web.plain_pages import Answer, Asked, PlainPage
from tonescope.ui.workshop import Workshop

PER_PAGE = 240  # units of a location
MOST_RUNS = 200  # of one visitor, the newest, that are looked through
LONGEST_SEARCH = 200  # characters


def build(workshop: Workshop) -> Answer:
    """What answers on these pages."""
    return MicroscopePages(workshop).answer


@dataclass
class MicroscopePages:
    """The pages of a workshop's models."""

    workshop: Workshop
    scope: Microscope = field(init=False)
    catalogue: ArtifactCatalogue = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: frozenset[tuple[str, int]] | None = None
    _indexes: Sequence[UnitIndex] = ()

    def __post_init__(self) -> None:
        self.scope = Microscope.of(self.workshop.session)
        self.catalogue = ArtifactCatalogue(self.scope.store)

    def answer(self, asked: Asked) -> PlainPage:
        """A page, or a part of one.

        Raises :class:`tonescope.models.errors.TonescopeError` for a place that there is not.
        """
        place, _, part = asked.rest.partition("/")
        if place == "artifact":
            return PlainPage("", self._artifact(part), is_part=True)
        if part:
            unit = self.scope.unit(place)
            made = self._heard(unit, asked) if part == "heard" else self._runs(unit, asked)
            return PlainPage("", made, is_part=True)
        body = self._unit(place, asked) if ":" in place else self._location(place, asked) if place else self._map(asked)
        session = self.workshop.session
        return PlainPage(place or "Microscope", body, address=page_address(place, session.generator, session.judge))

    # --- pages --------------------------------------------------------------------------------------------------------

    def _map(self, asked: Asked) -> str:
        rows, search = self._shelf(asked).map(), asked.query.get("bookmarks", "")[:LONGEST_SEARCH]
        return html.map_page(
            self._about("", asked),
            html.networks(rows, self._base),
            html.Saved(search, [] if asked.is_embedded else self._bookmarks(search)),
            self._lenses("model", None, asked),
        )

    def _location(self, name: str, asked: Asked) -> str:
        location = self.scope.location(name)
        shelf, sort = self._shelf(asked), asked.query.get("sort", "unit")
        sort = sort if sort in SORTS else "unit"
        place = next(row for row in shelf.map() if row.location == str(location))
        start = PER_PAGE * min(max(0, _number(asked.query.get("page"))), (place.units - 1) // PER_PAGE)
        indexed = index_of(location, shelf.indexes) is not None
        rows = shelf.location(location, sort, PER_PAGE, start) if indexed else []
        shown = html.Grid(place, rows, sort, list(SORTS), start, PER_PAGE, self._base)
        artifacts = self._artifacts(str(location))
        lenses = self._lenses("location", location, asked)
        return html.location_page(self._about(str(location), asked), shown, artifacts, lenses)

    def _unit(self, name: str, asked: Asked) -> str:
        unit = self.scope.unit(name)
        page = self._shelf(asked, with_runs=False).unit(str(unit), self.scope, needs_index=False)
        views = [view for view in unit_views(page, PageEvidence()) if view.key != "runs"]
        caveats = [(text, None) for text in caveats_of(page, heard=True)]
        views += [View("caveats", "To keep in mind", caveats)] if caveats else []
        kept = None if asked.is_embedded else self._bookmark(unit)
        count = places_at(self.scope.generator, self.scope.judge, unit.location).units(unit.location)
        about = self._about(str(unit), asked, beside=html.Beside.of(unit, count, self._base))
        return html.unit_page(
            about,
            views,
            has_sounds=any(one["kind"] == "top" for one in page.examples),
            artifacts=self._artifacts(str(unit)),
            lenses=[*self._lenses("unit", unit.location, asked), *self._lenses("location", unit.location, asked)],
            bookmark=kept,
        )

    # --- parts --------------------------------------------------------------------------------------------------------

    def _heard(self, unit: Unit, asked: Asked) -> str:
        """The top examples, to listen to."""
        shelf = self._shelf(asked, with_runs=False)
        page = shelf.unit(str(unit), self.scope, needs_index=False)
        takes = shelf.sounds(page)
        if takes is None:
            return html.note(unheard(page.corpus))
        view = next(one for one in unit_views(page, PageEvidence({EXCERPTS: takes})) if one.key == "examples")
        return html.player(view, Players(Sounds(self.workshop.session.generator), {EXCERPTS: takes}))

    def _runs(self, unit: Unit, asked: Asked) -> str:
        """The runs of a visitor in which a unit was a cause, or that looked at it."""
        shelf = self._shelf(asked)
        looked = [
            (run, found[0].title) for run in self._own_runs(asked) if (found := lens_of(run)) and found[1] == str(unit)
        ]
        return html.runs(shelf.runs(unit), looked, self.workshop.address)

    def _artifact(self, key: str) -> str:
        view, takes = artifact_view(self.catalogue.read(key))
        sets = {SET: takes} if takes is not None else {}
        return html.artifact(view, Players(Sounds(self.workshop.session.generator), sets))

    # --- what they are made of ----------------------------------------------------------------------------------------

    @property
    def _base(self) -> str:
        return f"{self.workshop.root_path}/microscope"

    def _shelf(self, asked: Asked, *, with_runs: bool = True) -> Shelf:
        """With the indexes as they are now, and the visitor's own runs."""
        session, root = self.workshop.session, index_root()
        marks = set()
        for about in root.glob(f"*/{ABOUT}"):
            try:
                marks.add((str(about), about.stat().st_mtime_ns))
            except OSError:
                continue  # it is being replaced
        with self._lock:
            if self._seen != frozenset(marks):
                self._indexes, self._seen = Shelf.open(session, None).indexes, frozenset(marks)
            indexes = self._indexes
        if asked.is_embedded or not with_runs:
            return Shelf(session, indexes)
        return Shelf(session, indexes, self.workshop.workspace, asked.owner)

    def _about(self, place: str, asked: Asked, beside: html.Beside | None = None) -> html.About:
        """What every page says of itself; a link that was made with another model is told."""
        session = self.workshop.session
        mark, wanted = model_mark(place, session.generator, session.judge), asked.query.get("of", "")[:MARK_DIGITS]
        foreign = ""
        if wanted and wanted != mark:
            foreign = (
                f"This link is about another model ({wanted}), and this is {session.generator.name} ({mark}): the "
                "place of the same name may do something else."
            )
        address = self.workshop.root_path + page_address(place, session.generator, session.judge)
        return html.About(place, session.generator.name, address, self._base, foreign, asked.is_embedded, beside)

    def _own_runs(self, asked: Asked) -> list[Run]:
        if asked.is_embedded:
            return []
        page = self.workshop.workspace.runs.page(asked.owner, most=MOST_RUNS)
        return [run for run in page.runs if run.job in lens_jobs()]

    def _artifacts(self, place: str) -> list[ArtifactRow]:
        return [ArtifactRow.of(one) for one in artifacts_of(self.catalogue, self.workshop.session, place)]

    def _lenses(self, about: About, location: Location | None, asked: Asked) -> list[html.LensForm]:
        if asked.is_embedded:
            return []
        return [html.LensForm(lens, fields_of(lens)) for lens in lenses_of(about, location)]

    def _bookmarks(self, search: str = "") -> list[tuple[Bookmark, str]]:
        """The bookmarks that hold all words of a search, with what is to be said where one is of another model."""
        folder = self.workshop.workspace.folder
        if not (folder / BOOKMARKS).is_file():
            return []
        session, found = self.workshop.session, []
        with Bookmarks(folder) as bookmarks:
            for one in bookmarks.all(search=search):
                owner: Any = session.judge if one.unit.startswith("judge.") else session.generator
                found.append((one, one.foreign_to(owner.fingerprint(), owner.name) or ""))
        return found

    def _bookmark(self, unit: Unit) -> html.Kept:
        return html.Kept(
            next((one for one, foreign in self._bookmarks() if one.unit == str(unit) and not foreign), None)
        )


def _number(text: str | None) -> int:
    if not text or not text.isdecimal() or len(text) > 6:
        return 0
    return int(text)
