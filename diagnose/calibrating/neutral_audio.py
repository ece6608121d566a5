"""Sound that is of no genre: noise of several colours, tones, near silence. What labels get in it is their bias."""

from __future__ import annotations

import math

import torch
from torch import Tensor

RATE = 32_000  # Hz
LEVELS_DB = (-20.0, -50.0)  # of noise, root mean square, relative to full scale
SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # exponent of frequency that amplitudes are divided by
TONES = (110.0, 440.0, 1_760.0)  # Hz
SILENT_DB = -70.0
SEED = 20_260_101


def neutral_clips(seconds: float) -> Tensor:
    """Clips (clips, samples) at :data:`RATE`: the same ones every time."""
    random = torch.Generator().manual_seed(SEED)
    samples = max(2, round(seconds * RATE))
    clips = [_at_level(_noise(samples, slope, random), level) for slope in SLOPES.values() for level in LEVELS_DB]
    time = torch.arange(samples) / RATE
    clips += [_at_level(torch.sin(2 * math.pi * frequency * time), LEVELS_DB[0]) for frequency in TONES]
    clips.append(_at_level(_noise(samples, 0.0, random), SILENT_DB))
    return torch.stack(clips)


def _noise(samples: int, slope: float, random: torch.Generator) -> Tensor:
    spectrum = torch.fft.rfft(torch.randn(samples, generator=random))
    frequency = torch.arange(len(spectrum)).clamp_min(1).float()
    return torch.fft.irfft(spectrum / frequency**slope, n=samples)


def _at_level(sound: Tensor, level_db: float) -> Tensor:
    power = sound.square().mean().clamp_min(1e-20).sqrt()
    return (sound / power * 10 ** (level_db / 20)).clamp(-1, 1)
