"""Mel spectrograms small enough to travel in a page: bytes, drawn there in the colours of its theme."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.report.lanes import Spectrogram

BANDS, COLUMNS = 72, 288
WINDOW_SECONDS = 0.064
DECIBELS = 70.0  # below the loudest, where black begins
LOWEST_HZ = 40.0
PADDING = 4  # times the window, so that low bands are not empty


def loudest(wave: NDArray[np.float32], rate: int) -> float:
    """The largest band level of a sound (samples,) in dB, to draw several on one scale."""
    return float(_levels(wave, rate).max(initial=-np.inf))


def spectrogram(wave: NDArray[np.float32], rate: int, top: float | None = None) -> Spectrogram:
    """The picture of a sound (samples,); ``top`` in dB is drawn brightest, the loudest of this one if absent."""
    levels = _levels(wave, rate)
    top = float(levels.max()) if top is None else top
    span = np.clip((levels - top + DECIBELS) / DECIBELS, 0.0, 1.0)
    data = np.round(255 * span).astype(np.uint8)
    return Spectrogram(
        bands=data.shape[0],
        columns=data.shape[1],
        low=_lowest(rate),
        high=rate / 2,
        decibels=DECIBELS,
        data=base64.b64encode(data.tobytes()).decode("ascii"),
    )


def pixels(picture: Spectrogram) -> NDArray[np.uint8]:
    """(bands, columns), from the lowest band."""
    flat = np.frombuffer(base64.b64decode(picture.data), np.uint8)
    return flat.reshape(picture.bands, picture.columns)


def _lowest(rate: int) -> float:
    return min(LOWEST_HZ, rate / 32)


def _levels(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Levels in dB (bands, columns) of windows that are evenly spaced over the sound."""
    import torch
    from torchaudio.functional import melscale_fbanks

    size = max(16, round(WINDOW_SECONDS * rate))
    bands = min(BANDS, size // 4)
    columns = int(min(COLUMNS, max(1, 4 * len(wave) // size)))
    padded = torch.nn.functional.pad(torch.from_numpy(np.nan_to_num(wave)).float(), (size // 2, size))
    starts = torch.linspace(0, max(0, len(wave) - 1), columns).long()
    windows = padded.unfold(0, size, 1)[starts] * torch.hann_window(size)
    power = torch.fft.rfft(windows, PADDING * size).abs().square()
    filters = melscale_fbanks(power.shape[1], _lowest(rate), rate / 2, bands, rate, norm="slaney")
    level: NDArray[np.float32] = (10 * (power @ filters).clamp_min(1e-10).log10()).T.numpy()
    return level
