"""The fingerprint of a sound: pairs of spectral peaks and the time between them (landmarks; Wang 2003).

Peaks stay where they are when a passage is played louder, or among other sounds; so the same passage gives the same
landmarks with the same times between them, wherever in a take it comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

WINDOW_SECONDS, HOP_SECONDS = 0.064, 0.032
HIGHEST = 8000.0  # Hz
BINS, STEPS = 512, 64  # frequencies and times that a landmark tells apart
AROUND = (9, 5)  # bins and frames within which a peak is the loudest
RANGE_DB = 40.0  # below the loudest moment; what is quieter makes no peak
FLOOR_DB = -70.0  # relative to full scale
FAN = 5  # later peaks that each peak is paired with
NEAREST, FARTHEST = 1, STEPS - 1  # frames from a peak to one that it is paired with
WIDEST = 128  # bins between them

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Landmarks:
    """What a sound is known by.

    Attributes:
        hashes: both frequencies and the time between them, as one number below 2^24: single precision holds it.
        times: frames (of :data:`HOP_SECONDS`) of the first peak of each.
    """

    hashes: Ints
    times: Ints

    @classmethod
    def of(cls, hashes: ArrayLike, times: ArrayLike) -> Landmarks:
        """From numbers as shards keep them."""
        return cls(np.asarray(hashes, np.int64), np.asarray(times, np.int64))

    def __len__(self) -> int:
        return len(self.hashes)

    def within(self, start: float, end: float) -> Landmarks:
        """Those whose first peak is between two seconds."""
        inside = (self.times * HOP_SECONDS >= start) & (self.times * HOP_SECONDS < end)
        return Landmarks(self.hashes[inside], self.times[inside])


def landmarks(wave: NDArray[np.float32], rate: int) -> Landmarks:
    """Those of (samples,) at ``rate`` Hz."""
    bins, frames = _peaks(_levels(np.asarray(wave, np.float32), rate))
    hashes, times = [], []
    for at in range(len(frames)):
        later = slice(at + 1, at + 1 + 8 * FAN)
        gap, interval = frames[later] - frames[at], np.abs(bins[later] - bins[at])
        near = np.flatnonzero((gap >= NEAREST) & (gap <= FARTHEST) & (interval <= WIDEST))[:FAN]
        hashes.append((bins[at] * BINS + bins[later][near]) * STEPS + gap[near])
        times.append(np.full(len(near), frames[at]))
    if not hashes:
        return Landmarks(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return Landmarks(np.concatenate(hashes).astype(np.int64), np.concatenate(times).astype(np.int64))


def _levels(wave: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The spectrogram in dB (bins, frames), up to :data:`HIGHEST`."""
    size, hop = max(16, round(WINDOW_SECONDS * rate)), max(1, round(HOP_SECONDS * rate))
    if len(wave) < size:
        wave = np.pad(wave, (0, size - len(wave)))
    window = np.hanning(size).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop] * window
    kept = min(size // 2 + 1, BINS, int(HIGHEST * WINDOW_SECONDS) + 1)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)[:, :kept])).T / (size / 4) ** 2
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), np.float64)


def _peaks(levels: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Bins and frames of the peaks, by time."""
    from scipy.ndimage import maximum_filter

    floor = max(float(levels.max(initial=-200.0)) - RANGE_DB, FLOOR_DB)
    top = (levels == maximum_filter(levels, AROUND, mode="nearest")) & (levels > floor)
    frames, bins = np.nonzero(top.T)
    return bins.astype(np.int64), frames.astype(np.int64)
