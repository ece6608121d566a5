"""Views in the terminal: sentences and tables. Figures and sounds are for the report and the page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from tonescope.diagnose.report.view import Table, Tone, View
from tonescope.diagnose.schema import Badge
from tonescope.ui.console import output
from tonescope.ui.printable import printable

BADGES: dict[Badge, str] = {"observed": "cyan", "estimated": "yellow", "tested": "white", "verified": "green"}
TONES: dict[Tone, str] = {"good": "green", "bad": "red", "unclear": "yellow", "open": "blue"}
BAR_WIDTH = 24  # characters
LONGEST_HEADLINE = 70  # characters


def show_views(views: Sequence[View], *, numbers: bool = False) -> None:
    """Print views in their order; those that are only numbers if ``numbers`` are wanted."""
    for view in views:
        if view.depth == "numbers" and not numbers:
            continue
        if view.tone:
            _print_headline(output, view, view.tone)
        else:
            _print_view(output, view)


def show_written(folder: Path) -> None:
    """Say where the results are."""
    told = f"\nWritten to {printable(str(folder))}: open {printable(str(folder / 'report.html'))} in a browser."
    output.print(Text(told))


def _print_headline(console: Console, view: View, tone: Tone) -> None:
    said = [_sentence(text, badge, "bold") for text, badge in view.sentences]
    title = printable(view.title)
    if len(title) > LONGEST_HEADLINE:
        title = f"{title[: LONGEST_HEADLINE - 2]}…{title[-1]}"  # its last character closes the quotation
    console.print(Panel(Group(*said), border_style=TONES[tone], title=Text(title)))
    _print_tables(console, view)


def _print_view(console: Console, view: View) -> None:
    told = [_sentence(text, badge) for text, badge in view.findings]
    told += [Text(f"• {printable(note)}", style="dim") for note in view.notes]
    if not told and not view.tables:  # what is only drawn is told
        told = [_sentence(figure.alt, figure.badge) for figure in view.figures]
    if view.sounds and not view.tables:
        told.append(Text(f"{len(view.sounds)} takes to hear, in the report and on the page.", style="dim"))
    if not told and not view.tables:
        return
    console.print(Text(f"\n{printable(view.title)}", style="bold"))
    for line in told:
        console.print(line)
    _print_tables(console, view)


def _print_tables(console: Console, view: View) -> None:
    for table in view.tables:
        console.print(_grid(table))


def _sentence(text: str, badge: Badge | None, style: str = "") -> Text:
    said = Text(printable(text), style=style)
    return said.append(" ").append_text(_badge(badge)) if badge else said


def _badge(name: Badge | None) -> Text:
    return Text(f" {name} ", style=f"black on {BADGES[name]}") if name else Text()


def _grid(table: Table) -> Grid:
    """A table, cut to the rows that are enough here."""
    title = Text(printable(table.title)) if table.title else None
    grid = Grid(title=title, title_justify="left", box=None, pad_edge=False)
    for column in table.columns:
        grid.add_column(Text(printable(column)))
    if any(table.badges):
        grid.add_column()
    shown = len(table.rows) if table.lead is None else table.lead
    for row, badge in zip_longest(table.rows[:shown], table.badges[:shown]):
        cells = [_cell(text, table.kind(column)) for column, text in enumerate(row)]
        grid.add_row(*cells, *([_badge(badge)] if any(table.badges) else []))
    if len(table.rows) > shown:
        grid.add_row(Text(f"… and {len(table.rows) - shown} more"))
    return grid


def _cell(text: str, kind: str) -> Text:
    if kind == "share":
        filled = round(max(0.0, min(1.0, float(text))) * BAR_WIDTH)
        return Text(f"{'█' * filled}{'·' * (BAR_WIDTH - filled)}  {text}")
    return Text(printable(text))
