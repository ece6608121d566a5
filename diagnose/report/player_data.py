"""Rows of sounds as what the A/B player plays: addresses, outlines, gains, and the score of each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.report import spectrogram
from tonescope.diagnose.report.equal_loudness import matched_gains
from tonescope.diagnose.report.lanes import Listening, Score, Take, Version

if TYPE_CHECKING:
    from tonescope.diagnose.report.sounds import Playable
    from tonescope.diagnose.report.view import Sound

OUTLINE_POINTS = 320
Wave = NDArray[np.float32]


def listening(rows: Sequence[Sequence[Sound]], plays: Playable) -> Listening:
    """What a player plays for rows of sounds that belong together."""
    return Listening(takes=tuple(_take(row, plays) for row in rows))


def mono(wave: Wave) -> Wave:
    """(samples,) of a sound with any number of sides."""
    return wave if wave.ndim == 1 else wave.mean(1)


def score(sound: Sound, wave: Wave, rate: int) -> Score:
    """The score of a sound (samples,)."""
    return _scores([sound], [wave], rate)[0]


def _scores(row: Sequence[Sound], waves: Sequence[Wave], rate: int) -> list[Score]:
    """The scores of sounds on one scale, whose brightest is the loudest of all."""
    levels = [spectrogram.levels(wave, rate) for wave in waves]
    top = max(float(each.max(initial=-np.inf)) for each in levels)
    pictures = [spectrogram.picture(each, rate, top) for each in levels]
    return [
        Score(seconds=len(wave) / rate, spectrogram=picture, lanes=sound.lanes)
        for sound, wave, picture in zip(row, waves, pictures, strict=True)
    ]


def _take(row: Sequence[Sound], plays: Playable) -> Take:
    waves, rate, title = [plays.samples(sound) for sound in row], plays.rate, row[0].of or plays.title(row[0])
    gains, note = matched_gains(waves, rate)
    flat = [mono(wave) for wave in waves]
    scores = _scores(row, flat, rate) if any(sound.lanes for sound in row) else [None] * len(row)
    versions = []
    for sound, wave, gain, drawn in zip(row, flat, gains, scores, strict=True):
        address = plays.uri(sound)
        versions.append(
            Version(
                name=sound.title,
                heard=sound.heard,
                address=address,
                file=_file(f"{title} {sound.title}", address),
                gain=gain,
                outline=_outline(wave),
                score=drawn,
            )
        )
    return Take(title=title, seconds=max(map(len, flat)) / rate, note=note, versions=tuple(versions))


def _outline(wave: Wave) -> str:
    """Peaks as bytes, in base64."""
    points = min(OUTLINE_POINTS, max(1, len(wave)))
    starts = np.linspace(0, len(wave), points, endpoint=False).astype(int)
    peaks = np.maximum.reduceat(np.abs(np.nan_to_num(wave)), starts) if len(wave) else np.zeros(1)
    return base64.b64encode(np.round(255 * np.clip(peaks, 0, 1)).astype(np.uint8).tobytes()).decode("ascii")


_ENDINGS = {"audio/mpeg": "mp3", "audio/flac": "flac", "audio/wav": "wav"}


def _file(name: str, address: str) -> str:
    """What a download is called: letters, digits and hyphens."""
    kind = address[5:].partition(";")[0] if address.startswith("data:") else ""
    ending = _ENDINGS.get(kind) or address.rpartition(".")[2][:5]
    plain = "-".join("".join(char if char.isalnum() or char == "." else " " for char in name).split())
    return f"{plain[:80]}.{ending}"
