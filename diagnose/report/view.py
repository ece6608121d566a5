"""A finding as data: one sentence, a table, figures and sounds, rendered alike in the terminal, in HTML and on the page.

A job gives a list of views; who shows them decides how. A view is made once and holds no markup: text is plain text, and whoever shows it
escapes it. Badges say where each part comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tonescope.diagnose.schema import Badge

Depth = Literal["first", "details", "numbers"]
"""How early a view is shown: at once; below, for who asks how; folded away, for who asks for numbers."""


@dataclass(frozen=True)
class Table:
    """Rows of plain text under headings; ``badges`` holds one badge a row, where rows differ."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    badges: tuple[Badge | None, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A plotly figure as its JSON-like dictionary, with the sentence that says what is to be seen in it."""

    title: str
    plot: dict[str, Any]
    alt: str


@dataclass(frozen=True)
class Sound:
    """One take to listen to: which set of takes of the evidence, which row, and what it is called."""

    title: str
    takes: str
    row: int
    heard: str


@dataclass(frozen=True)
class View:
    """One finding.

    Attributes:
        key: a stable name, for links and tests.
        title: a short heading.
        sentences: what is found, each with its badge.
        tables: numbers for who asks.
        figures: pictures.
        sounds: what can be heard, in rows that belong together (the same noise).
        depth: how early it is shown.
    """

    key: str
    title: str
    sentences: Sequence[tuple[str, Badge | None]] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    sounds: Sequence[Sequence[Sound]] = ()
    depth: Depth = "details"
