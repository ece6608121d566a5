"""One recording: a sound file in mono, with what was noticed on the way. Memory does not grow with rate or channels."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import BROKEN, blocks, cut_short, frames_promised, opened
from tonescope.diagnose.audio_files.sound_files import Unusable, printable
from tonescope.diagnose.descriptors.integrated_loudness import Loudness, LoudnessMeter
from tonescope.diagnose.judging.audio_quality import SILENT_DB, level_db

SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 600.0
HIGHEST_RATE = 48_000  # Hz that are kept; no judge hears more
CANCELS = 0.1  # of the power that unrelated channels leave when they are mixed


@dataclass(frozen=True)
class Recording:
    """A sound file, decoded.

    Attributes:
        waveform: (samples,) in mono at ``rate`` Hz: the mean of its channels, or the ``side`` that was taken because
            they cancel.
        file_rate, channels: of the file.
        loudness: of the file as it is, all channels.
        notes: what a reader has to know of the reading, as sentences.
    """

    name: str
    waveform: Tensor
    rate: int
    file_rate: int
    channels: int
    loudness: Loudness
    side: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.waveform) / self.rate


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded: how long it is, in seconds, where it knows."""

    seconds: float | None


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes. Raises :class:`.sound_files.Unusable` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror or error}") from error


def read_header(path: Path, *, longest: float = LONGEST_SECONDS) -> Header:
    """What a file says of itself. Raises :class:`.sound_files.Unusable` for what cannot be read or is too long."""
    with opened(path) as file:
        frames = frames_promised(file)
        if frames is not None:
            _check_length(frames / file.samplerate, longest)
        return Header(None if frames is None else frames / file.samplerate)


def read_recording(path: Path, *, longest: float = LONGEST_SECONDS, name: str | None = None) -> Recording:
    """The whole file in mono.

    Raises :class:`.sound_files.Unusable` for what holds no sound, is silent, or is shorter than
    :data:`SHORTEST_SECONDS` or longer than ``longest``.
    """
    with opened(path) as file:
        rate, channels, promised = int(file.samplerate), int(file.channels), frames_promised(file)
        if promised is not None:
            _check_length(promised / rate, longest)
        mix, short = _Mix(rate, channels, longest), cut_short(file)
        for block in blocks(file):
            mix.add(block)
    if mix.frames < SHORTEST_SECONDS * rate:
        whole = promised is not None and promised < SHORTEST_SECONDS * rate and not short
        raise Unusable(f"shorter than {SHORTEST_SECONDS:g} s" if whole and mix.frames else BROKEN)
    short = short or (promised is not None and mix.frames < 0.99 * promised)
    notes = (f"the file is cut short or damaged: {mix.frames / rate:.3g} s of it were heard",) if short else ()
    side = loudest_if_cancelling(mix.power, mix.channel_powers)
    waveform = mix.waveform() if side is None else _one_channel(path, rate, side, longest)
    if is_silent(waveform):
        raise Unusable("silent throughout, and silence says nothing")
    shown = printable(path.name) if name is None else name
    told = "" if side is None else side_name(side, channels)
    if told:
        notes = (*notes, f"its sides cancel when they are mixed, so one alone was heard: {told}")
    return Recording(shown, waveform, mix.kept_rate, rate, channels, mix.meter.measured(), side=told, notes=notes)


def _check_length(seconds: float, longest: float) -> None:
    if seconds > longest:
        raise Unusable(f"{_length(seconds)} long, and up to {_length(longest)} are heard: cut it into parts")


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


class _Mix:
    """The mean of the channels, block by block, at no more than :data:`HIGHEST_RATE`, and what decides whether they
    cancel."""

    def __init__(self, rate: int, channels: int, longest: float, channel: int | None = None) -> None:
        self.rate, self.longest, self.channel, self.frames = rate, longest, channel, 0
        self.meter = LoudnessMeter(rate, channels)
        self._parts: list[NDArray[np.float32]] = []
        self._decimate = _Decimation(math.ceil(rate / HIGHEST_RATE)) if rate > HIGHEST_RATE else None
        self._sums, self._squares = np.zeros(channels + 1), np.zeros(channels + 1)  # of every channel, and of the mix
        self.kept_rate = rate if self._decimate is None else round(rate / self._decimate.factor)

    def add(self, block: NDArray[np.float32]) -> None:
        self.frames += len(block)
        _check_length(self.frames / self.rate, self.longest)
        mixed = block.mean(1, dtype=np.float32) if self.channel is None else block[:, self.channel].copy()
        together = np.concatenate([block, mixed[:, None]], 1, dtype=np.float64)
        self._sums += together.sum(0)
        self._squares += np.square(together).sum(0)
        self.meter.add(block)
        self._parts.append(mixed if self._decimate is None else self._decimate(mixed))

    @property
    def _powers(self) -> NDArray[np.float64]:
        return self._squares / self.frames - np.square(self._sums / self.frames)

    @property
    def channel_powers(self) -> NDArray[np.float64]:
        """The power of every channel, a constant offset taken off."""
        return self._powers[:-1]

    @property
    def power(self) -> float:
        """That of the mix."""
        return float(self._powers[-1])

    def waveform(self) -> Tensor:
        """(samples,)."""
        return torch.from_numpy(np.concatenate(self._parts))


class _Decimation:
    """Every ``factor``-th sample, block by block, after a filter that leaves nothing for which that were too few."""

    def __init__(self, factor: int) -> None:
        from scipy.signal import cheby1

        self.factor, self._skip = factor, 0
        self._sections = cheby1(8, 0.05, 0.8 / factor, output="sos")
        self._state = np.zeros((len(self._sections), 2))

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        from scipy.signal import sosfilt

        filtered, self._state = sosfilt(self._sections, block, zi=self._state)
        kept = filtered[self._skip :: self.factor].astype(np.float32)
        self._skip = (self._skip - len(block)) % self.factor
        return np.ascontiguousarray(kept)


def _one_channel(path: Path, rate: int, channel: int, longest: float) -> Tensor:
    """(samples,) of one channel: the file is read once more rather than kept whole."""
    with opened(path) as file:
        mix = _Mix(rate, int(file.channels), longest, channel)
        for block in blocks(file):
            mix.add(block)
    return mix.waveform()


def loudest_if_cancelling(mixed: float, powers: NDArray[np.float64]) -> int | None:
    """The loudest channel, where the power of the mix shows that channels cancel; ``None`` where they do not.

    Unrelated channels leave 1/channels of their mean power; a tenth of that is left only where they cancel.
    """
    if len(powers) > 1 and mixed < CANCELS * float(powers.mean()) / len(powers):
        return int(powers.argmax())
    return None


def side_name(channel: int, channels: int) -> str:
    """What a channel is called."""
    return ("left", "right")[channel] if channels == 2 else f"channel {channel + 1} of {channels}"


def is_silent(waveform: Tensor) -> bool:
    """Whether (samples,) are quieter than :data:`~tonescope.diagnose.judging.audio_quality.SILENT_DB`.

    A constant offset is no sound.
    """
    return float(level_db(waveform - waveform.mean())) < SILENT_DB
