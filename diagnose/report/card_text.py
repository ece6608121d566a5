"""Text on a picture: any script that some font of the system can draw, wrapped into a box, and cut where it must be.

Pillow draws one font at a time, so that text is drawn in runs, each in the first font that has its characters. What no
font has is drawn as the empty box that stands for it everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

# By file name, in Pillow's search of the system's folders: ordinary text first, then fonts that have what those lack.
REGULAR = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "segoeui.ttf")
BOLD = ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf", "LiberationSans-Bold.ttf", "Arial Bold.ttf", "seguisb.ttf")
WIDE = (
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "Arial Unicode.ttf",
    "YuGothM.ttc",
    "msgothic.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoEmoji-Regular.ttf",
    "seguiemj.ttf",
    "Symbola.ttf",
)
ELLIPSIS = "…"
_NO_CHARACTER = "\U0010ffff"
_OPENING, _CLOSING = "“", "”"


@lru_cache(maxsize=64)
def fonts(size: int, bold: bool = False) -> tuple[FreeTypeFont, ...]:
    """The fonts that there are, at a size in pixels, the preferred first; Pillow's own at the end."""
    from PIL import ImageFont

    found = []
    for name in ((*BOLD, *REGULAR) if bold else REGULAR) + WIDE:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return (*found, ImageFont.load_default(size))  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def _font_of(character: str, size: int, bold: bool) -> FreeTypeFont:
    """The first font that has a character; the first of all, where none has."""
    known = fonts(size, bold)
    return next((font for font in known if _has(font, character)), known[0])


def _has(font: FreeTypeFont, character: str) -> bool:
    first = character[0]
    if first.isspace() or unicodedata.category(first) in ("Mn", "Me", "Cf"):
        return True
    drawn, missing = font.getmask(first), font.getmask(_NO_CHARACTER)
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


def plain(text: str) -> str:
    """Text on one line, without control characters."""
    return " ".join("".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text).split())


def _runs(text: str, size: int, bold: bool) -> Iterator[tuple[FreeTypeFont, str]]:
    """Stretches of text with their font; what people see as one character stays together."""
    for font, parts in groupby(regex.findall(r"\X", text), lambda part: _font_of(part, size, bold)):
        yield font, "".join(parts)


def width(text: str, size: int, *, bold: bool = False) -> float:
    """Pixels."""
    return sum(font.getlength(run) for font, run in _runs(text, size, bold))


def wrapped(text: str, size: int, room: float, lines: int, *, bold: bool = False) -> list[str]:
    """Text as lines no wider than ``room`` pixels; what does not fit into so many lines gives way to an ellipsis.

    A quotation that is cut still closes.
    """
    text = plain(text)
    found, rest = list[str](), text
    while rest and len(found) < lines:
        line = _first_line(rest, size, room, bold)
        found.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    if rest:
        end = ELLIPSIS + (_CLOSING if text.startswith(_OPENING) and text.endswith(_CLOSING) else "")
        found[-1] = _cut(found[-1], end, size, room, bold)
    return found


def _first_line(text: str, size: int, room: float, bold: bool) -> str:
    """As many words as fit; of a word that fits nowhere, as many characters."""
    if width(text, size, bold=bold) <= room:
        return text
    line = ""
    for word in regex.findall(r"\S+\s*|\s+", text):
        if width((line + word).rstrip(), size, bold=bold) > room:
            break
        line += word
    if line.strip():
        return line
    for character in regex.findall(r"\X", text):
        if line and width(line + character, size, bold=bold) > room:
            break
        line += character
    return line


def _cut(line: str, end: str, size: int, room: float, bold: bool) -> str:
    parts = regex.findall(r"\X", line)
    while parts and width("".join(parts).rstrip() + end, size, bold=bold) > room:
        parts.pop()
    return "".join(parts).rstrip(" ,;:") + end


def write(
    draw: ImageDraw, at: tuple[float, float], lines: Sequence[str], size: int, colour: str, *, bold: bool = False
) -> float:
    """Draw lines from the upper left corner ``at``; returns how far down they reach."""
    x, y = at
    for line in lines:
        along = x
        for font, run in _runs(line, size, bold):
            draw.text((along, y + size), run, fill=colour, font=font, anchor="ls")
            along += font.getlength(run)
        y += round(1.32 * size)
    return y
