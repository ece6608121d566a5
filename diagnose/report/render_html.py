"""Views as HTML: a self-contained page with nothing to fetch, and the fragments that the live page is made of.

All text of a view is escaped here, and nowhere before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, Template
from markupsafe import Markup

from tonescope.diagnose.report import web_components
from tonescope.diagnose.report.chart import chart
from tonescope.diagnose.report.escaped_templates import templates_of

if TYPE_CHECKING:
    from tonescope.diagnose.report.sounds import Playable
    from tonescope.diagnose.report.view import Depth, Figure, Sound, View

SHOWN_TAKES = 8
MOST_SOUND = 40 * 2**20  # characters of sound in the page
LONGEST_TITLE = 80  # characters of a prompt in the title of a window
_SIZE = Markup("<!--size-->")  # nothing that is escaped can read so


def page(title: str, views: Sequence[View], players: Playable | None = None, *, has_folder: bool = True) -> str:
    """One self-contained page.

    Args:
        title: what it is, above everything.
        views: what it shows, in their order.
        players: what their sounds lead to; of long rows of takes the first few are shown.
        has_folder: whether it lies in a folder with the sounds as they were played.

    Raises:
        ValueError: two views have the same key, or there are sounds and nothing that plays them.
    """
    if len({view.key for view in views}) < len(views):
        raise ValueError(f"each view of a page has a key of its own: {', '.join(view.key for view in views)}")
    shown = _shown(views, players)
    numbers = count()
    figures: dict[str, Any] = {}

    def keep(plot: Mapping[str, Any]) -> str:
        """Keep a figure for plotly at the end of the page; its place is found by what is returned."""
        place = f"figure-{next(numbers)}"
        figures[place] = plot
        return place

    headline = next((view.title for view in views if view.tone), "")
    listening = {key: _listening(rows, players) for key, rows in shown.items() if players}
    cells = _cells(views, players)
    made = _template("page.html.j2").render(
        title=title,
        window=f"{title}: {headline[:LONGEST_TITLE]}" if headline else title,
        style=style("@media (prefers-color-scheme: dark)"),
        script=Markup(web_components.script()) if shown or cells else None,
        has_folder=has_folder,
        views=sorted(views, key=place_on_page),
        shown=shown,
        listening=listening,
        chart=chart,
        keep=keep,
        cells=cells,
        folded=folded({view.depth for view in views}),
        figures=figures,
        plotly=_plotly() if any(chart(figure.plot) is None for view in views for figure in view.figures) else None,
        size=_SIZE,
    )
    size = len(made.encode())
    return made.replace(_SIZE, f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB")


def place_on_page(view: View) -> int:
    """Where a view stands on a page: the headline, why, what can be heard, what can be done next, all else."""
    if view.depth != "first":
        return 4
    return 0 if view.tone else 2 if view.sounds else 3 if view.commands else 1


def _listening(rows: Sequence[Sequence[Sound]], players: Playable) -> dict[str, Any]:
    """What a player is given, as JSON."""
    from tonescope.diagnose.report.player_data import listening

    return listening(rows, players).model_dump(mode="json", exclude_none=True)


def player(view: View, players: Playable, *, most: int = SHOWN_TAKES, with_score: bool = True) -> str:
    """The A/B player of a view's sounds, for a page that has :func:`head` in its head: with its score where there is
    one, unless that stands elsewhere (:func:`score`). Empty for a view without sounds."""
    if not view.sounds:
        return ""
    rows = view.sounds[:most]
    return _part("player", view.key, _listening(rows, players), len(view.sounds), len(rows), with_score)


def score(view: View) -> str:
    """The score of a player that stands elsewhere on the page; empty where nothing is drawn over its sounds."""
    return _part("score", view.key) if any(sound.lanes for row in view.sounds for sound in row) else ""


def matrices(view: View, players: Playable) -> str:
    """The matrices of a view, whose cells play; empty for a view that has none."""
    cells, heat = _cells([view], players).get(view.key, []), _template("matrix.html.j2").module
    made = "".join(str(heat.matrix(each, uris)) for each, uris in zip(view.matrices, cells, strict=True))  # type: ignore[attr-defined]
    return f'<div class="tonescope">{made}</div>' if made else ""


def figure(shown: Figure) -> str | None:
    """A figure as HTML in the colours of the page; ``None`` for one that only plotly draws."""
    if (drawn := chart(shown.plot)) is None:
        return None
    return _part("figure", shown, drawn)


def head(dark: str = ".dark") -> str:
    """What an app puts into its head once, for all that is made here: the look, and the script of the components."""
    return f'<style>{style(dark)}</style><script type="module">{web_components.script()}</script>'


def folded(depths: Collection[Depth]) -> Callable[[View], bool]:
    """Which views of a page are folded: numbers, and details where something stands before them."""

    def is_folded(view: View) -> bool:
        return view.depth == "numbers" or (view.depth == "details" and "first" in depths)

    return is_folded


def text(view: View) -> str:
    """The title and the sentences of a view, for a page that places players and figures itself."""
    return _part("text", view)


def said(view: View) -> str:
    """The sentences of a view alone, for where its title stands already."""
    return _part("said", view)


def tables(view: View) -> str:
    """The tables of a view."""
    return _part("tables", view)


def caption(figure: Figure) -> str:
    """What stands above a figure."""
    return _part("caption", figure)


def _part(macro: str, *shown: Any) -> str:
    made = getattr(_template("view.html.j2").module, macro)(*shown)
    return f'<div class="tonescope">{made}</div>'


def style(dark: str) -> str:
    """The look of all that is inside an element of the class ``tonescope``, as CSS.

    ``dark`` is when it is dark: the head of a rule (``@media ...``) or a selector (``.dark``).
    """
    return _template("look.css.j2").render(dark=Markup(dark)) + web_components.styles()


def _shown(views: Sequence[View], players: Playable | None) -> dict[str, Sequence[Sequence[Sound]]]:
    """The rows of sounds of each view that a page has room for."""
    rows = {view.key: view.sounds for view in views if view.sounds}
    if not rows:
        return {}
    if players is None:
        raise ValueError(f"the views {', '.join(rows)} have sounds, and nothing plays them")
    firsts = [sounds[0] for sounds in rows.values()]
    across = sum(len(players.uri(sound)) for first in firsts for sound in first)
    room = max(1, min(SHOWN_TAKES, MOST_SOUND // max(1, across)))
    return {key: sounds[:room] for key, sounds in rows.items()}


def _cells(views: Sequence[View], players: Playable | None) -> dict[str, list[dict[tuple[int, int], str]]]:
    """The sounds of the cells of matrices, by view: the findings first, as far as a page has room."""
    if players is None:
        return {}
    room, found = MOST_SOUND, dict[str, list[dict[tuple[int, int], str]]]()
    for view in views:
        for matrix in view.matrices:
            placed = {
                (row, column): cell
                for row, cells in enumerate(matrix.cells)
                for column, cell in enumerate(cells)
                if cell.sound
            }
            uris: dict[tuple[int, int], str] = {}
            for place, cell in sorted(placed.items(), key=lambda item: (not item[1].marked, -item[1].strength)):
                uri = players.uri(cell.sound) if cell.sound and room > 0 else ""
                room -= len(uri)
                if uri and room >= 0:
                    uris[place] = uri
            found.setdefault(view.key, []).append(uris)
    return found


@lru_cache(maxsize=1)
def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return templates_of(__package__)


def _template(name: str) -> Template:
    return _environment().get_template(name)
