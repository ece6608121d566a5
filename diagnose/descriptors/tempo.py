"""Tempo with its octave alternatives, and how sure it is.

The autocorrelation of the onset strength, averaged over windows; a tempo scores by the mean over the first
multiples of its beat, weighted by how usual it is (Ellis 2007). Estimators are mostly wrong by a factor of two,
so half and double are always told beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled

RATE, WINDOW, HOP = 22_050, 1024, 128  # Hz, samples, samples: 172 frames a second
BANDS, HIGHEST = 64, 8000.0  # mel bands, up to so many Hz
RANGE_DB, FAINTEST = 80.0, 1e-10  # what is quieter than the loudest part by so much, or than this power, begins nothing
FRAME_RATE = RATE / HOP
SLOWEST, FASTEST = 40.0, 240.0  # beats a minute that are looked for
USUAL, SPREAD = 120.0, 0.9  # the centre of the weighting, and its width in octaves
WINDOW_SECONDS, BLOCK_SECONDS = 12.0, 30.0
MULTIPLES = 4  # of a beat that have to fall together
STEP = 0.0025  # of one tempo to the next that is tried
SAME = 0.04  # tempos that differ by less are one (the tolerance of MIREX)
CLEAR, WEAK = 0.3, 0.12  # clarity from which on a beat is clear, or there at all
FACTORS = (0.5, 2.0, 2 / 3, 1.5, 1 / 3, 3.0)
SHORTEST_SECONDS = 2.0  # of which a tempo can be told

Confidence = Literal["clear", "weak", "none"]


@dataclass(frozen=True)
class Tempo:
    """The tempo of a recording.

    Attributes:
        bpm: beats a minute; ``None`` where there is no beat.
        alternatives: tempos that it may as well be counted in (half, double, thirds), with their strength beside it.
        clarity: autocorrelation of the onset strength at the beat, 0 to 1.
        steady: the share of windows that have this tempo, or it counted otherwise; ``None`` of a single window.
        confidence: whether the beat is clear.
    """

    bpm: float | None
    alternatives: tuple[tuple[float, float], ...]
    clarity: float
    steady: float | None
    confidence: Confidence


def onset_strength(waveform: Tensor, rate: int) -> NDArray[np.float64]:
    """How strongly something begins in every frame (:data:`FRAME_RATE` a second): the rise of the log-mel spectrum,
    mean over bands, as in librosa's function of this name. Computed in parts, so that memory is bounded."""
    sound = resampled(waveform, rate, RATE)
    mel = torchaudio.transforms.MelSpectrogram(RATE, WINDOW, hop_length=HOP, n_mels=BANDS, f_max=HIGHEST, center=False)
    size, parts = int(BLOCK_SECONDS * FRAME_RATE), []
    for start in range(0, max(0, len(sound) - WINDOW), size * HOP):
        part = sound[start : start + size * HOP + WINDOW]  # one frame more, to be compared with the last
        if len(part) < WINDOW + HOP:
            break
        level = 10 * torch.log10(mel(part).clamp_min(FAINTEST))
        level = level.clamp_min(float(level.max()) - RANGE_DB)
        parts.append(level.diff(dim=1).clamp_min(0).mean(0)[:size])
    return torch.cat(parts).double().numpy() if parts else np.zeros(0)


def tempo_of(waveform: Tensor, rate: int) -> Tempo:
    """The tempo of (samples,)."""
    if len(waveform) < SHORTEST_SECONDS * rate:
        return Tempo(None, (), 0.0, None, "none")
    windows = _autocorrelations(onset_strength(waveform, rate))
    if not len(windows):
        return Tempo(None, (), 0.0, None, "none")
    together = windows.mean(0)
    tempos = _tempos(len(together))
    scores = np.array([_comb(together, bpm) for bpm in tempos])
    usual = np.exp(-0.5 * (np.log2(tempos / USUAL) / SPREAD) ** 2)
    best = int((scores * usual).argmax())
    bpm, clarity = float(tempos[best]), max(0.0, float(_at(together, _lag(tempos[best]))))
    confidence: Confidence = "clear" if clarity >= CLEAR else "weak" if clarity >= WEAK else "none"
    if confidence == "none" or scores[best] <= 0:
        return Tempo(None, (), round(clarity, 3), None, "none")
    alternatives = [(bpm * factor, _comb(together, bpm * factor) / scores[best]) for factor in FACTORS]
    kept = [(round(other, 1), round(s, 2)) for other, s in alternatives if _sought(other) and s > 0]
    steady = None
    if len(windows) > 1:
        own = [float(tempos[int((np.array([_comb(row, t) for t in tempos]) * usual).argmax())]) for row in windows]
        steady = round(float(np.mean([same_beat(each, bpm) for each in own])), 2)
    kept.sort(key=lambda found: -found[1])
    return Tempo(round(bpm, 1), tuple(kept), round(clarity, 3), steady, confidence)


def same_tempo(bpm: float, other: float) -> bool:
    """Whether two tempos are one, as far as tempos are told apart."""
    return abs(bpm - other) <= SAME * other


def same_beat(bpm: float, other: float) -> bool:
    """Whether two tempos are one, or one of them counted otherwise."""
    return any(same_tempo(bpm * factor, other) for factor in (1.0, *FACTORS))


def _sought(bpm: float) -> bool:
    return SLOWEST <= bpm <= FASTEST


def _lag(bpm: float) -> float:
    """Frames of a beat."""
    return 60 * FRAME_RATE / bpm


def _tempos(lags: int) -> NDArray[np.float64]:
    """The tempos that are tried: those of which two beats fit into so many frames."""
    slowest = max(SLOWEST, 60 * FRAME_RATE / max(1.0, (lags - 2) / 2))
    count = max(1, math.ceil(math.log(FASTEST / slowest) / math.log1p(STEP)))
    return np.asarray(slowest * (1 + STEP) ** np.arange(count + 1), np.float64)


def _at(correlation: NDArray[np.float64], lag: float) -> float:
    """The correlation between two frames."""
    below = int(lag)
    if below + 1 >= len(correlation):
        return 0.0
    return float(correlation[below] + (lag - below) * (correlation[below + 1] - correlation[below]))


def _comb(correlation: NDArray[np.float64], bpm: float) -> float:
    """The mean correlation at the first multiples of a beat, as far as there are so many frames."""
    lags = [_lag(bpm) * multiple for multiple in range(1, MULTIPLES + 1)]
    found = [_at(correlation, lag) for lag in lags if lag + 1 < len(correlation)]
    return sum(found) / len(found) if found else 0.0


def _autocorrelations(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """(windows, lags) of the onset strength, 1 at no lag; windows in which nothing begins are left out."""
    size = min(len(strength), int(WINDOW_SECONDS * FRAME_RATE))
    starts = range(0, len(strength) - size + 1, max(1, size // 2))
    rows = []
    for start in starts:
        part = strength[start : start + size]
        part = part - part.mean()
        spectrum = np.fft.rfft(part, 2 * size)
        raw = np.fft.irfft(np.abs(spectrum) ** 2)[: size * 3 // 4]
        if raw[0] > 1e-8 * size:
            rows.append(raw / raw[0] * size / (size - np.arange(len(raw))))
    return np.array(rows) if rows else np.zeros((0, 0))
