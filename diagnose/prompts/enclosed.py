"""What brackets and quotes of a prompt enclose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonescope.diagnose.prompts.units_of_meaning import Unit

MOST_ENCLOSED = 12  # units that are read as one
TITLES = frozenset("“„«‘\"'")  # what they enclose is one name
_CLOSED_BY = {
    "(": ")",
    "[": "]",
    "{": "}",
    "“": "”",
    "„": "“",
    "«": "»",
    "‘": "’",
    '"': '"',
    "'": "'",
    "*": "*",
    "_": "_",
}


@dataclass(frozen=True)
class Enclosed:
    """Units that are enclosed: ``past`` is the unit after the last, ``opened`` the character that opens them,
    ``closed`` the one after that which closes them."""

    past: int
    opened: int
    closed: int


def enclosed_in(prompt: str, units: Sequence[Unit]) -> dict[int, Enclosed]:
    """What is enclosed, by its first unit. Of nested pairs around the same unit the outer one counts; a line's end
    closes everything."""
    found: dict[int, Enclosed] = {}
    waiting: list[tuple[str, int, int]] = []
    past = 0
    ends = [unit.start for unit in units] + [len(prompt)]
    for index, end in enumerate(ends):
        for at in range(past, end):
            sign = prompt[at]
            before, after = prompt[at - 1] if at else " ", prompt[at + 1 : at + 2] or " "
            if waiting and _CLOSED_BY[waiting[-1][0]] == sign and not before.isspace():
                _, first, opened = waiting.pop()
                if first < index <= first + MOST_ENCLOSED:
                    found[first] = Enclosed(index, opened, at + 1)
            elif sign in _CLOSED_BY and not before.isalnum() and not after.isspace():
                waiting.append((sign, index, at))
            elif sign == "\n":
                waiting.clear()
        past = units[index].end if index < len(units) else past
    return found
