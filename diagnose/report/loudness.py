"""How loud takes are, and the gains that make versions of one take equally loud.

Integrated loudness after ITU-R BS.1770-4: K-weighting, blocks of 400 ms, gated at -70 LUFS and at 10 LU below the mean
of what is left. The two filters are made for any sample rate by the bilinear transform of their analogue prototypes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
BLOCK_SECONDS, STEP_SECONDS = 0.4, 0.1
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
MOST_GAIN = 12.0  # dB, either way
FULL_SCALE = 0.999
AUDIBLE = 0.5  # dB: a smaller difference is not worth a word
_OFFSET = -0.691

# Frequency (Hz), quality and gain (dB) of the shelf that stands for the head, and of the high-pass (RLB).
_SHELF = (1681.974450955533, 0.7071752369554196, 3.999843853973347)
_HIGHPASS = (38.13547087602444, 0.5003270373238773)


def loudness(wave: Wave, rate: int) -> float:
    """LUFS of (samples,) or (samples, channels); -inf where every block is silent."""
    from scipy.signal import lfilter

    sound = np.atleast_2d(wave.T).astype(np.float64)
    for numerator, denominator in _weighting(rate):
        sound = lfilter(numerator, denominator, sound, axis=-1)
    size, step = min(round(BLOCK_SECONDS * rate), sound.shape[-1]), max(1, round(STEP_SECONDS * rate))
    if size == 0:
        return -math.inf
    starts = range(0, sound.shape[-1] - size + 1, step)
    power = np.array([np.square(sound[:, start : start + size]).mean(-1).sum() for start in starts])
    for gate in (lambda kept: ABSOLUTE_GATE, lambda kept: _lufs(kept.mean()) + RELATIVE_GATE):
        power = power[[_lufs(block) > gate(power) for block in power]]
        if not len(power):
            return -math.inf
    return _lufs(power.mean())


def matched_gains(waves: Sequence[Wave], rate: int) -> tuple[list[float], str]:
    """Gains in dB that make sounds as loud as the first, and the small print about them.

    No gain is larger than :data:`MOST_GAIN` or would bring a sound over full scale; what is silent stays silent.
    """
    levels = [loudness(wave, rate) for wave in waves]
    if len(waves) < 2 or levels[0] == -math.inf:
        return [0.0] * len(waves), ""
    gains, short = [], False
    for wave, level in zip(waves, levels, strict=True):
        wanted = levels[0] - level if level > -math.inf else 0.0
        room = 20 * math.log10(FULL_SCALE / max(float(np.abs(wave).max(initial=0.0)), 1e-6))
        given = min(max(wanted, -MOST_GAIN), MOST_GAIN, max(room, 0.0))
        short = short or abs(given - wanted) > AUDIBLE or level == -math.inf
        gains.append(round(given, 2))
    changed = [f"{name} {_signed(gain)} dB" for name, gain in zip("ABCD", gains, strict=False) if abs(gain) >= AUDIBLE]
    told = "Played equally loud" + (f" ({', '.join(changed)})" if changed else "")
    return gains, told + (", as far as that goes: what is much quieter stays quieter." if short else ".")


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power) if power > 0 else -math.inf


def _signed(gain: float) -> str:
    return f"{gain:+.1f}".replace("-", "−")


def _weighting(rate: int) -> list[tuple[list[float], list[float]]]:
    """The two filters of K-weighting as (numerator, denominator); below the shelf's frequency only the second."""
    found = []
    frequency, quality, gain = _SHELF
    if frequency < 0.45 * rate:
        warped, high = math.tan(math.pi * frequency / rate), 10 ** (gain / 20)
        band = high**0.4996667741545416
        scale = 1 + warped / quality + warped**2
        numerator = [
            (high + band * warped / quality + warped**2) / scale,
            2 * (warped**2 - high) / scale,
            (high - band * warped / quality + warped**2) / scale,
        ]
        found.append((numerator, [1.0, 2 * (warped**2 - 1) / scale, (1 - warped / quality + warped**2) / scale]))
    frequency, quality = _HIGHPASS
    warped = math.tan(math.pi * frequency / rate)
    scale = 1 + warped / quality + warped**2
    found.append(([1.0, -2.0, 1.0], [1.0, 2 * (warped**2 - 1) / scale, (1 - warped / quality + warped**2) / scale]))
    return found
