"""Is it still music? Distances between takes, and whether an edit ruined the sound."""

from __future__ import annotations

import torch
import torchaudio
from torch import Tensor

BROKEN_LEVEL_DB = 12.0
BROKEN_DISTANCE = 2.0


def level_db(waveform: Tensor) -> Tensor:
    """Root-mean-square level of each take in dB relative to full scale."""
    return 10 * torch.log10(waveform.square().mean(-1).clamp_min(1e-10))


def spectral_distance(waveform: Tensor, other: Tensor, rate: int) -> Tensor:
    """Mean absolute difference of the takes' long-term mel spectra in dB (takes,), levels matched; 0 for equal sound.

    Long-term spectra, because an edited take may play other notes at other times and still be sound.
    """
    mel = torchaudio.transforms.MelSpectrogram(rate, n_fft=1024, hop_length=512, n_mels=48)
    a, b = (10 * torch.log10(mel(audio).mean(-1).clamp_min(1e-8)) for audio in (waveform, other))
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    return (a - b).abs().mean(-1)


def natural_distance(takes: Tensor, rate: int) -> float:
    """How far apart different takes of one prompt are: the median over pairs. The yardstick for what an edit may do."""
    if len(takes) < 2:
        return float("nan")
    pairs = [(i, j) for i in range(len(takes)) for j in range(i)]
    first, second = (takes[[pair[side] for pair in pairs]] for side in (0, 1))
    return float(spectral_distance(first, second, rate).median())


def broke(edited: Tensor, clean: Tensor, rate: int) -> bool:
    """Whether most edited takes are no longer usable sound: far too quiet or loud, clipped, or a spectrum unlike any take's."""
    level = (level_db(edited) - level_db(clean)).abs() > BROKEN_LEVEL_DB
    clipped = (edited.abs() > 0.999).float().mean(-1) > 0.01
    usual = natural_distance(clean, rate)
    strange = (
        spectral_distance(edited, clean, rate) > BROKEN_DISTANCE * max(usual, 4.0)
        if usual == usual
        else torch.zeros_like(level)
    )
    return bool((level | clipped | strange).float().mean() > 0.5)
