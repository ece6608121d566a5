"""What features made by hand say of a sound: the baseline that a unit has to beat before it is called a detector."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.diagnose.judging.audio_quality import level_db, onset_rate

FRAME = 512
BASS_HZ, HIGH_HZ = 150.0, 4000.0
FEATURES = ("level", "centroid", "flatness", "spread", "bass", "treble", "onsets", "flux", "pitch", "tempo")
SILENT = 1e-10


def hand_features(waveform: Tensor, rate: int, *, tempo: bool = True) -> NDArray[np.float64]:
    """(rows, features) of (rows, samples): level in dB, centroid and spread of the spectrum in octaves, its flatness,
    shares below 150 Hz and above 4 kHz, onsets a second, spectral flux, pitch by autocorrelation in octaves, tempo in
    octaves. Without ``tempo``, which takes longest, that is 0."""
    power = _power(waveform)
    hertz = torch.linspace(0, rate / 2, power.shape[1])
    whole = power.mean(2)
    share = whole / whole.sum(1, keepdim=True).clamp_min(SILENT)
    octaves = torch.log2(hertz.clamp_min(20))
    centroid = (share * octaves).sum(1)
    spread = (share * (octaves - centroid[:, None]).square()).sum(1).sqrt()
    flat = (power.clamp_min(SILENT).log().mean(1).exp() / power.mean(1).clamp_min(SILENT)).mean(1)
    loud = power.clamp_min(SILENT).log10()
    columns = [
        level_db(waveform),
        centroid,
        flat,
        spread,
        (share * (hertz < BASS_HZ)).sum(1),
        (share * (hertz > HIGH_HZ)).sum(1),
        onset_rate(waveform, rate),
        loud.diff(dim=2).clamp_min(0).mean((1, 2)),
        _pitch(waveform, rate),
        torch.tensor([_tempo(row, rate) if tempo else 0.0 for row in waveform]),
    ]
    return torch.stack([column.double() for column in columns], 1).nan_to_num(0.0, 0.0, 0.0).numpy()


def _power(waveform: Tensor) -> Tensor:
    """(rows, bins, times)."""
    size = min(FRAME, waveform.shape[1])
    spectrum = torch.stft(waveform, size, size // 2, window=torch.hann_window(size), return_complex=True)
    return spectrum.abs().square()


def _pitch(waveform: Tensor, rate: int) -> Tensor:
    """Octaves above 55 Hz of the strongest period between 40 Hz and 1 kHz."""
    size = waveform.shape[1]
    raw = torch.fft.irfft(torch.fft.rfft(waveform, 2 * size).abs().square())[:, :size]
    low, high = max(2, int(rate / 1000)), min(size - 1, int(rate / 40))
    period = raw[:, low:high].argmax(1) + low
    return torch.log2(rate / period / 55)


def _tempo(row: Tensor, rate: int) -> float:
    found = tempo_of(row, rate).bpm
    return float(np.log2(found / 60)) if found else 0.0
