"""Repetition: a loop has its period, what never comes again has none, and a drone is one sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.synthetic import RATE, Sound, chords, clicks, noise, note, tone
from tonescope.diagnose.descriptors.repetition import Repetition, repetition_of, spectral_frames


def measured(sound: Sound, rate: int = RATE) -> Repetition:
    return repetition_of(torch.from_numpy(sound).float(), rate)


def phrase(seconds: float, seed: int) -> Sound:
    """Notes that do not come again within the phrase."""
    random = np.random.default_rng(seed)
    return np.concatenate([tone(note(int(random.integers(45, 85))), 0.25) for _ in range(int(seconds * 4))])


@pytest.mark.parametrize("period", [2.0, 3.0])
def test_a_loop_has_its_period(period: float) -> None:
    found = measured(np.tile(phrase(period, 1), 5))
    assert found.period == pytest.approx(period, abs=0.15) and found.share > 0.9 and found.similarity > 0.9


def test_what_never_comes_again_is_no_loop() -> None:
    found = measured(phrase(16.0, 2))
    assert found.share < 0.2 and found.similarity < 0.5


def test_one_tone_is_one_sound_throughout() -> None:
    assert measured(tone(220.0, 8.0)[RATE:-RATE]).steady
    assert not measured(chords(0, False, 8.0)).steady


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.0])
def test_what_is_too_short_tells_nothing(seconds: float) -> None:
    found = measured(noise(seconds) if seconds else np.zeros(0))
    assert found.period is None and found.similarity in (0.0, 1.0)


def test_spectra_are_the_same_however_long_the_recording() -> None:
    sound = torch.from_numpy(clicks(120, 70.0, 16_000)).float()
    whole, part = spectral_frames(sound, 16_000), spectral_frames(sound[: 16_000 * 5], 16_000)
    assert len(whole) >= 558 and np.allclose(whole[: len(part)], part, atol=1e-3)
