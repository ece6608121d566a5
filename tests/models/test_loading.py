"""What a folder holds is what is loaded, or it is refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig

from tests import tiny
from tonescope.models import loading, metadata
from tonescope.models.checkpoints import sources
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.judges import listening
from tonescope.models.loading import load_generator, load_judge


def without(folder: Path, part: str) -> None:
    """Save the weights again without those whose name has a part."""
    kept = {name: weight for name, weight in load_file(folder / "model.safetensors").items() if part not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def test_weights_that_are_missing_are_not_made_up(copies: tuple[Path, Path]) -> None:
    generator, judge = copies
    without(generator, "layers.1.fc")
    with pytest.raises(TonescopeError, match="lacks 2 of its weights"):
        load_generator(str(generator))
    for part, count in (("audio_projection", 4), ("batch_norm.running_mean", 5)):
        without(judge, part)
        with pytest.raises(TonescopeError, match=f"lacks {count} of its weights"):
            load_judge(str(judge))


def test_codebooks_that_are_missing_are_not_made_up(copies: tuple[Path, Path]) -> None:
    without(copies[0], "codebook.embed")
    with pytest.raises(TonescopeError, match="lacks 4 of its weights"):
        load_generator(str(copies[0]))


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
    assert torch.equal(
        load_generator(str(copies[0])).generate(["house"], [1], 0.5).state["codes"], plain.state["codes"]
    )


def test_a_codec_that_gives_no_numbers_is_refused() -> None:
    generator = tiny.generator()
    next(generator.model.audio_encoder.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(TonescopeError, match="codec of tiny mono"):
        generator.generate(["house"], [1], 0.3)


def test_a_judge_that_gives_no_numbers_is_refused() -> None:
    judge = tiny.judge()
    judge.model.audio_projection.linear1.weight.fill_(float("nan"))
    with pytest.raises(TonescopeError, match="is no judge"):
        listening.listen(judge, torch.zeros(1, 800), 1600)


def test_a_generator_keeps_its_special_tokens() -> None:
    model = tiny.musicgen()
    model.generation_config = GenerationConfig(num_beams=3)
    assert MusicGen(model, tiny.tokenizer(), "tiny").generate(["house"], [1], 0.3).state["codes"].shape == (1, 4, 15)


LABELS = [{"label": "house", "family": "electronic"}, {"label": "jazz", "family": "jazz"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "object"),
        ('{"longest_seconds": "long"}', "longest_seconds"),
        ('{"longest_seconds": -1}', "longest_seconds"),
        ('{"words": 5}', "words"),
        ({"labels": LABELS[:1]}, "two labels"),
        ({"labels": LABELS[:1] * 2}, "each of them once"),
        ({"labels": [{"label": "house"}] * 2}, "family"),
        ({"labels": LABELS, "templates": ["{x}"]}, "template"),
        ({"labels": LABELS, "temperature": 0}, "temperature"),
        ({"labels": LABELS, "bias": [1.0]}, "one bias"),
        ({"labels": LABELS, "record": {"clean": [[1]], "reconstructed": [[1]], "calibration_error": 0}}, "record"),
    ],
)
def test_a_side_file_that_makes_no_sense_is_refused(tmp_path: Path, content: object, reason: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / metadata.METADATA_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(TonescopeError, match=reason):
        metadata.read(tmp_path)


def test_weights_of_another_folder_are_refused(copies: tuple[Path, Path]) -> None:
    index = {"weight_map": {"decoder.weight": "../model.safetensors"}}
    (copies[0] / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(TonescopeError, match="outside its folder"):
        load_generator(str(copies[0]))


@pytest.mark.parametrize(("kind", "load"), [("generator", load_generator), ("judge", load_judge)])
def test_without_a_network_one_sentence_says_what_to_do(
    kind: str, load: Callable[..., object], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        TonescopeError, match=f"cannot be reached.*--{'model' if kind == 'generator' else 'judge'} embedded"
    ):
        load("owner/name")
    assert capfd.readouterr().err == ""


def test_of_a_repository_only_what_is_read_is_fetched(
    copies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safetensors and small files; the pickle of the one judge that has nothing else, and of no other repository."""
    asked: list[tuple[str, ...]] = []

    def fetch(name: str, kind: str, repository: str, revision: str | None, files: tuple[str, ...]) -> Path:
        asked.append(files)
        return copies[0 if kind == "generator" else 1]

    monkeypatch.setattr(sources, "download", fetch)
    load_generator("owner/name@v1")
    assert asked == [loading.WANTED] and not any("bin" in pattern or "py" in pattern for pattern in loading.WANTED)
    (copies[1] / "model.safetensors").rename(copies[1] / "elsewhere")
    with pytest.raises(TonescopeError, match="no weights"):
        load_judge("owner/name")
    with pytest.raises(TonescopeError, match="could not be loaded"):
        load_judge(loading.HUB_JUDGE)
    assert asked[-1] == (*loading.WANTED, loading.PICKLE)
