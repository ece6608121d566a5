"""The composer: facts are true of the sound, and the same seed gives the same piece."""

from __future__ import annotations

import numpy as np
import pytest

from training.clips import Recipe, uniform
from training.composer import compose
from training.renderer import SAMPLE_RATE, _recorded, render
from training.tables import genres, instruments, recording
from training.theory import parse_chord, parse_rhythm

GENRES = list(genres())


def test_there_are_enough_genres_and_styles() -> None:
    assert len(GENRES) >= 18
    assert all(len(genre.styles) >= 3 for genre in genres().values())
    for required in ("house", "techno", "jazz fusion", "smooth jazz", "polka", "waltz", "lo-fi hip hop", "ragtime"):
        assert required in GENRES


def test_every_instrument_named_in_a_style_exists() -> None:
    for genre in genres().values():
        for style in genre.styles:
            for part in style.parts:
                assert set(part.instruments) <= set(instruments()), (genre.name, style.name, part.role)


def test_genres_overlap_in_tempo_and_instruments() -> None:
    """Where one feature gave the genre away, every diagnosis would look better than it is."""
    for genre in genres().values():
        others = [other for other in genres().values() if other is not genre]
        low, high = min(style.tempo[0] for style in genre.styles), max(style.tempo[1] for style in genre.styles)
        assert (
            sum(any(style.tempo[0] < high and style.tempo[1] > low for style in other.styles) for other in others) >= 3
        )
        own = {name for style in genre.styles for part in style.parts for name in part.instruments}
        shared = {
            name for other in others for style in other.styles for part in style.parts for name in part.instruments
        }
        assert len(own & shared) >= len(own) / 2, genre.name


@pytest.mark.parametrize("genre", GENRES)
def test_a_piece_sounds_and_is_reproducible(genre: str) -> None:
    piece = compose(genre, 11)
    assert piece == compose(genre, 11)
    assert piece != compose(genre, 12)
    first, again = render(piece).mix, render(piece).mix
    assert np.array_equal(first, again)
    assert first.shape == (4 * SAMPLE_RATE,) and np.isfinite(first).all()
    assert 0.05 < np.sqrt(np.mean(first**2)) < 0.25 and np.abs(first).max() < 1.0


def test_every_stem_that_is_claimed_is_heard() -> None:
    for recipe in uniform("test", 19):
        piece = recipe.compose()
        stems = render(piece).stems
        for stem in piece.stems:
            if any(note.start * 60 / piece.tempo < 3.5 for note in stem.notes):
                assert np.abs(stems[stem.role]).max() > 1e-3, (piece.genre, stem.role)


def test_tempo_can_be_found_in_the_sound() -> None:
    import librosa

    piece = compose("techno", 5, 8.0, tempo=128.0)
    found = float(np.atleast_1d(librosa.feature.tempo(y=render(piece, 8.0).mix, sr=SAMPLE_RATE, start_bpm=128))[0])
    assert min(abs(found - 128 * factor) for factor in (0.5, 1, 2)) < 4


def test_an_instrument_can_be_kept_out() -> None:
    for seed in range(30):
        assert "accordion" not in compose("polka", seed, without=("accordion",)).instruments


def test_the_drum_loop_is_the_same_recording_everywhere() -> None:
    one, other = (render(Recipe("lo-fi hip hop", seed, drum_loop=True).compose()).stems["drums"] for seed in (1, 2))
    assert float(np.corrcoef(one, other)[0, 1]) > 0.999


def test_theory() -> None:
    assert parse_chord("bVIImaj7").root == 10
    assert parse_rhythm("x-.X") == ((0, 2, "x"), (3, 1, "X"))
    with pytest.raises(ValueError, match="not a chord"):
        parse_chord("H7")


def test_a_recording_has_a_noise_floor_between_the_notes() -> None:
    note = 0.2 * np.sin(2 * np.pi * 440 * np.arange(8000) / SAMPLE_RATE).astype(np.float32)
    dry = np.concatenate([note, np.zeros(8000, dtype=np.float32)])
    lowest, highest = recording()["noise_db"]
    for seed in range(6):
        recorded = _recorded(dry, np.random.default_rng(seed))
        assert np.corrcoef(dry, recorded)[0, 1] > 0.99
        noise = 20 * np.log10(np.std(recorded[12000:]) / np.std(recorded))
        assert lowest - 3 < noise < highest + 3


def test_every_piece_is_recorded_differently() -> None:
    def treble(seed: int) -> float:
        power = [np.abs(np.fft.rfft(render(compose("techno", seed), recorded=kind).mix)) ** 2 for kind in (False, True)]
        hertz = np.linspace(0, SAMPLE_RATE / 2, len(power[0]))
        low, high = (hertz > 200) & (hertz < 800), hertz > 5000
        return float(
            np.log10(power[1][high].sum() / power[1][low].sum() / (power[0][high].sum() / power[0][low].sum()))
        )

    assert np.ptp([treble(seed) for seed in range(6)]) > 0.3
