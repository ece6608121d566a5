"""A finding as a picture that can be posted: the prompt, what was heard, why, and the score of a take.

1200 by 630 pixels, the size that pages show of a link. It is drawn from the views and from the same score as the page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tonescope.diagnose.report import card_text as text
from tonescope.diagnose.report.lanes import Meant, Score, Stretches
from tonescope.diagnose.report.player_data import mono, score
from tonescope.diagnose.report.spectrogram import pixels

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from tonescope.diagnose.report.sounds import Playable
    from tonescope.diagnose.report.view import Tone, View
    from tonescope.diagnose.schema import Badge

WIDTH, HEIGHT, EDGE = 1200, 630, 52
PAPER, INK, SOFT, LINE, GOOD, BAD, OTHER = "#fbfaf8", "#20242a", "#59616a", "#d5dade", "#14706e", "#c8431c", "#868d94"
TONES: dict[Tone, str] = {"good": GOOD, "bad": BAD, "unclear": OTHER, "open": OTHER}
MEANT: dict[Meant, str] = {"target": "#d9481f", "asked": GOOD, "other": OTHER, "edit": "#6b4fb3"}
MAP = ("#f4f6f7", "#bcd3dc", "#6f9fb8", "#3a5f8a", "#1b1f4a")  # of the spectrogram, from silent to loud
BY_LINE = "Tonescope: why a music generator plays what it plays"
LANE_HEIGHT, MOST_LANES = 36, 1
FEWEST_PIXELS = 70  # of a spectrogram that is worth drawing
Said = tuple[str, "Badge | None"]


@dataclass(frozen=True)
class Card:
    """What stands on it.

    Attributes:
        title: the prompt, as it is quoted.
        verdict: what was heard, with its badge; ``tone``, how that is meant.
        why: the first finding about why, where there is one.
        score: what is drawn of a take.
        address: where the whole of it can be seen, as text.
    """

    title: str
    verdict: Said
    tone: Tone
    why: Said | None = None
    score: Score | None = None
    address: str = ""


def card(views: Sequence[View], plays: Playable | None = None, *, address: str = "") -> Card | None:
    """What a card shows of views: the headline, the first finding after it, the first take that has a score. ``None``
    where there is no headline."""
    head = next((view for view in views if view.tone and view.sentences), None)
    if head is None or head.tone is None:
        return None
    why = [said for view in views if view.depth == "first" and view is not head for said in view.sentences]
    drawn = next((sound for view in views for row in view.sounds for sound in row if sound.lanes), None)
    picture = score(drawn, mono(plays.samples(drawn)), plays.rate) if drawn and plays else None
    return Card(head.title, head.sentences[0], head.tone, why[0] if why else None, picture, address)


def png(shown: Card) -> bytes:
    """The card as a PNG file."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 12, HEIGHT), fill=TONES[shown.tone])
    room, foot = WIDTH - 2 * EDGE, HEIGHT - 46
    y = text.write(draw, (EDGE, 40), text.wrapped(shown.title, 42, room, 2, bold=True), 42, INK, bold=True)
    y = _said(draw, (EDGE, y + 8), shown.verdict, 29, room, 3)
    if shown.why:
        y = _said(draw, (EDGE, y + 12), shown.why, 23, room, 3, SOFT)
    if shown.score:
        _score(picture, draw, (EDGE, round(y + 18), WIDTH - EDGE, foot - 14), shown.score)
    draw.line((EDGE, foot, WIDTH - EDGE, foot), fill=LINE)
    text.write(draw, (EDGE, foot + 10), text.wrapped(shown.address or BY_LINE, 18, room, 1), 18, SOFT)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _said(
    draw: ImageDraw, at: tuple[float, float], said: Said, size: int, room: float, lines: int, colour: str = INK
) -> float:
    """A sentence and its badge behind its last word."""
    told, badge = said
    pill = text.width(badge, 17) + 26 if badge else 0
    shown = text.wrapped(told, size, room, lines)
    if badge and text.width(shown[-1], size) + pill + 12 > room:
        shown = text.wrapped(told, size, room - pill - 12, lines)
    bottom = text.write(draw, at, shown, size, colour)
    if badge:
        x, y = at[0] + text.width(shown[-1], size) + 12, bottom - round(1.32 * size) + size / 2 - 11
        sure = badge == "verified"
        draw.rounded_rectangle(
            (x, y, x + pill, y + 28), 14, fill=GOOD if sure else PAPER, outline=GOOD if sure else OTHER
        )
        text.write(draw, (x + 13, y + 4), [badge], 17, "#ffffff" if sure else SOFT)
    return bottom


