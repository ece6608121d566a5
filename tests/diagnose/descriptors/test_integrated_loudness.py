"""Loudness: as the standard's own reference signal has it, whatever the blocks, and as another implementation does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchaudio

from tests.synthetic import noise
from tonescope.diagnose.descriptors.integrated_loudness import Loudness, LoudnessMeter

RATE = 48_000


def measured(sound, rate: int = RATE, size: int = 10_000) -> Loudness:
    sound = np.asarray(sound, np.float32)
    sound = sound[:, None] if sound.ndim == 1 else sound
    meter = LoudnessMeter(rate, sound.shape[1])
    for start in range(0, len(sound), size):
        meter.add(sound[start : start + size])
    return meter.measured()


def lufs(sound) -> float:
    found = measured(sound).integrated
    assert found is not None
    return found


def sine(amplitude: float, seconds: float = 3.0, frequency: float = 997.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def test_a_full_scale_sine_on_one_side_is_minus_three() -> None:
    """The reference of BS.1770: 997 Hz at 0 dBFS, one channel: −3.01 LUFS."""
    found = measured(sine(1.0))
    assert found.integrated == pytest.approx(-3.01, abs=0.05) and found.peak == pytest.approx(0.0, abs=0.01)


def test_both_sides_are_three_louder_than_one() -> None:
    both = np.stack([sine(0.1)] * 2, 1)
    assert lufs(both) == pytest.approx(lufs(sine(0.1)) + 3.01, abs=0.02)


def test_another_implementation_agrees() -> None:
    sound = np.stack([noise(4.0, RATE), noise(4.0, RATE, seed=1)], 1) * np.linspace(0.1, 1, 4 * RATE)[:, None]
    other = torchaudio.functional.loudness(torch.from_numpy(sound.T).float(), RATE)
    assert measured(sound).integrated == pytest.approx(float(other), abs=0.15)


def test_blocks_do_not_matter() -> None:
    sound = noise(3.0, RATE)
    assert measured(sound, size=777).integrated == pytest.approx(measured(sound, size=10**6).integrated, abs=1e-6)


def test_silence_between_does_not_count() -> None:
    gaps = np.concatenate([sine(0.1, 8.0), np.zeros(9 * RATE)])
    assert measured(gaps).integrated == pytest.approx(lufs(sine(0.1, 8.0)), abs=0.2)
    assert measured(gaps).silent_end == pytest.approx(9.0, abs=0.2)


@pytest.mark.parametrize("sound", [np.zeros(RATE), sine(0.1, 0.2)])
def test_silence_and_what_is_too_short_have_no_loudness(sound) -> None:
    assert measured(sound).integrated is None


def test_the_channel_of_low_frequencies_does_not_count() -> None:
    surround = np.zeros((3 * RATE, 6))
    surround[:, 3] = sine(0.5)
    assert measured(surround).integrated is None
    surround[:, 2] = sine(0.1)
    assert measured(surround).integrated == pytest.approx(lufs(sine(0.1)), abs=0.02)


def test_clipping_is_counted() -> None:
    assert measured(np.clip(sine(2.0), -1, 1)).clipped > 0.3 and measured(sine(0.5)).clipped == 0
