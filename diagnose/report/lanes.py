"""The score view and the A/B player as data: what their JavaScript draws, and nothing that it has to know.

A lane is one strip under the spectrogram. A new report adds lanes of these kinds and touches no script. All text is
plain text: whoever draws it puts it on the page as text.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Badge = Literal["observed", "estimated", "tested", "verified"]
"""As in :mod:`tonescope.diagnose.schema`, which brings what a process that only shows a run does not need."""

Meant = Literal["target", "asked", "other", "edit"]
"""What a stretch is coloured by: what is heard in place of what was asked; what was asked; anything else; a change."""


class _Data(BaseModel):
    """Frozen, so that a sound can hold it and still be a key."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Stretch(_Data):
    """From ``start`` to ``end`` in seconds; a moment, where they are equal.

    Attributes:
        text: what stands in it.
        more: what is told besides, to who asks.
        share: from 0 to 1, where it has a number.
    """

    start: float
    end: float
    text: str
    more: str = ""
    share: float | None = None
    meant: Meant = "other"


class Row(_Data):
    """One line of numbers over time, evenly spaced from the start of the take to its end."""

    name: str
    values: tuple[float, ...]


class _Lane(_Data):
    """Attributes:
    title: what the lane shows.
    badge: where it comes from.
    note: how to read it, in one short sentence.
    """

    title: str
    badge: Badge | None = None
    note: str = ""


class Stretches(_Lane):
    """Named stretches and moments: what is heard, where something is muted."""

    kind: Literal["stretches"] = "stretches"
    stretches: tuple[Stretch, ...]


class Heat(_Lane):
    """Shares from 0 to 1 as shades: one strip a row."""

    kind: Literal["heat"] = "heat"
    rows: tuple[Row, ...]


class Curves(_Lane):
    """Numbers as curves around a line at zero; ``line`` says what that is. Values are within -1 and 1."""

    kind: Literal["curves"] = "curves"
    line: str = "0"
    rows: tuple[Row, ...]


Lane = Annotated[Stretches | Heat | Curves, Field(discriminator="kind")]


class Spectrogram(_Data):
    """A mel spectrogram as bytes, row by row from the lowest band: 0 is silence, 255 the loudest.

    ``data`` is base64 of (bands, columns) uint8; bands are evenly spaced in HTK mel from ``low`` to ``high`` Hz; the
    bytes span ``decibels``.
    """

    bands: int
    columns: int
    low: float
    high: float
    decibels: float
    data: str


class Score(_Data):
    """What is drawn over one take: its spectrogram, and lanes beneath it."""

    seconds: float
    spectrogram: Spectrogram
    lanes: tuple[Lane, ...] = ()


class Version(_Data):
    """One sound of a take.

    Attributes:
        name: what was done, in words.
        heard: what is heard in it.
        address: where the sound is: a ``data:`` address, or a path on the same server.
        file: what a download is called.
        gain: in dB, what makes it as loud as the first; ``note`` says so.
        outline: base64 of peaks as uint8, evenly spaced over the take.
        score: what is drawn over it.
    """

    name: str
    heard: str = ""
    address: str
    file: str
    gain: float = 0.0
    outline: str = ""
    score: Score | None = None


class Take(_Data):
    """Versions of one take, which begin together; ``note`` is the small print."""

    title: str
    seconds: float
    note: str = ""
    versions: tuple[Version, ...]


class Listening(_Data):
    """What an A/B player plays: takes, each in the same versions."""

    takes: tuple[Take, ...]
