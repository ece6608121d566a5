"""Takes as sound that people can play: wav files and ``data:`` addresses, in stereo where the model plays stereo."""

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


class Sounds:
    """The sound of a generator's takes: 16-bit, clipped at full scale. A job that plays nothing has none."""

    def __init__(self, generator: Generator | None) -> None:
        self.generator, self.rate = generator, int(generator.sample_rate) if generator else 0

    def samples(self, takes: Takes, index: int) -> NDArray[np.float32]:
        """(samples,), or (samples, 2) of a stereo model. The judge hears the mean of both sides, people hear both."""
        wave = takes.waveform[index]
        if self.generator is not None and self.generator.n_channels > 1:
            wave = self.generator.channels(takes.pick([index]))[0].T
        return np.clip(wave.numpy(), -1.0, 1.0)

    def write(self, path: Path, takes: Takes, index: int) -> None:
        """One take as a wav file."""
        path.write_bytes(self.wav(takes, index))

    def uri(self, takes: Takes, index: int) -> str:
        """One take as an address that holds the sound itself, so that a page needs no other file."""
        return "data:audio/wav;base64," + base64.b64encode(self.wav(takes, index)).decode("ascii")

    def wav(self, takes: Takes, index: int) -> bytes:
        """One take as what a wav file holds, made in memory: a disk that is full then fails as every file does."""
        buffer = io.BytesIO()
        soundfile.write(buffer, self.samples(takes, index), self.rate, format="WAV", subtype="PCM_16")
        return buffer.getvalue()


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
