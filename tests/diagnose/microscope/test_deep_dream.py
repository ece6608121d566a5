from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.diagnose.microscope.tiny_microscope import microscope
from tonescope.diagnose.judging.reference_clips import Clip, read_clip
from tonescope.diagnose.microscope.deep_dream import Dreamt, DreamWish, clip_digest, dream, resized
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.models.errors import TonescopeError

QUICK = DreamWish(steps=5, seconds=0.6, octaves=2, naturalness=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Microscope:
    return microscope(tmp_path_factory.mktemp("artifacts"))


def tone(hertz: float = 200.0, seconds: float = 1.0) -> Clip:
    return Clip(0.2 * torch.sin(2 * torch.pi * hertz * torch.arange(round(1600 * seconds)) / 1600), 1600, "tone")


def dreamt(made: Microscope, name: str, wish: DreamWish = QUICK, clip: Clip | None = None) -> Dreamt:
    return Dreamt.model_validate(dream(made, made.location(name), wish, clip).artifact.result)


@pytest.mark.parametrize("name", ["judge.1.mlp", "codec.2.encoder", "decoder.1.mlp", "codec.3.decoder"])
def test_more_goes_on_after_a_dream(made: Microscope, name: str) -> None:
    found = dreamt(made, name, replace(QUICK, strength=1.0, steps=12), tone())
    assert found.energy_after > found.energy_before


@pytest.mark.parametrize("name", ["judge.1.mlp", "decoder.1.mlp"])
def test_strength_bounds_the_change(made: Microscope, name: str) -> None:
    wish = replace(QUICK, steps=12)
    faithful, surreal = (dreamt(made, name, replace(wish, strength=strength), tone()) for strength in (0, 1))
    assert faithful.changed_db <= -23.9 and faithful.changed_db < surreal.changed_db <= 6.1
    assert surreal.energy_after > surreal.energy_before


@pytest.mark.parametrize("start", ["neutral", "noise"])
@pytest.mark.parametrize("name", ["judge.0.mlp", "decoder.1.mlp"])
def test_a_dream_needs_no_clip(made: Microscope, name: str, start: str) -> None:
    found = dreamt(made, name, replace(QUICK, start=start))  # type: ignore[arg-type]
    assert found.before.sound.level_db > -60 and len(found.octaves) == 2 and found.octaves[-1] == 1


def test_time_scales_that_leave_nothing_to_play_are_left_out(made: Microscope) -> None:
    assert dreamt(made, "judge.0.mlp", replace(QUICK, octaves=8, ratio=4.0, steps=1)).octaves == [4.0, 1.0]


def test_the_same_dream_of_the_same_clip_is_one_artifact(made: Microscope) -> None:
    first, again, other = (dream(made, made.location("judge.0.mlp"), QUICK, tone(hertz)) for hertz in (200, 200, 300))
    assert again.was_there and again.artifact.recipe.key == first.artifact.recipe.key
    assert not other.was_there and clip_digest(tone(200)) != clip_digest(tone(300))


def test_sound_is_stretched_and_compressed_back() -> None:
    sound = torch.randn(2, 400).cumsum(1)
    sound = resized(resized(sound, 100), 400)  # nothing above an eighth of the rate
    assert torch.allclose(resized(resized(sound, 200), 400), sound, atol=1e-3)
    assert resized(sound, 300).shape == (2, 300) and resized(sound, 400) is sound


def test_a_clip_is_read_or_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    assert read_clip(tmp_path / "a.wav").rate == 16000
    (tmp_path / "b.wav").write_bytes(b"no sound")
    for path in (tmp_path / "b.wav", tmp_path / "none.wav", tmp_path):
        with pytest.raises(TonescopeError, match="cannot be used as a clip"):
            read_clip(path)
    with pytest.raises(TonescopeError, match="empty name"):
        read_clip(" ")
