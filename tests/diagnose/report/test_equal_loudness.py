"""Gains that make versions equally loud without breaking any."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonescope.diagnose.report.equal_loudness import MOST_GAIN, loudness, matched_gains

RATE = 32000


def tone(level_db: float, hertz: float = 997, seconds: float = 4.0) -> NDArray[np.float32]:
    at = np.arange(int(seconds * RATE)) / RATE
    wave: NDArray[np.float32] = (10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * at)).astype("f4")
    return wave


def test_both_sides_count() -> None:
    mono = tone(-20)
    assert loudness(mono, RATE) == pytest.approx(-23.01, abs=0.1)
    assert loudness(np.stack([mono, mono], 1), RATE) == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize(
    ("wave", "rate"),
    [(np.zeros(RATE, np.float32), RATE), (np.zeros(0, np.float32), RATE), (tone(0)[:99], RATE), (tone(0), 1600)],
)
def test_what_cannot_be_measured_is_not_loud(wave: NDArray[np.float32], rate: int) -> None:
    assert loudness(wave, rate) == -np.inf
    assert matched_gains([wave, wave], rate) == ([0.0, 0.0], "")


def test_versions_become_as_loud_as_the_first() -> None:
    waves = [tone(-12), tone(-18), tone(-9)]
    gains, told = matched_gains(waves, RATE)
    assert gains == pytest.approx([0, 6, -3], abs=0.05)
    assert told == "Played equally loud (B +6.0 dB, C −3.0 dB)."
    raised = [np.float32(10 ** (gain / 20)) * wave for gain, wave in zip(gains, waves, strict=True)]
    assert np.ptp([loudness(wave, RATE) for wave in raised]) < 0.1


def test_gains_are_bounded_and_bring_nothing_over_full_scale_and_that_is_said() -> None:
    peaky = tone(-40)
    peaky[1000] = 0.9
    gains, told = matched_gains([tone(-12), tone(-40), peaky, np.zeros(RATE, np.float32)], RATE)
    assert gains[1] == MOST_GAIN and 0 <= gains[2] < 1 and gains[3] == 0
    assert "as far as that goes" in told


def test_alone_nothing_is_changed() -> None:
    assert matched_gains([tone(-12)], RATE) == ([0.0], "")