def _score(picture: Image, draw: ImageDraw, box: tuple[int, int, int, int], shown: Score) -> None:
    """The spectrogram, and as many lanes of named stretches as there is room for."""
    from PIL import Image as Images

    left, top, right, bottom = box
    lanes = [lane for lane in shown.lanes if isinstance(lane, Stretches)][:MOST_LANES]
    while lanes and bottom - top - LANE_HEIGHT * len(lanes) < FEWEST_PIXELS:
        lanes.pop()
    height = bottom - top - LANE_HEIGHT * len(lanes)
    if height < FEWEST_PIXELS:
        return
    colours = [channel for level in range(256) for channel in _mapped(level / 255)]
    levels = Images.fromarray(pixels(shown.spectrogram)[::-1]).resize((right - left, height), Images.Resampling.BICUBIC)
    levels.putpalette(colours)
    picture.paste(levels.convert("RGB"), (left, top))
    for number, lane in enumerate(lanes):
        _lane(draw, (left, top + height + number * LANE_HEIGHT + 4, right), lane, shown.seconds)


def _mapped(level: float) -> tuple[int, int, int]:
    """The colour of a level from 0 to 1."""
    under = min(int(level * (len(MAP) - 1)), len(MAP) - 2)
    share = level * (len(MAP) - 1) - under
    one, other = (bytes.fromhex(MAP[at][1:]) for at in (under, under + 1))
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _lane(draw: ImageDraw, at: tuple[int, int, int], lane: Stretches, seconds: float) -> None:
    """Stretches with their names, each written once over all that it goes on for."""
    left, top, right = at
    bottom = top + LANE_HEIGHT - 6

    def place(second: float) -> float:
        return left + (right - left) * min(max(second / seconds, 0.0), 1.0)

    runs: list[tuple[str, float, float]] = []
    for part in lane.stretches:
        hue = MEANT[part.meant]
        if part.end <= part.start:
            draw.rectangle((place(part.start), top, place(part.start) + 2, bottom), fill=hue)
            runs.append((part.text, part.start, seconds))
            continue
        strength = 0.1 + 0.3 * (1.0 if part.share is None else part.share)
        draw.rectangle((place(part.start), top, place(part.end) - 1, bottom), fill=_tinted(hue, strength))
        draw.rectangle((place(part.start), bottom - 3, place(part.end) - 1, bottom), fill=hue)
        if runs and runs[-1][0] == part.text and runs[-1][2] == part.start:
            runs[-1] = (part.text, runs[-1][1], part.end)
        else:
            runs.append((part.text, part.start, part.end))
    ends = [start for _, start, _ in runs[1:]] + [seconds]
    for (name, start, end), until in zip(runs, ends, strict=True):
        room = place(min(end, until)) - place(start) - 16
        if room > 20:
            text.write(draw, (place(start) + 8, top + 3), text.wrapped(name, 18, room, 1), 18, INK)


def _tinted(colour: str, strength: float) -> tuple[int, int, int]:
    """A colour mixed into the paper."""
    hue, paper = bytes.fromhex(colour[1:]), bytes.fromhex(PAPER[1:])
    red, green, blue = (round(p + strength * (h - p)) for h, p in zip(hue, paper, strict=True))
    return red, green, blue
