"""A folder that is a judge by name only is refused: no tokenizer, no front end, no labels, no sense."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests import tiny
from tests.models.ruined import change_weights, refused, set_field
from tonescope.models.loading import load_judge

FRONT_END = "preprocessor_config.json"


def refuse(folder: Path, *words: str) -> str:
    return refused(lambda: load_judge(str(folder)), *words)


def test_a_judge_without_its_tokenizer(copies: tuple[Path, Path]) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (copies[1] / file).unlink()
    refuse(copies[1], "tokenizer", "read alike")


def test_a_judge_with_half_of_its_tokenizer(copies: tuple[Path, Path]) -> None:
    (copies[1] / "tokenizer.json").unlink()
    refuse(copies[1], "tokenizer")


def test_a_tokenizer_that_maps_everything_to_one_id(copies: tuple[Path, Path]) -> None:
    """The one unknown piece, or one that is known: texts cannot be told apart either way."""
    for words in ({"[PAD]": 0, "[UNK]": 1}, {"[PAD]": 0, "[UNK]": 1, "jazz": 2}):
        inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
        made = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]")
        made.save_pretrained(copies[1])
        refuse(copies[1], "tokenizer", "read alike")


@pytest.mark.parametrize("bias", [[], [0.0, 1.0, 2.0, -3.0]])
def test_a_text_tower_that_makes_the_same_of_every_word(copies: tuple[Path, Path], bias: list[float]) -> None:
    """Its tokenizer tells words apart, its weights do not."""

    def dull(weights: dict[str, Any]) -> dict[str, Any]:
        parts = ("word_embeddings", "position_embeddings")
        return {name: weight * (not any(part in name for part in parts)) for name, weight in weights.items()}

    set_field(copies[1], "bias", bias, "tonescope.json")
    load_judge(str(copies[1]))
    change_weights(copies[1], dull)
    refuse(copies[1], "cannot be a judge", "makes the same", "4 labels")


def test_a_judges_tokenizer_with_more_words_than_the_embedding(copies: tuple[Path, Path]) -> None:
    tokenizer = tiny.tokenizer()
    tokenizer.add_tokens(["one"])
    tokenizer.save_pretrained(copies[1])
    refuse(copies[1], "tokens up to number")


@pytest.mark.parametrize("value", [0, -1, 10**12, float("nan"), float("inf"), "much", None, True])
@pytest.mark.parametrize("field", ["sampling_rate", "hop_length", "fft_window_size", "feature_size", "max_length_s"])
def test_a_preprocessor_config_with_rate_hop_or_length_0(copies: tuple[Path, Path], field: str, value: Any) -> None:
    if field == "max_length_s" and value is True:
        value = []
    set_field(copies[1], field, value, FRONT_END)
    started = time.process_time()
    refuse(copies[1], field, FRONT_END)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feature_size", 32),  # not the bands that the model hears
        ("frequency_max", 5_000),  # beyond half of the rate
        ("frequency_min", 800),  # nothing between
        ("hop_length", 1),  # more frames than the model takes
        ("max_length_s", 100),
        ("fft_window_size", 2**16),  # longer than a clip
    ],
)
def test_a_front_end_of_another_model(copies: tuple[Path, Path], field: str, value: int) -> None:
    set_field(copies[1], field, value, FRONT_END)
    refuse(copies[1], field if field != "max_length_s" else "frames", FRONT_END)


def test_a_judge_without_its_front_end(copies: tuple[Path, Path]) -> None:
    (copies[1] / FRONT_END).unlink()
    refuse(copies[1], f"no {FRONT_END}")
    (copies[1] / FRONT_END).write_text("{")
    refuse(copies[1], FRONT_END, "JSON")


@pytest.mark.parametrize("value", [0, 10**6, 10**9])
@pytest.mark.parametrize(
    "field",
    [
        "text_config.num_hidden_layers",
        "text_config.hidden_size",
        "text_config.vocab_size",
        "text_config.intermediate_size",
        "text_config.max_position_embeddings",
        "text_config.num_attention_heads",
        "audio_config.num_mel_bins",
        "audio_config.patch_embeds_hidden_size",
        "audio_config.spec_size",
        "audio_config.window_size",
        "projection_dim",
    ],
)
def test_a_judge_of_impossible_size(copies: tuple[Path, Path], field: str, value: int) -> None:
    set_field(copies[1], field, value)
    started = time.process_time()
    refuse(copies[1], "config.json")
    assert time.process_time() - started < 2


@pytest.mark.parametrize("stride", [0, -1, 10**6, [4, 0], "wide"])
def test_a_judge_of_impossible_strides(copies: tuple[Path, Path], stride: Any) -> None:
    set_field(copies[1], "audio_config.patch_stride", stride)
    refuse(copies[1], "could not be loaded")


@pytest.mark.parametrize("depths", [[10**6, 1], [1, 1, 1], [1], [], [0, 1], "deep"])
def test_a_judge_of_other_depths_than_its_weights(copies: tuple[Path, Path], depths: Any) -> None:
    set_field(copies[1], "audio_config.depths", depths)
    started = time.process_time()
    refuse(copies[1], "could not be loaded")
    assert time.process_time() - started < 2


def test_a_judge_that_reads_too_little_or_pads_beyond_its_words(copies: tuple[Path, Path]) -> None:
    set_field(copies[1], "text_config.pad_token_id", 10**6)
    refuse(copies[1], "text_config.pad_token_id")
    set_field(copies[1], "text_config.pad_token_id", 5)
    refuse(copies[1], "80 positions", "need 83")


def test_a_judge_without_labels(copies: tuple[Path, Path]) -> None:
    (copies[1] / "tonescope.json").write_text(json.dumps({}))
    refuse(copies[1], "no labels")
    assert load_judge(str(copies[1]), ["house", "jazz"]).labels == ("house", "jazz")
