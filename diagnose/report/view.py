"""A finding as data: sentences, tables, figures and sounds, rendered alike in the terminal, in HTML and on the page.

A job gives a list of views; who shows them decides how. A view is made once and holds no markup: text is plain text,
and whoever shows it escapes it. Badges say where each part comes from. Nothing here loads a library, so that a
terminal, which draws nothing, pays for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tonescope.diagnose.report.lanes import Lane
    from tonescope.diagnose.report.matrix import Matrix
    from tonescope.diagnose.schema import Badge

Depth = Literal["first", "details", "numbers"]
"""How early a view is shown: at once; to who asks how (folded, where something else is first); to who asks for
numbers."""

Tone = Literal["good", "bad", "unclear", "open"]
"""How a headline is meant: as asked, not as asked, nothing follows, nothing was asked."""

Cell = Literal["text", "unit", "share"]
"""What a column of a table holds: text, a unit's or location's address, a number from 0 to 1 that a bar can show."""


@dataclass(frozen=True)
class Table:
    """Rows of plain text under headings.

    Attributes:
        columns: the headings.
        rows: one text a column.
        badges: one badge a row, where rows have any.
        kinds: what each column holds; all of them text, if absent.
        lead: how many rows are enough where room is dear; all of them, if absent.
        title: what the table shows, where the view's title does not say it.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    badges: tuple[Badge | None, ...] = ()
    kinds: tuple[Cell, ...] = ()
    lead: int | None = None
    title: str = ""

    def __post_init__(self) -> None:
        uneven = [row for row in self.rows if len(row) != len(self.columns)]
        if uneven or len(self.badges) not in (0, len(self.rows)) or len(self.kinds) not in (0, len(self.columns)):
            raise ValueError(f"a table of {len(self.columns)} columns and {len(self.rows)} rows does not fit together")

    def kind(self, column: int) -> Cell:
        """What a column holds."""
        return self.kinds[column] if self.kinds else "text"


@dataclass(frozen=True)
class Figure:
    """A plotly figure as its JSON-like dictionary (``data`` and ``layout``), without a title of its own.

    ``alt`` is the sentence that says what is to be seen in it, for who cannot see it. Text in ``plot`` that came from
    outside goes through :func:`tonescope.diagnose.report.figure_look.as_written`: plotly reads tags.
    """

    title: str
    plot: dict[str, Any]
    alt: str
    badge: Badge | None = None


@dataclass(frozen=True)
class Sound:
    """One take to listen to: its set in the evidence, its row there, what it is called, what is heard in it, and what
    is drawn over it in time; ``of``, what its row is called, where that is no take."""

    title: str
    takes: str
    row: int
    heard: str = ""
    lanes: tuple[Lane, ...] = ()
    of: str = ""


@dataclass(frozen=True)
class Command:
    """What can be done next: why, as a sentence, and a line that can be pasted into a shell; without one, in words."""

    told: str
    line: str = ""


@dataclass(frozen=True)
class Offer:
    """A prompt that can be used instead, as it was heard: a page fills it in.

    Attributes:
        prompt: it.
        settings: names and values of parameters that it was played with, where they are not as before.
    """

    prompt: str
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class View:
    """One finding.

    Attributes:
        key: a stable name, for links and tests; one view of a list has it.
        title: a short heading.
        sentences: what is found, each with its badge; those without one are notes on how to read it.
        tables: numbers for who asks.
        figures: pictures; ``matrices``, counts that are coloured and can be heard.
        sounds: what can be heard, in rows that belong together (the same seed and noise); the first of a row is what
            the others are compared with.
        commands: what can be done next; of a view with sounds, how to hear them, for where nothing plays them.
        offer: a prompt to use instead, which the view is about.
        depth: how early it is shown.
        tone: makes the view a headline, whose title is large and whose sentences stand in a box of this tone.
    """

    key: str
    title: str
    sentences: Sequence[tuple[str, Badge | None]] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    sounds: Sequence[Sequence[Sound]] = ()
    commands: Sequence[Command] = ()
    depth: Depth = "details"
    tone: Tone | None = None
    matrices: Sequence[Matrix] = ()
    offer: Offer | None = None

    @property
    def every_sound(self) -> list[Sound]:
        """All that can be heard: in rows, and in the cells of matrices."""
        cells = (cell for matrix in self.matrices for row in matrix.cells for cell in row)
        return [*(sound for row in self.sounds for sound in row), *(cell.sound for cell in cells if cell.sound)]

    @property
    def findings(self) -> list[tuple[str, Badge]]:
        """The sentences that have a badge."""
        return [(text, badge) for text, badge in self.sentences if badge]

    @property
    def notes(self) -> list[str]:
        """The sentences that have none."""
        return [text for text, badge in self.sentences if not badge]
