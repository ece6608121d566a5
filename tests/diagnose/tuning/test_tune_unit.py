from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.diagnose.microscope.tiny_microscope import microscope
from tonescope.diagnose.judging.reference_clips import read_clip
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.tuning import responses
from tonescope.diagnose.tuning.own_stimulus import of_clip, of_words
from tonescope.diagnose.tuning.responses import Tuning, TuningWish
from tonescope.diagnose.tuning.stimuli import families
from tonescope.diagnose.tuning.tuning_views import rows_of
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location

WISH = TuningWish(instances=4, seconds=0.5)
KICK, LOUD, WORDS = (families()[name] for name in ("kick", "loudness", "prompt words"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Microscope:
    return microscope(tmp_path_factory.mktemp("artifacts"))


@pytest.mark.parametrize(
    "name", ["decoder.1.mlp", "decoder.1.cross", "codec.2.encoder", "codec.2.decoder", "judge.1.mlp"]
)
def test_every_unit_that_sound_reaches_has_curves(made: Microscope, name: str) -> None:
    location = made.location(name)
    (curves,) = Tuning(made, WISH).curves([location], [LOUD])[location]
    units = made.statistics(location).by_part.shape[1]
    assert curves.responses.shape == (len(LOUD.values), 4, units) and np.isfinite(curves.responses).all()
    assert np.ptp(curves.responses) > 0 and curves.features is not None


def test_loudness_moves_the_codecs_encoder(made: Microscope) -> None:
    location = made.location("codec.1.encoder")
    (curves,) = Tuning(made, WISH).curves([location], [LOUD])[location]
    best = rows_of([curves], int(curves.selectivity.argmax()))[0]
    assert best.selectivity > 0.5 and best.by_hand > 0.3


def test_nothing_is_passed_twice(made: Microscope, monkeypatch: pytest.MonkeyPatch) -> None:
    location = made.location("judge.0.mlp")
    (first,) = Tuning(made, WISH).curves([location], [KICK])[location]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("passed again")

    monkeypatch.setattr(responses, "render", refuse)
    (again,) = Tuning(made, WISH).curves([location], [KICK])[location]
    assert np.array_equal(first.responses, again.responses)


@pytest.mark.parametrize("name", ["text.1.mlp", "decoder.1.mlp", "judge.0.mlp"])
def test_words_of_prompts_are_stimuli_too(made: Microscope, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    few = replace(WORDS, values=("piano", "drums", "house"))
    location = Location.parse(name)
    (curves,) = Tuning(made, WISH).curves([location], [few])[location]
    assert curves.responses.shape[:2] == (3, 4) and np.ptp(curves.responses) > 0


def test_a_planted_word_is_preferred(made: Microscope) -> None:
    from dataclasses import replace

    few = replace(WORDS, values=("piano", "drums", "house"))
    location = Location.parse("text.0.mlp")
    found = Tuning(made, WISH).curves([location], [few])[location][0]
    best = int(found.selectivity.argmax())
    word = few.values[int(found.preferred[best])]
    responses_of = {value: float(found.mean[at, best]) for at, value in enumerate(few.values)}
    assert responses_of[word] == max(responses_of.values())


def test_ones_own_clip_and_prompt(made: Microscope, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "own.wav", 0.2 * np.sin(np.arange(8000) * 0.1), 8000)
    unit = made.unit("decoder.1.mlp:3")
    curves = Tuning(made, WISH).curves([unit.location], [LOUD])[unit.location]
    own = of_clip(made, unit, read_clip(tmp_path / "own.wav"), curves)
    assert own.peak is not None and own.second is not None and own.seconds is not None
    assert 0 <= own.second <= own.seconds and max(own.activity) == pytest.approx(own.peak, abs=1e-3)
    assert own.response == pytest.approx(float(torch.tensor(own.activity).mean()), abs=1e-3)
    words = of_words(made, unit, "house with piano", 0.5, curves)
    assert words.takes == 4 and words.percentile is not None
    read = of_words(made, made.unit("text.0.mlp:1"), "house", 0.5, [])
    assert read.takes == 1 and read.percentile is None
    soundfile.write(tmp_path / "tiny.wav", 0.2 * np.ones(1000), 48000)
    with pytest.raises(TonescopeError):
        of_clip(made, unit, read_clip(tmp_path / "tiny.wav"), curves)
