"""Integrated loudness after ITU-R BS.1770-4 and EBU R 128, block by block, and how long the end of a file is silent.

Every channel passes two filters (a shelf for the head, a high-pass), is squared and averaged over 400 ms every 100 ms;
parts below −70 LUFS, and then those 10 LU below the mean, do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOP_SECONDS = 0.1
HOPS = 4  # of a gating block of 400 ms
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0  # LUFS, LU
SURROUND = 1.41  # weight of the channels behind the listener, of five or six
_OFFSET = -0.691
_SILENT = 1e-6  # mean square of a part that is silent: −60 dB


@dataclass(frozen=True)
class Loudness:
    """How loud a recording is.

    Attributes:
        integrated: LUFS; ``None`` where nothing is loud enough to count.
        peak: the largest sample in dB relative to full scale.
        clipped: share of samples at full scale.
        silent_end: seconds of silence at the end.
    """

    integrated: float | None
    peak: float
    clipped: float
    silent_end: float


def _shelf(rate: int) -> tuple[list[float], list[float]]:
    """The first filter: a high shelf of 4 dB, as the standard's table at 48 kHz defines it, for any rate."""
    gain, q, frequency = 3.99984385397, 0.7071752369554193, 1681.9744509555319
    k, high = math.tan(math.pi * frequency / rate), 10 ** (gain / 20)
    middle = high**0.499666774155
    a0 = 1 + k / q + k * k
    b = [(high + middle * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - middle * k / q + k * k) / a0]
    return b, [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def _high_pass(rate: int) -> tuple[list[float], list[float]]:
    """The second filter."""
    q, frequency = 0.5003270373253953, 38.13547087613982
    k = math.tan(math.pi * frequency / rate)
    a0 = 1 + k / q + k * k
    return [1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def _weights(channels: int) -> NDArray[np.float64]:
    """Those of left, right, centre, (low frequencies,) and behind; alike for any other number of channels."""
    weights = np.ones(channels)
    if channels == 5:
        weights[3:] = SURROUND
    if channels == 6:
        weights[3:] = (0.0, SURROUND, SURROUND)
    return weights


class LoudnessMeter:
    """Adds up blocks of (samples, channels) at ``rate`` Hz."""

    def __init__(self, rate: int, channels: int) -> None:
        self._hop, self._weighting = round(HOP_SECONDS * rate), _weights(channels)
        self._filters = [_shelf(rate), _high_pass(rate)]
        self._states = [np.zeros((2, channels)) for _ in self._filters]
        self._left = np.zeros((0, channels + 1))  # squares of weighted channels, and of the plain signal
        self._hops: list[NDArray[np.float64]] = []
        self._peak, self._clipped, self._samples = 0.0, 0, 0

    def add(self, block: NDArray[np.float32]) -> None:
        """The next samples."""
        from scipy.signal import lfilter

        size = np.abs(block).max(1)
        self._peak = max(self._peak, float(size.max(initial=0.0)))
        self._clipped += int((size >= 0.9999).sum())
        self._samples += len(block)
        weighted = block.astype(np.float64)
        for at, (b, a) in enumerate(self._filters):
            weighted, self._states[at] = lfilter(b, a, weighted, axis=0, zi=self._states[at])
        plain = np.square(block, dtype=np.float64).mean(1, keepdims=True)
        squares = np.concatenate([self._left, np.concatenate([np.square(weighted), plain], 1)])
        whole = len(squares) // self._hop * self._hop
        self._hops += list(squares[:whole].reshape(-1, self._hop, squares.shape[1]).mean(1))
        self._left = squares[whole:]

    def measured(self) -> Loudness:
        """Of everything that was added."""
        hops = np.array(self._hops).reshape(-1, self._left.shape[1])
        loud = np.flatnonzero(hops[:, -1] > _SILENT)
        silent = len(hops) - (int(loud[-1]) + 1 if len(loud) else 0)
        return Loudness(
            integrated=self._integrated(hops[:, :-1] @ self._weighting),
            peak=20 * math.log10(max(self._peak, 1e-10)),
            clipped=self._clipped / max(1, self._samples),
            silent_end=silent * HOP_SECONDS,
        )

    @staticmethod
    def _integrated(hops: NDArray[np.float64]) -> float | None:
        if len(hops) < HOPS:
            return None
        parts = np.convolve(hops, np.ones(HOPS) / HOPS, "valid")
        for gate in (ABSOLUTE_GATE, RELATIVE_GATE):
            limit = gate if gate == ABSOLUTE_GATE else _lufs(float(parts.mean())) + gate
            parts = parts[parts > 10 ** ((limit - _OFFSET) / 10)]
            if not len(parts):
                return None
        return _lufs(float(parts.mean()))


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(max(power, 1e-12))
