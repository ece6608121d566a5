"""A matrix as data: what was asked for by what came, each cell a count that can be coloured, and often heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonescope.diagnose.report.view import Sound


@dataclass(frozen=True)
class MatrixCell:
    """One cell.

    Attributes:
        text: what stands in it; empty for nothing.
        strength: 0 to 1, how strongly it is coloured.
        told: the cell as a sentence, for who points at it or cannot see it.
        wanted: whether it is as it should be: on the diagonal.
        marked: whether it is a finding.
        sound: what it plays.
    """

    text: str = ""
    strength: float = 0.0
    told: str = ""
    wanted: bool = False
    marked: bool = False
    sound: Sound | None = None


@dataclass(frozen=True)
class Matrix:
    """Rows and columns of cells.

    Attributes:
        title: what it shows; ``corner``, what rows and columns are.
        rows, columns: their names.
        cells: one row of cells a row.
    """

    title: str
    corner: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[MatrixCell, ...], ...]

    def __post_init__(self) -> None:
        if len(self.cells) != len(self.rows) or any(len(row) != len(self.columns) for row in self.cells):
            raise ValueError(f"cells do not fit {len(self.rows)} rows and {len(self.columns)} columns")
