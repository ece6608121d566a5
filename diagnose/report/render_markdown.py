"""Views as Markdown: sentences and tables, for where HTML is not wanted; what is only drawn or heard is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonescope.diagnose.report.matrix import Matrix
    from tonescope.diagnose.report.view import Table, View

_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def page(title: str, views: Sequence[View]) -> str:
    """One document: the headline first, a heading a view."""
    parts = [f"# {written(title)}"]
    for view in views:
        parts += _view(view)
    return "\n\n".join(parts) + "\n"


def written(text: str) -> str:
    """Text as it is: nothing in it is markup, and it stays on its line."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def _view(view: View) -> list[str]:
    told = [f"{written(text)} *({badge})*" if badge else written(text) for text, badge in view.sentences]
    if view.tone:
        told = [f"> {line}" for line in told]
    elif len(view.notes) > 1:
        told = [line if badge else f"- {line}" for line, (_, badge) in zip(told, view.sentences, strict=True)]
    said = ["\n".join(told) if view.tone or len(view.notes) > 1 else "\n\n".join(told)] if told else []
    tables = [_table(table) for table in view.tables] + [_matrix(matrix) for matrix in view.matrices]
    figures = [written(figure.alt) for figure in view.figures]
    commands = [
        written(made.told) + (f"\n\n    {made.line}" if made.line else "") for made in view.commands if not view.sounds
    ]
    body = [*said, *commands, *figures, *tables]
    return [f"## {written(view.title)}", *body] if body else []


def _table(table: Table) -> str:
    columns = [*table.columns, *([""] if any(table.badges) else [])]
    rows = [[*row, *([table.badges[place] or ""] if any(table.badges) else [])] for place, row in enumerate(table.rows)]
    return _lines(columns, rows, table.title)


def _matrix(matrix: Matrix) -> str:
    rows = [
        [name, *(f"**{cell.text}**" if cell.marked else cell.text for cell in cells)]
        for name, cells in zip(matrix.rows, matrix.cells, strict=True)
    ]
    return _lines([matrix.corner, *matrix.columns], rows, matrix.title, bold=True)


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, bold: bool = False) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_cell(cell, bold) for cell in cells) + " |"

    head = [f"{written(title)}\n"] if title else []
    return "\n".join([*head, line(columns), "|" + " --- |" * len(columns), *map(line, rows)])


def _cell(text: str, bold: bool) -> str:
    if bold and text.startswith("**") and text.endswith("**") and len(text) > 4:
        return f"**{written(text[2:-2])}**"
    return written(text)
