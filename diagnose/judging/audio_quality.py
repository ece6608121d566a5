"""Is it still music? Distances between takes, and whether an edit ruined the sound."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torchaudio
from torch import Tensor

SILENT_DB = -60.0
BROKEN_LEVEL_DB = 12.0
BROKEN_DISTANCE = 2.0
USUAL_DISTANCE_DB = 4.0
LOST_ONSETS = 0.2  # of those in the clean take
_HOP_SECONDS = 0.016


def level_db(waveform: Tensor) -> Tensor:
    """Root-mean-square level of each take in dB relative to full scale."""
    return 10 * torch.log10(waveform.square().mean(-1).clamp_min(1e-10))


def spectrum(waveform: Tensor, rate: int) -> Tensor:
    """Long-term mel spectrum of each take in dB, its level taken off: (takes, bands)."""
    mel = torchaudio.transforms.MelSpectrogram(rate, n_fft=1024, hop_length=512, n_mels=48)
    waveform = _long_enough(waveform, 1024)
    bands = torch.cat([10 * torch.log10(mel(part).mean(-1).clamp_min(1e-8)) for part in waveform.split(16)])
    return bands - bands.mean(-1, keepdim=True)


def _long_enough(waveform: Tensor, window: int) -> Tensor:
    """With silence after a take that is shorter than one window."""
    return torch.nn.functional.pad(waveform, (0, max(0, window - waveform.shape[-1])))


def spectral_distance(waveform: Tensor, other: Tensor, rate: int) -> Tensor:
    """Mean absolute difference of the takes' long-term mel spectra in dB (takes,), levels matched; 0 for equal sound.

    Long-term spectra, because an edited take may play other notes at other times and still be sound.
    """
    return (spectrum(waveform, rate) - spectrum(other, rate)).abs().mean(-1)


def onset_rate(waveform: Tensor, rate: int) -> Tensor:
    """Onsets a second of each take (takes,): peaks of the spectral flux well above its median (Bello et al. 2005)."""
    hop = round(rate * _HOP_SECONDS)
    mel = torchaudio.transforms.MelSpectrogram(rate, n_fft=4 * hop, hop_length=hop, n_mels=32)
    level = waveform.abs().amax(-1, keepdim=True).clamp_min(1e-5)
    loudness = torch.log1p(1000 * mel(_long_enough(waveform / level, 4 * hop)))
    flux = loudness.diff(dim=-1).clamp_min(0).mean(-2)
    around = torch.nn.functional.max_pool1d(flux[:, None], 7, stride=1, padding=3)[:, 0]
    peaks = (flux == around) & (flux > flux.median(-1, keepdim=True).values + 0.08)
    return peaks.sum(-1) * rate / waveform.shape[-1]


def natural_distance(takes: Tensor, rate: int) -> float:
    """How far apart different takes of one prompt are in dB: the median over pairs; 0 for one take.

    It is the yardstick for what an edit may do.
    """
    bands = spectrum(takes, rate)
    pairs = torch.combinations(torch.arange(len(takes)))
    return float((bands[pairs[:, 0]] - bands[pairs[:, 1]]).abs().mean(-1).median()) if len(pairs) else 0.0


def ruined(edited: Tensor, clean: Tensor) -> Tensor:
    """Which takes are no usable sound, whatever music they were to be (takes,).

    They are silent, or clipped, where the clean ones are not, or not made of numbers.
    """
    silent = (level_db(edited) < SILENT_DB) & (level_db(clean) >= SILENT_DB)
    return silent | (_clipped(edited) - _clipped(clean) > 0.01) | ~torch.isfinite(edited).all(-1)


def silenced(waveform: Tensor) -> Tensor:
    """Takes with silence in the place of those that are not made of numbers, so that the others can be heard."""
    return waveform.masked_fill(~torch.isfinite(waveform).all(-1, keepdim=True), 0.0)


def lost_takes_caveat(seeds: Sequence[int], finite: Tensor) -> str | None:
    """What to say of takes whose samples are not numbers, by seed; ``None`` where there are none.

    ``finite`` (takes,) is what :func:`tonescope.models.judges.listening.finite_takes` says of them.
    """
    lost = [str(seed) for seed, sound in zip(seeds, finite.tolist(), strict=True) if not sound]
    if not lost:
        return None
    which = f"take of seed {lost[0]} is" if len(lost) == 1 else f"takes of seeds {', '.join(lost)} are"
    return (
        f"The {which} not made of numbers, as happens in half precision, and left out of everything; "
        "single precision (float32) does not have that."
    )


def _clipped(waveform: Tensor) -> Tensor:
    return (waveform.abs() > 0.999).float().mean(-1)


def broken(edited: Tensor, clean: Tensor, rate: int, usual: float) -> Tensor:
    """Which edited takes of the same prompt are no longer usable sound (takes,).

    They are ruined, or far too quiet or loud, or a drone or a hiss where music was. ``usual`` is the
    :func:`natural_distance` of the clean takes.
    """
    level = (level_db(edited) - level_db(clean)).abs() > BROKEN_LEVEL_DB
    before = onset_rate(clean, rate)
    still = (before > 1) & (onset_rate(edited, rate) < LOST_ONSETS * before)
    strange = spectral_distance(edited, clean, rate) > BROKEN_DISTANCE * max(usual, USUAL_DISTANCE_DB)
    return ruined(edited, clean) | level | still | strange
