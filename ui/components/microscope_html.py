"""The pages of units, locations and models as HTML (microscope.html.j2).

All text is escaped here, or where views are made HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from tonescope.diagnose.report import render_html
from tonescope.diagnose.report.escaped_templates import templates_of
from tonescope.diagnose.report.sounds import Playable
from tonescope.diagnose.report.view import View
from tonescope.diagnose.store.bookmarks import Bookmark
from tonescope.diagnose.store.run_list import Run
from tonescope.diagnose.unit_index.page_artifacts import ArtifactRow
from tonescope.diagnose.unit_index.unit_page import PlaceRow, UnitRow
from tonescope.models.sites import SITES
from tonescope.models.units import Location, Unit
from tonescope.ui.components.lenses import Lens, LensField

FIRST = ("unit", "examples", "overused")  # views that are not folded
NETWORKS = {
    "text": "Text encoder",
    "decoder": "Decoder: what plays",
    "denoiser": "Denoiser: what plays",
    "codec": "Codec: latents to sound",
    "judge": "Judge: what listens",
}
SORT_NAMES = {
    "unit": "number",
    "mean": "mean",
    "variance": "variance",
    "most": "the most it does",
    "density": "density",
    "sparsest": "sparsest first",
}
_PLACE = re.compile(r"<code>([a-z]+\.[0-9]+\.[a-z_]+(?::[0-9]+)?)</code>")


@dataclass(frozen=True)
class Beside:
    """The units before and after one, by address and link; empty at the ends."""

    before: tuple[str, str] | None
    after: tuple[str, str] | None

    @classmethod
    def of(cls, unit: Unit, count: int, base: str) -> Beside:
        """Those beside a unit of a location of so many."""

        def linked(index: int) -> tuple[str, str] | None:
            if not 0 <= index < count:
                return None
            named = str(Unit(unit.location, index))
            return named, f"{base}/{named}"

        return cls(linked(unit.index - 1), linked(unit.index + 1))


@dataclass(frozen=True)
class About:
    """What every page says of itself.

    Attributes:
        place: a unit or location; empty for the model, whose name is ``model``.
        address: its canonical one; ``base``, under which all of them are.
        foreign: what is to be said of a link that was made with another model.
        is_embedded: whether it stands in somebody else's page.
    """

    place: str
    model: str
    address: str
    base: str
    foreign: str = ""
    is_embedded: bool = False
    beside: Beside | None = None

    @property
    def location(self) -> str:
        """The location that it is about, or in."""
        return self.place.partition(":")[0]

    @property
    def command(self) -> str:
        """The line that shows the same in a terminal."""
        return f"tonescope show {self.place}".strip()


@dataclass(frozen=True)
class LensForm:
    """A lens and its fields."""

    lens: Lens
    fields: Sequence[LensField]


@dataclass(frozen=True)
class Kept:
    """The bookmark of a unit, if there is one."""

    bookmark: Bookmark | None


@dataclass(frozen=True)
class Saved:
    """The bookmarks that a search finds, all for none; each with what is to be said where it is of another model."""

    search: str
    bookmarks: Sequence[tuple[Bookmark, str]]


@dataclass(frozen=True)
class Tile:
    """A place in a grid: its address, what it is called and told, and how full it is drawn, 0 to 1."""

    href: str
    name: str
    told: str
    level: float
    state: str = ""
    label: str = ""


@dataclass(frozen=True)
class Network:
    """A network as a grid: its sites across, its layers down; a tile, or nothing, in each place."""

    title: str
    sites: Sequence[tuple[str, str]]
    layers: Sequence[tuple[int, Sequence[Tile | None]]]


@dataclass(frozen=True)
class Grid:
    """The units of a location, a page of them.

    Attributes:
        place: the location; ``rows``, its units as the index knows them, if one is over it.
        sort, sorts: what they are sorted by, and can be.
        start, most: the first that is shown, and how many are.
    """

    place: PlaceRow
    rows: Sequence[UnitRow]
    sort: str
    sorts: Sequence[str]
    start: int
    most: int
    base: str

    @property
    def told(self) -> str:
        """How many units there are."""
        return counted(self.place.units, "unit")

    @property
    def tiles(self) -> list[Tile]:
        """One a unit."""
        location = Location.parse(self.place.location)
        if not self.rows:
            last = min(self.place.units, self.start + self.most)
            return [self._plain(Unit(location, index)) for index in range(self.start, last)]
        field = {"sparsest": "density", "unit": "most"}.get(self.sort, self.sort)
        values = [abs(float(getattr(row, field))) for row in self.rows]
        largest = max(values, default=0.0) or 1.0
        return [self._known(row, value / largest) for row, value in zip(self.rows, values, strict=True)]

    def _plain(self, unit: Unit) -> Tile:
        return Tile(f"{self.base}/{unit}", str(unit.index), "", 0.0, label=str(unit))

    def _known(self, row: UnitRow, level: float) -> Tile:
        told = "dead" if row.dead else row.name or f"to {row.most:.3g}"
        known = f"mean {row.mean:.3g}, at most {row.most:.3g}, density {row.density:.4f}"
        label = f"{row.unit}: {row.name or 'no name'}; {known}"
        state = "dead" if row.dead else "named" if row.name else ""
        return Tile(f"{self.base}/{row.unit}", row.unit.partition(":")[2], told, level, state, label)

    @property
    def pages(self) -> list[tuple[str, str, bool]]:
        """Links to its pages: what they say, where they lead, whether it is this one."""
        count = -(-self.place.units // self.most)
        here = self.start // self.most
        shown = [number for number in range(count) if number in (0, count - 1) or abs(number - here) < 3]
        return [
            (
                f"{number * self.most + 1}–{min(self.place.units, (number + 1) * self.most)}",
                f"{self.base}/{self.place.location}?sort={self.sort}&page={number}",
                number == here,
            )
            for number in shown
        ]

    @property
    def sort_links(self) -> list[tuple[str, str, bool]]:
        """Links that sort: what they say, where they lead, whether it is sorted so."""
        at = f"{self.base}/{self.place.location}?sort="
        return [(SORT_NAMES.get(name, name), at + name, name == self.sort) for name in self.sorts]


def networks(rows: Sequence[PlaceRow], base: str) -> list[Network]:
    """Every location of a model as a tile, network by network."""
    found = []
    by_network: dict[str, list[PlaceRow]] = {}
    for row in rows:
        by_network.setdefault(Location.parse(row.location).network, []).append(row)
    for network, places in by_network.items():
        names = [site.name for site in SITES if site.network == network]
        here = {(Location.parse(row.location).layer, Location.parse(row.location).name): row for row in places}
        sites = [name for name in names if any(name == key[1] for key in here)]
        layers = sorted({layer for layer, _ in here})
        meanings = {Location.parse(row.location).name: row.meaning for row in places}
        found.append(
            Network(
                NETWORKS.get(network, network),
                [(name, meanings[name]) for name in sites],
                [(layer, [_tile(here.get((layer, name)), base) for name in sites]) for layer in layers],
            )
        )
    return found


def _tile(row: PlaceRow | None, base: str) -> Tile | None:
    if row is None:
        return None
    parts = [counted(row.units, "unit")]
    if row.indexed and row.named is not None:
        parts.append(f"{row.named} named")
    if row.indexed and row.dead:
        parts.append(f"{row.dead} dead")
    level = (row.named or 0) / max(1, row.units) if row.named is not None else 0.0
    state = "indexed" if row.indexed else ""
    known = "an index is over it" if row.indexed else "no index is over it"
    return Tile(f"{base}/{row.location}", row.location, " · ".join(parts), level, state, f"{row.location}, {known}")


def counted(count: int, what: str) -> str:
    """So many of something, in words."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def map_page(about: About, shown: Sequence[Network], saved: Saved, lenses: Sequence[LensForm]) -> str:
    """The map of a model."""
    return _made("map", about, shown, saved, lenses)


