"""Models are shipped in half precision with their metadata; measurements of older ones are deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import EncodecModel

from tests import tiny
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.runtime.session import REFERENCE_FILE
from tonescope.models.loading import load_generator, load_judge
from training import assemble, record


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of trained models, and beside it the package's, with results of older ones."""
    tiny.save(tmp_path)
    tiny.musicgen().audio_encoder.save_pretrained(tmp_path / "codec")
    record.write(tmp_path, "generator", minutes=[1.0])
    package = tmp_path / "embedded"
    package.mkdir()
    (package / "results.json").write_text("{}")
    monkeypatch.setattr(assemble, "embedded", lambda: package)
    monkeypatch.setattr(assemble, "SAMPLED_CAPTIONS", 40)
    monkeypatch.setattr(assemble, "SECONDS", 0.5)
    return tmp_path


def test_what_is_shipped_is_whole_and_what_was_measured_before_is_gone(work: Path) -> None:
    assemble.assemble(work)
    package = work / "embedded"
    assert not (package / "results.json").exists()
    kept = load_file(package / "generator" / "model.safetensors")
    assert {weight.dtype for weight in kept.values() if weight.is_floating_point()} == {torch.float16}
    generator = load_generator(str(package / "generator"))
    assert MeanActivations.load(package / "generator" / REFERENCE_FILE).suits(generator, 3.0)
    assert load_judge(str(package / "judge")).domain == assemble.JUDGE_DOMAIN


def test_a_codec_that_the_generator_does_not_know_is_refused_and_nothing_is_lost(work: Path) -> None:
    other = EncodecModel(tiny.musicgen(seed=5).audio_encoder.config)
    other.save_pretrained(work / "codec")
    with pytest.raises(ValueError, match="train the generator again"):
        assemble.assemble(work)
    assert (work / "embedded" / "results.json").exists()
