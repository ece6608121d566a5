"""The key: known keys are found, whatever the tuning, and noise has none that is clear."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.diagnose.descriptors.known_pieces import song
from tests.synthetic import RATE, Sound, chords, noise
from tonescope.diagnose.descriptors.musical_key import MAJOR, MINOR, Key, key_of_chroma, key_of_recording


def measured(sound: Sound, rate: int = RATE):
    return key_of_recording(torch.from_numpy(sound).float(), rate)


@pytest.mark.parametrize(("tonic", "minor"), [(0, False), (9, True), (3, False), (6, True)])
def test_the_key_of_chords_is_found(tonic: int, minor: bool) -> None:
    found = measured(chords(tonic, minor, 6.0))
    assert found.key == Key(tonic, int(minor)) and found.correlation > 0.7


def test_a_recording_that_is_tuned_otherwise_is_in_the_same_key() -> None:
    found = measured(chords(2, False, 6.0), round(RATE * 2 ** (0.3 / 12)))  # played faster: 30 cents sharp
    assert found.key == Key(2, 0)


def test_noise_has_no_clear_key() -> None:
    assert not measured(noise(6.0)).clear


def test_what_has_no_notes_has_no_key() -> None:
    found = key_of_chroma(np.zeros(12))
    assert found.key is None and not found.clear and found.others == ()


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("tonic", [0, 5, 11])
def test_every_profile_is_its_own_key(tonic: int, mode: int) -> None:
    found = key_of_chroma(np.roll((MAJOR, MINOR)[mode], tonic))
    assert found.key == Key(tonic, mode) and found.clear and found.correlation == 1.0


def test_relative_keys_have_the_same_notes() -> None:
    assert Key(0, 0).relative == Key(9, 1) and Key(9, 1).relative == Key(0, 0)
    assert all(Key(tonic, mode).relative.relative == Key(tonic, mode) for tonic in range(12) for mode in range(2))


@pytest.mark.parametrize("cents", [0, 25, -40])
@pytest.mark.parametrize(("tonic", "minor"), [(1, False), (4, True), (7, False), (10, True)])
def test_the_key_of_a_song_with_drums_is_found_whatever_its_tuning(tonic: int, minor: bool, cents: int) -> None:
    assert measured(song(tonic, minor, tonic, cents)).key == Key(tonic, int(minor))
