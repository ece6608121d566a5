"""Sound as people get it."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

from tests import tiny
from tonescope.diagnose.report.diagnosis_folder import slug
from tonescope.diagnose.report.sounds import Sounds


@pytest.mark.parametrize(("family", "channels"), [("mono", 1), ("stereo", 2), ("stereo-melody", 2)])
def test_stereo_models_are_heard_in_stereo(family: str, channels: int) -> None:
    generator = tiny.generator(family)
    takes, sounds = generator.generate(["house"] * 2, [1, 2], 0.5), Sounds(generator)
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds.uri(takes, 1).split(",")[1])), always_2d=True)
    assert rate == generator.sample_rate and audio.shape == (800, channels)
    assert np.allclose(audio.mean(1), takes.waveform[1].numpy().clip(-1, 1), atol=1e-3)
    if channels == 2:
        assert not np.allclose(audio[:, 0], audio[:, 1])


def test_names_of_variants_make_harmless_file_names() -> None:
    assert slug("without “../../etc/passwd” at 3") == "without-etc-passwd-at-3"
    assert slug("times 0.5") == "times-0-5" and slug("without decoder.3.mlp:117") == "without-decoder-3-mlp-117"
    assert slug("without “ジャズ” at 0") == "without-ジャズ-at-0"
    long = [slug("without “" + "é" * 200 + f"” at {place}") for place in (3, 4)]
    assert long[0] != long[1] and all(len(name.encode()) < 80 for name in long)
