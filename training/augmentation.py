"""Augmentations of waveforms and log-mels: level, shift, noise, frequency response, masks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BENDS = 8  # points of a drawn frequency response, evenly spaced in pitch
GRAIN = 0.3  # standard deviation of the noise on a log10-mel, at most
MASKED_SHARE = 0.18  # widest mask, as a share of the bands or of the time; two masks each


def shaken(audio: Tensor, random: np.random.Generator) -> Tensor:
    """(rows, samples) with a gain of -8 to 4 dB, a circular shift and white noise of -90 to -50 dBFS, drawn by row."""
    rows = []
    for row in audio:
        row = torch.roll(row, int(random.integers(len(row)))) * float(10 ** (random.uniform(-8, 4) / 20))
        rows.append(row + torch.randn_like(row) * float(10 ** random.uniform(-4.5, -2.5)))
    return torch.stack(rows)


def noisy(audio: Tensor, random: np.random.Generator, nearest: float = 5.0, farthest: float = 40.0) -> Tensor:
    """(rows, samples) with noise, white or with the spectrum of its row, or between the two.

    Each row's noise lies ``nearest`` to ``farthest`` dB below its level (root mean square).
    """
    spectrum = torch.fft.rfft(audio)
    colour = torch.from_numpy(random.uniform(0, 1, size=(len(audio), 1))).float()
    noise = torch.fft.irfft(
        torch.fft.rfft(torch.randn_like(audio)) * (spectrum.abs() + 1e-3) ** colour, n=audio.shape[1]
    )
    below = torch.from_numpy(10 ** (-random.uniform(nearest, farthest, size=(len(audio), 1)) / 20)).float()
    return audio + noise * below * _level(audio) / _level(noise)


def worn(audio: Tensor, random: np.random.Generator) -> Tensor:
    """(rows, samples) as ordinary equipment would play it: uneven response, lost treble, noise.

    The response varies by up to 8 dB. The low-pass has its corner between a quarter of the band and twice the band:
    2 to 16 kHz at a sampling rate of 16 kHz.
    """
    spectrum = torch.fft.rfft(audio)
    rows, bins = spectrum.shape
    bends = torch.from_numpy(random.uniform(-8, 8, size=(rows, 1, BENDS))).float()
    # Bends are evenly spaced in pitch: bins between two of them are looked up on a logarithmic scale.
    place = torch.linspace(1 / bins, 1, bins).log2() / np.log2(bins) + 1
    curve = torch.nn.functional.interpolate(bends, size=1024, mode="linear", align_corners=True)[:, 0]
    response = curve[:, (place * 1023).long()]
    corner = torch.from_numpy(2 ** random.uniform(-2, 1, size=(rows, 1))).float()
    response = response - 10 * torch.log10(1 + (torch.linspace(0, 1, bins) / corner) ** 8)
    return noisy(torch.fft.irfft(spectrum * 10 ** (response / 20), n=audio.shape[1]), random)


def _level(audio: Tensor) -> Tensor:
    return audio.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-5)


def obscured(mel: Tensor) -> Tensor:
    """A log10-mel (rows, 1, bands, frames) with noise, and with bands and frames masked by its mean.

    The masks are those of SpecAugment (Park et al. 2019, arXiv:1904.08779).
    """
    rows, _, *sizes = mel.shape
    mean = mel.mean((1, 2, 3), keepdim=True)
    mel = mel + torch.randn_like(mel) * GRAIN * torch.rand_like(mean)
    for axis, size in enumerate(sizes * 2):
        width = torch.rand(rows, 1) * MASKED_SHARE * size
        start = torch.rand(rows, 1) * (size - width)
        place = torch.arange(size)[None]
        hidden = (place >= start) & (place < start + width)
        mel = torch.where(hidden[:, None, None, :] if axis % 2 else hidden[:, None, :, None], mean, mel)
    return mel
