"""Views in the terminal: sentences and tables. Figures and sounds are for the report and the page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from tonescope.diagnose.report.view import Command, Table, Tone, View
from tonescope.diagnose.schema import Badge
from tonescope.ui.console import output
from tonescope.ui.printable import printable

BADGES: dict[Badge, str] = {"observed": "cyan", "estimated": "yellow", "tested": "white", "verified": "green"}
TONES: dict[Tone, str] = {"good": "green", "bad": "red", "unclear": "yellow", "open": "blue"}
BAR_WIDTH = 24  # characters
LONGEST_HEADLINE = 70  # characters
LONGEST_UNIT = 30  # characters of a name that are not broken


def show_views(views: Sequence[View], *, numbers: bool = False, folder: Path | None = None) -> None:
    """Print views in their order, those that are only numbers if ``numbers`` are wanted, and where they were written
    if there is a ``folder``."""
    for view in views:
        if view.depth == "numbers" and not numbers:
            continue
        if view.tone:
            output.print(headline(view, view.tone))
            _print_tables(view)
        else:
            _print_view(view, heard=folder is not None)
    if folder:
        output.print(Text(f"\n{written(folder)}"))


def written(folder: Path) -> str:
    """Where the results are, as a sentence."""
    return f"Written to {printable(str(folder))}: open {printable(str(folder / 'report.html'))} in a browser."


def headline(view: View, tone: Tone, most_lines: int | None = None) -> RenderableType:
    """A headline in its box, each sentence cut to so many lines."""
    width = output.width - 4
    said = [sentence(text, badge, "bold", most_lines=most_lines, width=width) for text, badge in view.sentences]
    title = printable(view.title)
    if len(title) > LONGEST_HEADLINE:
        title = f"{title[: LONGEST_HEADLINE - 2]}…{title[-1]}"  # its last character closes the quotation
    return Panel(Group(*said), border_style=TONES[tone], title=Text(title))


def sentence(
    text: str, badge: Badge | None, style: str = "", *, most_lines: int | None = None, width: int | None = None
) -> Text:
    """A sentence and its badge; with ``most_lines`` cut to so many of ``width`` columns."""
    said, mark = Text(printable(text), style=style), _badge(badge)
    if most_lines is not None:
        said = _cut(said, most_lines, (width or output.width), mark.cell_len + 1)
    return said.append(" ").append_text(mark) if badge else said


def _cut(said: Text, most_lines: int, width: int, reserved: int) -> Text:
    """As many lines as there may be; the last of them leaves some columns free."""
    if len(Text.assemble(said, " " * reserved).wrap(output, width)) <= most_lines:
        return said
    lines = said.wrap(output, width)[:most_lines]
    last = lines[-1]
    last.truncate(max(1, width - reserved - 1))
    last.rstrip()
    kept = [line.plain.rstrip() for line in lines]
    return Text(" ".join(kept).rstrip(" .,;:") + "…", style=said.style)


def command(made: Command) -> list[Text]:
    """What can be done next; its line is not broken, so that it can be pasted."""
    return [Text(printable(made.told)), *([Text(f"  {printable(made.line)}", style="bold")] if made.line else [])]


def _print_view(view: View, heard: bool) -> None:
    """A view; how to hear its sounds only where they cannot be ``heard`` already."""
    told = [sentence(text, badge) for text, badge in view.findings]
    told += [Text(f"• {printable(note)}", style="dim") for note in view.notes]
    if not told and not view.tables:  # what is only drawn is told
        told = [sentence(figure.alt, figure.badge) for figure in view.figures]
    if view.sounds and not view.tables:
        told.append(Text(f"{len(view.sounds)} takes to hear, in the report and on the page.", style="dim"))
    told += [line for made in view.commands if not (view.sounds and heard) for line in command(made)]
    if not told and not view.tables:
        return
    output.print(Text(f"\n{printable(view.title)}", style="bold"))
    for line in told:
        output.print(line, soft_wrap=line.plain.startswith("  "))
    _print_tables(view)


def _print_tables(view: View) -> None:
    for table in view.tables:
        output.print(grid(table))


def _badge(name: Badge | None) -> Text:
    return Text(f" {name} ", style=f"black on {BADGES[name]}") if name else Text()


def grid(table: Table) -> Grid:
    """A table, cut to the rows that are enough here."""
    title = Text(printable(table.title)) if table.title else None
    made = Grid(title=title, title_justify="left", box=None, pad_edge=False)
    shown = len(table.rows) if table.lead is None else table.lead
    for place, column in enumerate(table.columns):
        longest = max((len(row[place]) for row in table.rows[:shown]), default=0)
        whole = min(longest, LONGEST_UNIT) if table.kind(place) == "unit" else None
        made.add_column(Text(printable(column)), min_width=whole, overflow="fold")
    if any(table.badges):
        made.add_column()
    for row, badge in zip_longest(table.rows[:shown], table.badges[:shown]):
        cells = [_cell(text, table.kind(column)) for column, text in enumerate(row)]
        made.add_row(*cells, *([_badge(badge)] if any(table.badges) else []))
    if len(table.rows) > shown:
        made.add_row(Text(f"… and {len(table.rows) - shown} more"))
    return made


def _cell(text: str, kind: str) -> Text:
    if kind == "share":
        filled = round(max(0.0, min(1.0, float(text))) * BAR_WIDTH)
        return Text(f"{'█' * filled}{'·' * (BAR_WIDTH - filled)}  {text}")
    return Text(printable(text))
