"""Tempo: known tempos are found, octaves are told, and no beat is no tempo."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.diagnose.descriptors.known_pieces import BEATLESS, BEATS, TEMPOS
from tests.synthetic import RATE, Sound, chords, clicks, noise
from tonescope.diagnose.descriptors.tempo import Tempo, same_beat, same_tempo, tempo_of


def measured(sound: Sound, rate: int = RATE) -> Tempo:
    return tempo_of(torch.from_numpy(sound).float(), rate)


@pytest.mark.parametrize("bpm", [72, 96, 120, 128, 150, 174])
def test_the_tempo_of_clicks_is_found_in_one_of_its_octaves(bpm: float) -> None:
    found = measured(clicks(bpm, 14.0))
    assert found.confidence == "clear" and found.bpm is not None
    told = [found.bpm, *(other for other, _ in found.alternatives)]
    assert any(abs(each - bpm) < 1.0 for each in told), found
    if 80 <= bpm <= 160:
        assert abs(found.bpm - bpm) < 0.6, found


def test_half_and_double_are_always_told_where_they_are_tempos() -> None:
    found = measured(clicks(110, 10.0))
    assert {55, 220} <= {round(bpm) for bpm, _ in found.alternatives}


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_rate_of_a_file_changes_nothing(rate: int) -> None:
    found = measured(clicks(100, 8.0, rate), rate)
    assert found.bpm is not None and abs(found.bpm - 100) < 1.0


@pytest.mark.parametrize("sound", [noise(8.0), np.zeros(8 * RATE) + 1e-9, np.ones(8 * RATE) * 0.3])
def test_where_there_is_no_beat_no_tempo_is_told(sound: Sound) -> None:
    found = measured(sound)
    assert found.bpm is None and found.confidence == "none" and found.alternatives == ()


def test_a_second_is_too_short_for_a_tempo() -> None:
    assert measured(clicks(120, 1.0)).confidence == "none"


def test_a_tempo_that_changes_is_less_steady_than_one_that_stays() -> None:
    stays, changes = clicks(100, 40.0), np.concatenate([clicks(100, 20.0), clicks(141, 20.0)])
    kept, moved = measured(stays), measured(changes)
    assert kept.steady == 1.0 and moved.steady is not None and moved.steady < 0.9


def test_chords_on_the_beat_have_a_tempo_too() -> None:
    found = measured(chords(0, False, 12.0))  # a chord every half second
    assert found.bpm is not None and same_beat(found.bpm, 120)


def test_tempos_that_nobody_tells_apart_are_one() -> None:
    assert same_tempo(120, 123) and not same_tempo(120, 130)
    assert same_beat(60, 121) and same_beat(180, 120) and not same_beat(100, 120)


@pytest.mark.parametrize("kind", BEATS)
def test_the_tempo_of_music_is_always_among_those_that_are_told(kind: str) -> None:
    """Chords without drums, rock, swing, jazz and clicks, from 60 to 180."""
    for bpm in TEMPOS[::3]:
        found = measured(BEATS[kind](bpm))
        assert found.bpm is not None and found.confidence == "clear"
        assert any(same_tempo(each, bpm) for each in (found.bpm, *(other for other, _ in found.alternatives))), found


@pytest.mark.parametrize("kind", BEATLESS)
def test_music_without_a_beat_has_no_clear_tempo(kind: str) -> None:
    assert "clear" not in [measured(BEATLESS[kind](seed)).confidence for seed in range(6)]
