"""Takes as sound that people can play: wav files and ``data:`` addresses, in stereo where the model plays stereo.

Of what every browser decodes and a page has room for, MP3 is smallest (3 s at 16 kHz: 96 kB as WAV, 68 as FLAC, 15 as
MP3; Ogg is as small, and older Safari plays none). Where the rate is none of MP3's, or libsndfile lacks it, it is FLAC.
Files in a folder are WAV: what the judge heard, sample by sample.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from tonescope.diagnose.report.view import Sound

if TYPE_CHECKING:
    from tonescope.models.generator import Generator, Takes


MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
MP3_COMPRESSION = 0.0  # of libsndfile, 0 to 1: the best quality, at a variable bit rate


def address(wave: NDArray[np.float32], rate: int) -> str:
    """A ``data:`` address that holds a sound, (samples,) or (samples, channels)."""
    if rate in MP3_RATES and "MP3" in soundfile.available_formats():
        kind, sound = "mpeg", _encoded(wave, rate, "MP3", "MPEG_LAYER_III", compression_level=MP3_COMPRESSION)
    else:
        kind, sound = "flac", _encoded(wave, rate, "FLAC", "PCM_16")
    return f"data:audio/{kind};base64," + base64.b64encode(sound).decode("ascii")


def sixteen_bit(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples as files hold them, clipped at full scale; what was read from a file is what it was."""
    return np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)


def _encoded(wave: NDArray[np.float32], rate: int, form: str, subtype: str, **how: float) -> bytes:
    """Encoded in memory: a disk that is full then fails as every file does."""
    buffer = io.BytesIO()
    soundfile.write(buffer, sixteen_bit(wave), rate, format=form, subtype=subtype, **how)
    return buffer.getvalue()


class Sounds:
    """The sound of a generator's takes: 16-bit, clipped at full scale. A job that plays nothing has none."""

    def __init__(self, generator: Generator | None) -> None:
        self.generator, self.rate = generator, int(generator.sample_rate) if generator else 0

    @classmethod
    def of(cls, session: object, evidence: object = None) -> Sounds:
        """Those of what a job played: its evidence names the ``player``, where that is not the session's generator."""
        return cls(getattr(evidence, "player", None) or getattr(session, "generator", None))

    def samples(self, takes: Takes, index: int) -> NDArray[np.float32]:
        """(samples,), or (samples, 2) of a stereo model, rounded as files hold them. The judge hears the mean of both
        sides, people hear both. Sound that no generator played has no state, and one side."""
        wave = takes.waveform[index]
        if self.generator is not None and self.generator.n_channels > 1 and takes.state:
            wave = self.generator.channels(takes.pick([index]))[0].T
        return sixteen_bit(wave.numpy()).astype(np.float32) / np.float32(32768)

    def write(self, path: Path, takes: Takes, index: int) -> None:
        """One take as a wav file."""
        path.write_bytes(self.wav(takes, index))

    def uri(self, takes: Takes, index: int) -> str:
        """One take as an address that holds the sound itself, so that a page needs no other file."""
        return address(self.samples(takes, index), self.rate)

    def wav(self, takes: Takes, index: int) -> bytes:
        """One take as what a wav file holds."""
        return _encoded(self.samples(takes, index), self.rate, "WAV", "PCM_16")


class Playable(Protocol):
    """What the sounds of views lead to: takes in memory (:class:`Players`), or the files of a run that was kept."""

    @property
    def rate(self) -> int:
        """Samples a second."""

    def title(self, sound: Sound) -> str:
        """The heading of the row that a sound is in: all of a row share their seed."""

    def samples(self, sound: Sound) -> NDArray[np.float32]:
        """(samples,), or (samples, 2) of a stereo model, within full scale."""

    def uri(self, sound: Sound) -> str:
        """An address that holds the sound itself."""


@dataclass(frozen=True)
class Players:
    """What the sounds of views lead to: sets of takes by name."""

    sounds: Sounds
    sets: Mapping[str, Takes]

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.sounds.rate

    def title(self, sound: Sound) -> str:
        """The heading of the row that a sound is in: all of a row share their seed."""
        return f"Take {self.sets[sound.takes].seeds[sound.row]}"

    def samples(self, sound: Sound) -> NDArray[np.float32]:
        """(samples,), or (samples, 2) of a stereo model, within full scale."""
        return self.sounds.samples(self.sets[sound.takes], sound.row)

    def uri(self, sound: Sound) -> str:
        """An address that holds the sound itself."""
        return self.sounds.uri(self.sets[sound.takes], sound.row)
