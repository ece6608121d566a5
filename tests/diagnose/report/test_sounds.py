"""Sound as people get it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import tiny
from tonescope.diagnose.report.sounds import Players, Sounds, address
from tonescope.diagnose.report.view import Sound


@pytest.mark.parametrize(("family", "channels"), [("mono", 1), ("stereo", 2), ("stereo-melody", 2)])
def test_stereo_models_are_heard_in_stereo(family: str, channels: int) -> None:
    generator = tiny.generator(family)
    takes, sounds = generator.generate(["house"] * 2, [1, 2], 0.5), Sounds(generator)
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds.uri(takes, 1).split(",")[1])), always_2d=True)
    assert rate == generator.sample_rate and audio.shape == (800, channels)
    assert np.allclose(audio.mean(1), takes.waveform[1].numpy().clip(-1, 1), atol=1e-3)
    if channels == 2:
        assert not np.allclose(audio[:, 0], audio[:, 1])


def test_a_player_plays_the_take_that_a_view_names() -> None:
    generator = tiny.generator()
    sets = {"one": generator.generate(["house"], [1], 0.5), "two": generator.generate(["house"] * 2, [4, 5], 0.5)}
    players = Players(Sounds(generator), sets)
    sound = Sound("second", "two", 1)
    assert players.title(sound) == "Take 5"
    assert players.uri(sound) == players.sounds.uri(sets["two"], 1) != players.uri(Sound("first", "two", 0))
    with pytest.raises(KeyError):
        players.uri(Sound("none", "three", 0))


@pytest.mark.parametrize(("rate", "kind"), [(16000, "mpeg"), (32000, "mpeg"), (48000, "mpeg"), (1600, "flac")])
def test_an_address_holds_a_sound_that_browsers_decode_and_is_small(rate: int, kind: str) -> None:
    at = np.arange(rate) / rate
    wave = (0.3 * np.sin(2 * np.pi * 110 * at) * (1 + np.sin(20 * at))).astype("f4")
    made = address(wave, rate)
    assert made.startswith(f"data:audio/{kind};base64,") and len(made) < 4 / 3 * 2 * len(wave)
    back, found = soundfile.read(io.BytesIO(base64.b64decode(made.split(",")[1])), dtype="float32")
    assert found == rate and back.shape == wave.shape  # MP3's delay and padding are told in the file, and taken away
    assert np.sqrt(np.mean((back - wave) ** 2)) < 0.02


def test_files_hold_every_sample(tmp_path: Path) -> None:
    generator = tiny.generator()
    takes = generator.generate(["house"], [1], 0.5)
    Sounds(generator).write(tmp_path / "a.wav", takes, 0)
    audio, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert np.allclose(audio, takes.waveform[0].numpy().clip(-1, 1), atol=1 / 32768)