def location_page(about: About, grid: Grid, artifacts: Sequence[ArtifactRow], lenses: Sequence[LensForm]) -> str:
    """The units of a location."""
    return _made("location", about, grid, _listed(artifacts, about), lenses)


def unit_page(
    about: About,
    views: Sequence[View],
    *,
    has_sounds: bool,
    artifacts: Sequence[ArtifactRow],
    lenses: Sequence[LensForm],
    bookmark: Kept | None,
) -> str:
    """Everything about a unit."""
    shown = [(view, view.key in FIRST, _view(view, about.base)) for view in views]
    return _made("unit", about, shown, has_sounds, _listed(artifacts, about), lenses, bookmark)


def _view(view: View, base: str) -> Markup:
    """What is in a view, but for its sounds; places are links to their pages."""
    body = render_html.text(view) if view.key == "unit" else render_html.said(view)
    figures = "".join(render_html.figure(figure) or "" for figure in view.figures)
    return Markup(_linked(body + figures + render_html.tables(view), base))


def _linked(made: str, base: str) -> str:
    return _PLACE.sub(lambda found: f'<code><a href="{base}/{found[1]}">{found[1]}</a></code>', made)


def _listed(artifacts: Sequence[ArtifactRow], about: About) -> list[Mapping[str, Any]]:
    """Artifacts as a page lists them; the first of each technique is open."""
    seen: set[str] = set()
    rows = list[Mapping[str, Any]]()
    for one in artifacts:
        part = f"{about.base}/artifact/{one.artifact}"
        rows.append(
            {
                "title": one.title,
                "told": one.asked,
                "when": one.day,
                "part": part,
                "is_open": one.technique not in seen,
            }
        )
        seen.add(one.technique)
    return rows


# --- parts ------------------------------------------------------------------------------------------------------------


def player(view: View, players: Playable) -> str:
    """The sounds of a view, equally loud, to listen to."""
    return render_html.player(view, players, with_score=False)


def artifact(view: View, players: Playable) -> str:
    """An artifact: what was asked, its sounds, its figures and tables."""
    heard = render_html.player(view, players, with_score=False) if view.sounds else ""
    figures = "".join(render_html.figure(figure) or "" for figure in view.figures)
    return heard + render_html.said(view) + render_html.tables(view) + figures


def note(text: str) -> str:
    """A sentence in place of a part."""
    return str(Markup('<p class="soft">{}</p>').format(text))


def runs(causes: Sequence[Mapping[str, str]], looked: Sequence[tuple[Run, str]], address: Callable[[str], str]) -> str:
    """The runs of a visitor that have to do with a unit."""
    return _made("runs", causes, looked, address)


def _made(macro: str, *shown: Any) -> str:
    return str(getattr(_templates().module, macro)(*shown))


@lru_cache(maxsize=1)
def _templates() -> Any:
    return templates_of(__package__).get_template("microscope.html.j2")
