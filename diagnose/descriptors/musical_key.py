"""The key of a recording, by correlation with the profiles of Krumhansl and Kessler (1982), and by what margin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
MODES = ("major", "minor")
# How well each note of the scale fits its key, from the tonic upwards, as listeners rated it.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
RATE, WINDOW, HOP, BLOCK_SECONDS = 22_050, 8192, 4096, 30.0
LOWEST, HIGHEST = 65.0, 4200.0  # Hz of the notes that are looked for: C2 to C8
WIDTH = 0.3  # semitones: the spread of a note over its neighbours
QUIET_DB = -50.0  # parts so far below the loudest say nothing of the key
FAINT = 0.03  # of the loudest partial of a moment: fainter ones do not count for the tuning
CLEAR_CORRELATION, CLEAR_MARGIN = 0.6, 0.05  # from which on a key is told
SHOWN = 3


@dataclass(frozen=True)
class Key:
    """A key: ``tonic`` 0 (C) to 11 (B), ``mode`` 0 (major) or 1 (minor)."""

    tonic: int
    mode: int

    @property
    def name(self) -> str:
        """As musicians write it."""
        return f"{NAMES[self.tonic]} {MODES[self.mode]}"

    @property
    def relative(self) -> Key:
        """The key of the other mode with the same notes."""
        return Key((self.tonic + (9 if self.mode == 0 else 3)) % 12, 1 - self.mode)


@dataclass(frozen=True)
class KeyEstimate:
    """What key a recording is in.

    Attributes:
        key: the best; ``None`` where there are no notes.
        correlation: with its profile, −1 to 1.
        margin: by which it is above the next.
        others: the next ones, each with its correlation.
        clear: whether the best can be told from the others.
    """

    key: Key | None
    correlation: float
    margin: float
    others: tuple[tuple[Key, float], ...]
    clear: bool


def spectra(waveform: Tensor, rate: int) -> Tensor:
    """Magnitudes (bins, frames) of (samples,), in parts, so that memory is bounded."""
    sound, window, parts = resampled(waveform, rate, RATE), torch.hann_window(WINDOW), []
    size = int(BLOCK_SECONDS * RATE)
    for start in range(0, max(1, len(sound)), size):
        part = sound[start : start + size]
        part = torch.nn.functional.pad(part, (0, max(0, WINDOW - len(part))))
        parts.append(torch.stft(part, WINDOW, HOP, window=window, center=False, return_complex=True).abs())
    return torch.cat(parts, 1)


def tuning_of(magnitudes: Tensor) -> float:
    """How far the notes are from a concert pitch of 440 Hz, in semitones from −0.5 to 0.5: the circular mean of the
    partials of (bins, frames), each as heavy as it is loud."""
    inner = magnitudes[1:-1]
    frequencies = torch.fft.rfftfreq(WINDOW, 1 / RATE)[1:-1, None]
    peaks = (inner > magnitudes[:-2]) & (inner > magnitudes[2:]) & (frequencies > LOWEST) & (frequencies < HIGHEST / 2)
    peaks &= inner > FAINT * magnitudes.amax(0)
    below, at, above = (part.clamp_min(1e-9).log()[peaks] for part in (magnitudes[:-2], inner, magnitudes[2:]))
    shift = 0.5 * (below - above) / (below - 2 * at + above).clamp_max(-1e-9)  # the top of a parabola
    exact = frequencies.expand_as(inner)[peaks] + shift * RATE / WINDOW
    angles = 2 * math.pi * 12 * torch.log2(exact / 440)
    loud = inner[peaks]
    return float(torch.atan2((loud * angles.sin()).sum(), (loud * angles.cos()).sum()) / (2 * math.pi))


def _notes(tuning: float) -> Tensor:
    """How much of each bin counts for each note: (12, bins)."""
    frequencies = torch.fft.rfftfreq(WINDOW, 1 / RATE)
    pitches = 12 * torch.log2(frequencies.clamp_min(1) / 440) + 9 - tuning  # 0 is a C
    away = (pitches[None] - torch.arange(12)[:, None] + 6) % 12 - 6
    inside = (frequencies >= LOWEST) & (frequencies <= HIGHEST)
    return torch.exp(-0.5 * (away / WIDTH) ** 2) * inside


def chroma(waveform: Tensor, rate: int) -> NDArray[np.float64]:
    """How much of each note there is (12,), tuned, of parts that are not far quieter than the loudest."""
    magnitudes = spectra(waveform, rate)
    level = magnitudes.square().sum(0)
    magnitudes = magnitudes[:, level > float(level.max()) * 10 ** (QUIET_DB / 10)]
    found = (_notes(tuning_of(magnitudes)) @ magnitudes.square()).sqrt()
    total = (found / found.amax(0).clamp_min(1e-9)).sum(1).double().numpy()
    return np.asarray(total / max(float(total.max(initial=0.0)), 1e-12))


def key_of_chroma(notes: NDArray[np.float64]) -> KeyEstimate:
    """The key of how much there is of each note (12,)."""
    if float(notes.std()) < 1e-6:
        return KeyEstimate(None, 0.0, 0.0, (), False)
    keys = [Key(tonic, mode) for mode in range(2) for tonic in range(12)]
    profiles = [np.roll((MAJOR, MINOR)[key.mode], key.tonic) for key in keys]
    scores = [float(np.corrcoef(notes, profile)[0, 1]) for profile in profiles]
    order = sorted(range(len(keys)), key=lambda at: -scores[at])
    best, margin = order[0], scores[order[0]] - scores[order[1]]
    others = tuple((keys[at], round(scores[at], 3)) for at in order[1:SHOWN])
    clear = scores[best] >= CLEAR_CORRELATION and margin >= CLEAR_MARGIN
    return KeyEstimate(keys[best], round(scores[best], 3), round(margin, 3), others, clear)


def key_of_recording(waveform: Tensor, rate: int) -> KeyEstimate:
    """The key of (samples,)."""
    return key_of_chroma(chroma(waveform, rate))
