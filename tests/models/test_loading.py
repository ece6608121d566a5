"""What a folder holds is what is loaded, or it is refused with the reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.loading import load_generator, load_judge
from transformers import GenerationConfig

from tests import tiny


@pytest.fixture
def copies(folders: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Folders of generator and judge that may be ruined."""
    return tuple(Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in folders)  # type: ignore[return-value]


def without(folder: Path, part: str) -> None:
    """Save the weights again without those whose name has a part."""
    kept = {name: weight for name, weight in load_file(folder / "model.safetensors").items() if part not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def test_weights_that_are_missing_are_not_made_up(copies: tuple[Path, Path]) -> None:
    generator, judge = copies
    without(generator, "layers.1.fc")
    with pytest.raises(TonescopeError, match="lacks 2 of its weights"):
        load_generator(str(generator))
    without(judge, "audio_projection")
    with pytest.raises(TonescopeError, match="weights, audio_projection"):
        load_judge(str(judge))


@pytest.mark.parametrize("config", ["null", '{"model_type": "musicgen", "text_encoder": 1}', "[]", "{"])
def test_a_configuration_that_is_none_is_refused(copies: tuple[Path, Path], config: str) -> None:
    (copies[0] / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(TonescopeError, match="could not be loaded"):
        load_generator(str(copies[0]))


def test_takes_are_drawn_as_asked_whatever_the_folder_says(copies: tuple[Path, Path]) -> None:
    """Penalties, beams and other special tokens of a folder's generation config are left out."""
    plain = load_generator(str(copies[0])).generate(["house"], [1], 0.5)
    path = copies[0] / "generation_config.json"
    asked = json.loads(path.read_text(encoding="utf-8"))
    asked |= {"repetition_penalty": 3.0, "num_beams": 3, "no_repeat_ngram_size": 2, "top_p": 0.2, "pad_token_id": 3}
    path.write_text(json.dumps(asked), encoding="utf-8")
    assert torch.equal(load_generator(str(copies[0])).generate(["house"], [1], 0.5).codes, plain.codes)


def test_a_codec_that_gives_no_numbers_is_refused() -> None:
    generator = tiny.generator()
    next(generator.model.audio_encoder.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(TonescopeError, match="codec of tiny mono"):
        generator.generate(["house"], [1], 0.3)


def test_a_judge_that_gives_no_numbers_is_refused() -> None:
    judge = tiny.judge()
    judge.model.audio_projection.linear1.weight.fill_(float("nan"))
    with pytest.raises(TonescopeError, match="is no judge"):
        judge.listen(torch.zeros(1, 800), 1600)


def test_a_generator_keeps_its_special_tokens() -> None:
    model = tiny.musicgen()
    model.generation_config = GenerationConfig(num_beams=3)
    assert Generator(model, tiny.tokenizer(), "tiny").generate(["house"], [1], 0.3).codes.shape == (1, 4, 15)
