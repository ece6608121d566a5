"""A MusicGen folder is refused where its parts do not belong together, before anything large is built."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests import tiny
from tests.models.ruined import change_weights, refused, set_field
from tonescope.models.loading import load_generator

MILLION = 1_000_000


def refuse(folder: Path, *words: str) -> str:
    return refused(lambda: load_generator(str(folder)), *words)


def saved(folder: Path, **family: Any) -> Path:
    """A tiny model of another kind than the usual one, on disk."""
    tiny.musicgen(**family).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def test_a_config_with_3_codebooks_and_weights_for_4(copies: tuple[Path, Path]) -> None:
    set_field(copies[0], "decoder.num_codebooks", 3)
    refuse(copies[0], "decoder.num_codebooks is 3", "4 in the other")


def test_surplus_weights_are_not_dropped(copies: tuple[Path, Path]) -> None:
    """Those that older versions saved and newer ones make anew are no surplus."""
    extra = {"decoder.model.decoder.embed_positions.weights": torch.zeros(4, 32)}
    change_weights(copies[0], lambda weights: {**weights, **extra})
    load_generator(str(copies[0]))
    change_weights(copies[0], lambda weights: {**weights, "decoder.fifth_head.weight": torch.zeros(16, 32)})
    refuse(copies[0], "1 weights", "decoder.fifth_head.weight", "dropped")


def test_names_of_older_versions_are_no_surplus(copies: tuple[Path, Path]) -> None:
    """As the published checkpoints have them: weight norm under its old names, a tied embedding saved twice."""
    plain = load_generator(str(copies[0]))
    names = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}

    def older(weights: dict[str, Any]) -> dict[str, Any]:
        tied = {"text_encoder.encoder.embed_tokens.weight": weights["text_encoder.shared.weight"].clone()}
        renamed = {}
        for name, weight in weights.items():
            for now, then in names.items():
                name = name.replace(now, then)
            renamed[name] = weight
        assert sum(name.endswith("weight_g") for name in renamed) > 5
        return {**renamed, **tied}

    change_weights(copies[0], older)
    again = load_generator(str(copies[0]))
    assert all(
        torch.equal(one, two) for one, two in zip(plain.model.parameters(), again.model.parameters(), strict=True)
    )
    change_weights(copies[0], lambda weights: {**weights, "decoder.fifth_head.weight": torch.zeros(16, 32)})
    refuse(copies[0], "decoder.fifth_head.weight", "dropped")


@pytest.mark.parametrize("part", ["decoder", "audio_encoder"])
def test_audio_channels_2_on_a_mono_model(copies: tuple[Path, Path], part: str) -> None:
    set_field(copies[0], f"{part}.audio_channels", 2)
    refuse(copies[0], f"{part}.audio_channels", "2")


def test_a_stereo_model_called_mono(tmp_path: Path) -> None:
    folder = saved(tmp_path / "stereo", channels=2)
    load_generator(str(folder))
    set_field(folder, "decoder.audio_channels", 1)
    refuse(folder, "audio_channels", "8 codebooks")


@pytest.mark.parametrize("content", ["not json", "[]", "", "null", b"\xff\xfe\x00"])
@pytest.mark.parametrize("file", ["generation_config.json", "special_tokens_map.json", "tokenizer_config.json"])
def test_generation_config_that_is_not_json(copies: tuple[Path, Path], file: str, content: str | bytes) -> None:
    (copies[0] / file).write_bytes(content.encode() if isinstance(content, str) else content)
    refuse(copies[0], file)


@pytest.mark.parametrize("field", ["decoder.pad_token_id", "text_encoder.pad_token_id"])
@pytest.mark.parametrize("value", [MILLION, -1])
def test_pad_token_id_1000000(copies: tuple[Path, Path], field: str, value: int) -> None:
    set_field(copies[0], field, value)
    refuse(copies[0], field, str(value))


@pytest.mark.parametrize("value", [0, -3])
@pytest.mark.parametrize(
    "field", ["decoder.num_hidden_layers", "decoder.num_codebooks", "text_encoder.num_layers", "decoder.vocab_size"]
)
def test_no_layers_no_codebooks(copies: tuple[Path, Path], field: str, value: int) -> None:
    set_field(copies[0], field, value)
    refuse(copies[0], field, "at least one")


def test_no_layers_in_the_weights_either(copies: tuple[Path, Path]) -> None:
    set_field(copies[0], "decoder.num_hidden_layers", 0)
    kept = "decoder.model.decoder.layers"
    change_weights(copies[0], lambda weights: {name: one for name, one in weights.items() if not name.startswith(kept)})
    refuse(copies[0], "decoder.num_hidden_layers", "at least one")


@pytest.mark.parametrize("value", [MILLION, 10**9, 10**30])
@pytest.mark.parametrize(
    "field",
    [
        "decoder.num_hidden_layers",
        "decoder.num_codebooks",
        "decoder.hidden_size",
        "decoder.ffn_dim",
        "decoder.vocab_size",
        "decoder.num_attention_heads",
        "text_encoder.num_layers",
        "text_encoder.d_model",
        "text_encoder.d_ff",
        "text_encoder.d_kv",
        "text_encoder.vocab_size",
        "text_encoder.relative_attention_num_buckets",
        "audio_encoder.num_filters",
        "audio_encoder.num_lstm_layers",
        "audio_encoder.num_residual_layers",
        "audio_encoder.kernel_size",
        "audio_encoder.hidden_size",
        "audio_encoder.codebook_size",
        "audio_encoder.codebook_dim",
    ],
)
def test_sizes_of_a_million_and_more_are_refused_before_anything_is_built(
    copies: tuple[Path, Path], field: str, value: int
) -> None:
    set_field(copies[0], field, value)
    started = time.process_time()
    refuse(copies[0], "config.json")
    assert time.process_time() - started < 10  # building takes minutes, where it ends at all


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("audio_encoder.target_bandwidths", [1e9]),
        ("audio_encoder.target_bandwidths", []),
        ("audio_encoder.upsampling_ratios", [1] * 100_000),
        ("audio_encoder.upsampling_ratios", [0, 4, 4]),
        ("audio_encoder.sampling_rate", 0),
        ("audio_encoder.codebook_size", 1),
        ("decoder.max_position_embeddings", 2**31 - 1),
        ("decoder.num_attention_heads", 0),
        ("decoder.num_attention_heads", 7),
        ("decoder.num_codebooks", "four"),
        ("decoder.num_codebooks", 4.5),
        ("decoder.num_hidden_layers", None),
        ("decoder.num_hidden_layers", True),
        ("decoder.hidden_size", float("nan")),
        ("decoder.hidden_size", float("inf")),
        ("decoder.activation_function", "no such function"),
        ("decoder.pad_token_id", 3),  # a code, which is then taken for a gap
        ("decoder.dropout", -1),
        ("decoder.activation_dropout", 2),
        ("text_encoder.relative_attention_max_distance", 0),
        ("audio_encoder.pad_mode", "no such mode"),
        ("audio_encoder.chunk_length_s", 1.0),
        ("audio_encoder.model_type", "dac"),
        ("decoder", 5),
        ("text_encoder", None),
    ],
)
def test_odd_configurations_are_refused_in_one_sentence(copies: tuple[Path, Path], field: str, value: Any) -> None:
    set_field(copies[0], field, value)
    started = time.process_time()
    refuse(copies[0], "could not be loaded")
    assert time.process_time() - started < 2


@pytest.mark.parametrize("family", ["bert", "melody", "stereo-melody"])
def test_every_family_is_held_to_its_weights(tmp_path: Path, family: str) -> None:
    folder = saved(tmp_path / "model", **tiny.FAMILIES[family])
    load_generator(str(folder))
    field = "text_encoder.num_hidden_layers" if family == "bert" else "num_chroma"
    set_field(folder, field, MILLION)
    refuse(folder, field, str(MILLION))
    set_field(folder, field, 2 if family == "bert" else 4)
    field = "text_encoder.max_position_embeddings" if family == "bert" else "chroma_length"
    set_field(folder, field, 10**9)
    refuse(folder, field)


def test_a_width_that_no_weight_has_is_named(copies: tuple[Path, Path]) -> None:
    set_field(copies[0], "audio_encoder.num_filters", 8)
    refuse(copies[0], "other shapes", "audio_encoder.")


def test_a_tokenizer_with_more_words_than_the_embedding(copies: tuple[Path, Path]) -> None:
    tokenizer = tiny.tokenizer()
    tokenizer.add_tokens(["one", "two", "more"])
    tokenizer.save_pretrained(copies[0])
    refuse(copies[0], f"tokens up to number {len(tiny.WORDS) + 2}", f"knows {len(tiny.WORDS)}")


def test_a_generator_without_its_tokenizer(copies: tuple[Path, Path]) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (copies[0] / file).unlink()
    refuse(copies[0], "tokenizer")


@pytest.mark.parametrize("names", [[], "x", ["input_ids"], {}])
def test_a_tokenizer_without_a_mask(copies: tuple[Path, Path], names: Any) -> None:
    set_field(copies[0], "model_input_names", names, "tokenizer_config.json")
    refuse(copies[0], "attention_mask")


def test_a_checkpoint_that_does_not_fit_into_memory(copies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """By its header, at the precision asked for: the codec stays in single precision."""
    weights = load_file(copies[0] / "model.safetensors")
    codec = sum(weight.numel() for name, weight in weights.items() if name.startswith("audio_encoder."))
    rest = sum(weight.numel() for weight in weights.values()) - codec
    monkeypatch.setattr("tonescope.models.checkpoints.size.free_bytes", lambda device: 4 * codec + 2 * rest)
    message = refuse(copies[0], "does not fit into memory", "float32", "GiB", "--dtype bfloat16")
    assert f"{(codec + rest) / 1e6:,.1f} million parameters" in message
    assert load_generator(str(copies[0]), dtype="bfloat16").model.dtype == torch.bfloat16
    monkeypatch.setattr("tonescope.models.checkpoints.size.free_bytes", lambda device: 4 * codec + 2 * rest - 1)
    refused(lambda: load_generator(str(copies[0]), dtype="bfloat16"), "bfloat16", "run where there is more")


def test_weights_in_several_files(copies: tuple[Path, Path]) -> None:
    """All of them are counted, and one that is missing is named."""
    tiny.musicgen().save_pretrained(copies[0], max_shard_size="40KB")
    (copies[0] / "model.safetensors").unlink()
    parts = sorted(copies[0].glob("model-*.safetensors"))
    assert len(parts) > 1 and len(load_generator(str(copies[0])).locations("decoder.mlp")) == 3
    set_field(copies[0], "decoder.num_codebooks", 3)
    refuse(copies[0], "4 in the other")
    parts[-1].unlink()
    refuse(copies[0], parts[-1].name, "missing")


@pytest.mark.parametrize("size", [0, 5, 1000, 100_000])
def test_weights_that_are_cut_off(copies: tuple[Path, Path], size: int) -> None:
    path = copies[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    refuse(copies[0], "cut off", "model.safetensors")


def test_a_pointer_of_git_lfs_is_no_weights(copies: tuple[Path, Path]) -> None:
    (copies[0] / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refuse(copies[0], "git lfs pull")


def test_what_is_named_safetensors_and_is_none(copies: tuple[Path, Path]) -> None:
    for content in (
        b"PK\x03\x04" + bytes(60),
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b'{"a":{}} ',
    ):
        (copies[0] / "model.safetensors").write_bytes(content)
        refuse(copies[0], "no safetensors file")
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}).encode()
    (copies[0] / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    refuse(copies[0], "no safetensors file")
