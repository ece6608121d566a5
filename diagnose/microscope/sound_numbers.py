"""What a sound is like, in numbers: level, flatness, onsets, and the shares of percussive, harmonic and bass energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.ndimage import median_filter
from torch import Tensor

from tonescope.diagnose.judging.audio_quality import level_db, onset_rate
from tonescope.diagnose.microscope.sound_canvas import stft

MEDIAN = 17  # times, and bins, of the median filters
BASS_HZ = 150.0
SILENT_POWER = 1e-12


class SoundNumbers(BaseModel):
    """One sound.

    ``level_db`` is relative to full scale. ``flatness`` is 0 for a tone and about 0.5 for white noise: the mean over
    time of the geometric over the arithmetic mean of the power spectrum, frames weighted by their power. Shares are
    of all energy; percussive and harmonic add up to 1 (median filtering: Fitzgerald 2010).
    """

    level_db: float
    flatness: float
    onsets: float
    percussive: float
    harmonic: float
    bass: float


def numbers(waveform: Tensor, rate: int) -> list[SoundNumbers]:
    """Of every row of (rows, samples)."""
    powers = stft(waveform, rate).abs().square().numpy()
    levels, onsets = level_db(waveform).tolist(), onset_rate(waveform, rate).tolist()
    return [
        SoundNumbers(
            level_db=round(level, 2),
            flatness=round(_flatness(power), 4),
            onsets=round(onset, 2),
            **{name: round(share, 4) for name, share in _shares(power, rate).items()},
        )
        for power, level, onset in zip(powers, levels, onsets, strict=True)
    ]


def _flatness(power: NDArray[np.float32]) -> float:
    total = power.sum(0)
    if total.sum() < SILENT_POWER:
        return 0.0
    geometric = np.exp(np.log(power + SILENT_POWER).mean(0))
    flat = geometric / (power.mean(0) + SILENT_POWER)
    return float((flat * total).sum() / total.sum())


def _shares(power: NDArray[np.float32], rate: int) -> dict[str, float]:
    """Of (bins, times): how much is percussive, harmonic, and bass."""
    total = float(power.sum())
    if total < SILENT_POWER:
        return {"percussive": 0.0, "harmonic": 0.0, "bass": 0.0}
    steady, sudden = median_filter(power, (1, MEDIAN)), median_filter(power, (MEDIAN, 1))
    mask = (sudden**2 + SILENT_POWER) / (sudden**2 + steady**2 + 2 * SILENT_POWER)
    percussive = float((power * mask).sum()) / total
    low = round(BASS_HZ / (rate / 2) * (len(power) - 1)) + 1
    return {"percussive": percussive, "harmonic": 1 - percussive, "bass": float(power[:low].sum()) / total}
