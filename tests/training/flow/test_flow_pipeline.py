"""The flow generator is written as a folder that is opened like any other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from tests.training.flow import tiny_flow
from tests.training.flow.tiny_flow import SIZES
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.jobs.request import Models
from tonescope.models.families.stable_audio_3.stable_audio_3 import StableAudio3
from tonescope.models.loading import EMBEDDED, load_generator, load_judge
from training.flow import flow_parts, flow_pipeline
from training.flow.flow_training import Flow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StableAudio3]:
    torch.manual_seed(0)
    flow, codec, reader = Flow(SIZES), flow_parts.codec(SIZES), tiny_flow.reader()
    for part in (flow, codec):
        for weight in part.parameters():
            torch.nn.init.normal_(weight, std=0.1)
    folder = tmp_path_factory.mktemp("flow") / "generator"
    flow_pipeline.write(folder, flow, codec, reader.encoder, reader.tokenizer, words=["jazz"])
    return folder, flow_pipeline.playing(flow, codec, reader.encoder, reader.tokenizer, steps=flow_pipeline.STEPS)


def test_it_plays_as_it_did_in_training(written: tuple[Path, StableAudio3]) -> None:
    folder, before = written
    after = load_generator(str(folder))
    assert isinstance(after, StableAudio3)
    assert after.denoising_steps == flow_pipeline.STEPS
    assert after.longest_seconds == flow_parts.LONGEST_SECONDS
    one, other = (each.generate(["jazz"], [1], 1.0).waveform for each in (before, after))
    assert float((one - other).norm() / one.norm()) < 0.05  # half precision
    assert other.shape == (1, 13 * SIZES.hop)


def test_the_embedded_judge_knows_its_sounds(written: tuple[Path, StableAudio3]) -> None:
    judge = load_judge(EMBEDDED)
    for folder, strange in ((written[0], False), (None, True)):
        written[1].folder = folder
        assert foreign(cast(Models, SimpleNamespace(judge=judge, generator=written[1]))) == strange


def test_matrices_take_half_the_room_and_frequencies_stay_exact(written: tuple[Path, StableAudio3]) -> None:
    from safetensors.torch import load_file

    (path,) = (written[0] / "transformer").glob("*.safetensors")
    weights = load_file(path)
    assert weights["proj_in.weight"].dtype == torch.float16
    assert weights["rotary_pos_emb.inv_freq"].dtype == torch.float32


def test_one_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flow_pipeline, "LARGEST_BYTES", 1000)
    reader = tiny_flow.reader()
    with pytest.raises(ValueError, match="MiB"):
        flow_pipeline.write(tmp_path, Flow(SIZES), flow_parts.codec(SIZES), reader.encoder, reader.tokenizer)


def test_what_was_in_the_folder_before_is_gone(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "old.safetensors").write_bytes(b"old")
    reader = tiny_flow.reader()
    flow_pipeline.write(tmp_path, Flow(SIZES), flow_parts.codec(SIZES), reader.encoder, reader.tokenizer)
    assert (tmp_path / "model_index.json").is_file() and not (tmp_path / "transformer" / "old.safetensors").exists()
