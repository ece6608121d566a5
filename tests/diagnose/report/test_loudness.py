"""Loudness as ITU-R BS.1770 has it, and gains that make versions equally loud without breaking any."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonescope.diagnose.report.loudness import MOST_GAIN, loudness, matched_gains

RATE = 48000


def tone(level_db: float, hertz: float = 997, seconds: float = 4.0, rate: int = RATE) -> NDArray[np.float32]:
    at = np.arange(int(seconds * rate)) / rate
    wave: NDArray[np.float32] = (10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * at)).astype("f4")
    return wave


@pytest.mark.parametrize("rate", [48000, 44100, 32000, 16000])
def test_a_tone_of_997_hz_at_full_scale_is_minus_3_lufs(rate: int) -> None:
    """The reference of the recommendation: -3.01 LUFS for one channel."""
    assert loudness(tone(0, rate=rate), rate) == pytest.approx(-3.01, abs=0.1)
    assert loudness(tone(-20, rate=rate), rate) == pytest.approx(-23.01, abs=0.1)


def test_both_sides_count_and_silence_does_not() -> None:
    mono = tone(-20)
    assert loudness(np.stack([mono, mono], 1), RATE) == pytest.approx(loudness(mono, RATE) + 3.01, abs=0.05)
    paused = np.concatenate([mono, np.zeros(8 * RATE, np.float32)])
    assert loudness(paused, RATE) == pytest.approx(loudness(mono, RATE), abs=0.2)
    assert loudness(np.zeros(RATE, np.float32), RATE) == -np.inf == loudness(np.zeros(0, np.float32), RATE)


def test_low_tones_count_less() -> None:
    assert loudness(tone(-20, 30), RATE) < loudness(tone(-20, 997), RATE) - 3


def test_versions_become_as_loud_as_the_first() -> None:
    waves = [tone(-12), tone(-18), tone(-9)]
    gains, told = matched_gains(waves, RATE)
    assert gains == pytest.approx([0, 6, -3], abs=0.05)
    assert told == "Played equally loud (B +6.0 dB, C −3.0 dB)."
    raised = [10 ** (gain / 20) * wave for gain, wave in zip(gains, waves, strict=True)]
    assert np.ptp([loudness(wave, RATE) for wave in raised]) < 0.1


def test_gains_are_bounded_and_bring_nothing_over_full_scale_and_that_is_said() -> None:
    peaky = tone(-40)
    peaky[1000] = 0.9
    gains, told = matched_gains([tone(-12), tone(-40), peaky, np.zeros(RATE, np.float32)], RATE)
    assert gains[1] == MOST_GAIN and 0 <= gains[2] < 1 and gains[3] == 0
    assert "as far as that goes" in told


def test_alone_and_beside_silence_nothing_is_changed() -> None:
    assert matched_gains([tone(-12)], RATE) == ([0.0], "")
    assert matched_gains([np.zeros(RATE, np.float32), tone(-12)], RATE) == ([0.0, 0.0], "")
