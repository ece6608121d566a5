"""Mel spectrograms small enough to travel in a page: bytes, drawn there in the colours of its theme."""

from __future__ import annotations

import base64
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tonescope.diagnose.report.lanes import Spectrogram

BANDS, COLUMNS = 72, 288
WINDOW_SECONDS = 0.064
DECIBELS = 70.0  # below the loudest, where black begins
LOWEST_HZ = 40.0
PADDING = 4  # times the window, so that low bands are not empty


def spectrogram(wave: NDArray[np.float32], rate: int) -> Spectrogram:
    """The picture of a sound (samples,), whose loudest is drawn brightest."""
    found = levels(wave, rate)
    return picture(found, rate, float(found.max()))


def picture(levels: NDArray[np.float32], rate: int, top: float) -> Spectrogram:
    """The picture of levels in dB (bands, columns); ``top`` in dB is drawn brightest, so that several sounds can be
    drawn on one scale."""
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


def levels(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Levels in dB (bands, columns) of windows that are evenly spaced over the sound."""
    size = max(16, round(WINDOW_SECONDS * rate))
    bands = min(BANDS, size // 4)
    columns = int(min(COLUMNS, max(1, 4 * len(wave) // size)))
    padded = np.pad(np.nan_to_num(wave).astype(np.float32), (size // 2, size))
    starts = np.linspace(0, max(0, len(wave) - 1), columns).astype(int)
    windows = sliding_window_view(padded, size)[starts] * np.hanning(size + 1)[:-1]
    power = np.square(np.abs(np.fft.rfft(windows, PADDING * size)))
    level: NDArray[np.float32] = 10 * np.log10(np.maximum(_filters(power.shape[1], bands, rate) @ power.T, 1e-10))
    return level


@lru_cache(maxsize=8)
def _filters(bins: int, bands: int, rate: int) -> NDArray[np.float64]:
    """Triangles, evenly spaced in HTK mel, each of the same area (bands, bins)."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_lowest(rate), rate / 2))
    corners = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    at, widths = np.linspace(0, rate / 2, bins), np.diff(corners)
    up = (at - corners[:-2, None]) / widths[:-1, None]
    down = (corners[2:, None] - at) / widths[1:, None]
    shapes: NDArray[np.float64] = np.maximum(0, np.minimum(up, down)) * (2 / (corners[2:] - corners[:-2]))[:, None]
    return shapes
