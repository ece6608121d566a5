"""Gains that make versions of one take equally loud (integrated loudness, ITU-R BS.1770), and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.descriptors.integrated_loudness import LoudnessMeter

Wave = NDArray[np.float32]
MOST_GAIN = 12.0  # dB, either way
FULL_SCALE = 0.999
AUDIBLE = 0.5  # dB: a smaller difference is not worth a word
LOWEST_RATE = 4000  # Hz; the weighting of the head is at 1.7 kHz


def loudness(wave: Wave, rate: int) -> float:
    """LUFS of (samples,) or (samples, channels); -inf where nothing counts, or the sound is too short or too slow to be
    measured."""
    if rate < LOWEST_RATE or not len(wave):
        return -math.inf
    sound = wave[:, None] if wave.ndim == 1 else wave
    meter = LoudnessMeter(rate, sound.shape[1])
    meter.add(sound)
    found = meter.measured().integrated
    return -math.inf if found is None else found


def matched_gains(waves: Sequence[Wave], rate: int) -> tuple[list[float], str]:
    """Gains in dB that make sounds as loud as the first, and the small print about them.

    No gain is larger than :data:`MOST_GAIN` or would bring a sound over full scale; what is silent stays silent.
    """
    levels = [loudness(wave, rate) for wave in waves] if len(waves) > 1 else [-math.inf]
    if levels[0] == -math.inf:
        return [0.0] * len(waves), ""
    gains, short = [], False
    for wave, level in zip(waves, levels, strict=True):
        wanted = levels[0] - level if level > -math.inf else 0.0
        room = 20 * math.log10(FULL_SCALE / max(float(np.abs(wave).max(initial=0.0)), 1e-6))
        given = min(max(wanted, -MOST_GAIN), MOST_GAIN, max(room, 0.0))
        short = short or abs(given - wanted) > AUDIBLE or level == -math.inf
        gains.append(round(given, 2))
    lettered = zip(ascii_uppercase, gains, strict=False)
    changed = [f"{name} {_signed(gain)} dB" for name, gain in lettered if abs(gain) >= AUDIBLE]
    told = "Played equally loud" + (f" ({', '.join(changed)})" if changed else "")
    return gains, told + (", as far as that goes: what is much quieter stays quieter." if short else ".")


def _signed(gain: float) -> str:
    return f"{gain:+.1f}".replace("-", "−")
