"""Opening a sound file through libsndfile, whatever its header promises, and reading it in blocks."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.models.judges.listening import LOUDEST

LOWEST_RATE = 4000  # Hz
BROKEN = "broken, cut short, or no sound"
UNKNOWN_LENGTH = 2**40  # frames; libsndfile gives a number beyond it for a stream whose end it does not find
STREAMED = 2**31 - 2**16  # bytes; a header that promises more was written before the length was known
LARGEST_FILTER = 4_000_000  # product of two reduced rates; 11,025 to 32,000 Hz is 564,480
BLOCK_SECONDS = 10.0

_FAILURES = (soundfile.SoundFileError, OSError, RuntimeError, ValueError)
_PROMISED = re.compile(r"^\s*(?:data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file as a ``soundfile.SoundFile``.

    Raises :class:`.sound_files.Unusable` for what libsndfile does not read, and for rates that hold no music.
    """
    try:
        file = soundfile.SoundFile(
            os.fsencode(path) if os.name == "posix" else str(path)
        )  # bytes: names that are no text
        if file.frames == 0 and file.format.startswith("WAV") and (whole := _unclosed(path)) is not None:
            file.close()
            file = soundfile.SoundFile(whole)
    except _FAILURES as error:
        raise Unusable(BROKEN) from error
    with file:
        if file.samplerate < LOWEST_RATE:
            raise Unusable(f"{file.samplerate} samples a second are too few to hold music")
        yield file


def frames_promised(file: Any) -> int | None:
    """Frames that a file says it has; ``None`` where it does not know."""
    return int(file.frames) if file.frames < UNKNOWN_LENGTH else None


def cut_short(file: Any) -> bool:
    """Whether a file ends before its header says, as far as libsndfile noticed on opening it."""
    log = str(file.extra_info)
    found = _PROMISED.search(log)
    return (found is not None and int(found[2]) < int(found[1]) < STREAMED) or "lacks an end-of-stream bit" in log


def blocks(file: Any, seconds: float = BLOCK_SECONDS) -> Iterator[NDArray[np.float32]]:
    """The sound in blocks of (samples, channels), checked.

    A file that is damaged further on ends where the damage begins. Raises :class:`.sound_files.Unusable` for samples
    that are no numbers or are not in units of full scale.
    """
    size = round(seconds * file.samplerate)
    while True:
        try:
            block = file.read(size, dtype="float32", always_2d=True)
        except _FAILURES:
            return
        if not len(block):
            return
        check_samples(block)
        yield block


def check_samples(sound: NDArray[np.float32]) -> None:
    """Raise :class:`.sound_files.Unusable` for samples that nothing can be heard in."""
    if not np.isfinite(sound).all():
        raise Unusable("holds samples that are not numbers")
    if len(sound) and (peak := float(np.abs(sound).max())) > LOUDEST:
        raise Unusable(f"its samples reach {peak:.3g}, where 1 is full scale")


def resampled(waveform: Tensor, rate: int, wanted: int) -> Tensor:
    """(samples,) brought to another rate in Hz.

    The filter of torchaudio grows with the two rates over their greatest common divisor. For rates with hardly one
    in common it would not fit in memory, so the spectrum is cut or filled up instead.
    """
    divisor = math.gcd(rate, wanted)
    if (rate // divisor) * (wanted // divisor) <= LARGEST_FILTER:
        return torchaudio.functional.resample(waveform, rate, wanted)
    length = max(1, round(len(waveform) * wanted / rate))
    spectrum = torch.fft.rfft(waveform)[: length // 2 + 1]
    return torch.fft.irfft(spectrum, n=length) * (length / len(waveform))


# --- a wav file whose writer never came back to fill in its length ----------------------------------------------------


class _Mended(RawIOBase):
    """A wav file in which the size of its sound, at ``place``, reads as what is there."""

    def __init__(self, path: Path, place: int, size: int) -> None:
        super().__init__()
        self._file, self._place, self._size = path.open("rb"), place, struct.pack("<I", size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        start = self._file.tell()
        count = self._file.readinto(buffer)
        view = memoryview(buffer).cast("B")
        for index, value in enumerate(self._size, self._place - start):
            if 0 <= index < count:
                view[index] = value
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _unclosed(path: Path) -> _Mended | None:
    """The file with its true length, where its header says that there is no sound and there is some.

    Recorders write the header first and the length last; one that wrote into a pipe, or was killed, never does.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return None
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = head[:4], struct.unpack("<I", head[4:])[0]
            if name == b"data":
                rest = length - file.tell()
                return _Mended(path, file.tell() - 4, min(rest, STREAMED)) if size == 0 and rest > 0 else None
            file.seek(size + size % 2, os.SEEK_CUR)
    return None
