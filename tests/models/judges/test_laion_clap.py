"""Checkpoints of laion-clap become the same CLAP, and what is none is refused without being run."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import ClapConfig, ClapModel

from tests import tiny
from tests.models.judges.laion_oracle import MODELS
from tests.models.ruined import refused
from tonescope.models.judges.clap import Clap
from tonescope.models.judges.load_laion_clap import FRONT_END
from tonescope.models.loading import check_names, judge_rows, load_generator, load_judge

LABELS = ("house", "jazz")
# Written by `make laion`, with the package.
PACKAGE = Path(os.environ.get("TONESCOPE_LAION", "no such folder"))

# From transformers' names back to laion-clap's, written apart from the table that is tested.
BACK = (
    ("audio_model.audio_encoder.batch_norm", "audio_branch.bn0"),
    ("audio_model.audio_encoder", "audio_branch"),
    ("text_model", "text_branch"),
    ("_projection.linear1", "_projection.0"),
    ("_projection.linear2", "_projection.2"),
)
BACK_IN_BLOCKS = (
    ("attention.output.dense", "attn.proj"),
    ("attention.self", "attn"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
)


def clap(fusion: bool = False, depths: tuple[int, ...] = (1, 2)) -> ClapModel:
    """A random CLAP with the outlines that all of laion-clap's have, and few weights."""
    torch.manual_seed(3)
    text = dict(
        vocab_size=len(tiny.WORDS),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=40,
        max_position_embeddings=90,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    audio = dict(
        patch_embeds_hidden_size=8,
        hidden_size=8 * 2 ** (len(depths) - 1),
        depths=depths,
        num_attention_heads=[2, 4][: len(depths)],
        enable_fusion=fusion,
        fusion_type="aff_2d" if fusion else None,
        aff_block_r=2,
    )
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=12)).eval()
    model.audio_model.audio_encoder.batch_norm.running_mean.uniform_(-60, -20)
    model.audio_model.audio_encoder.batch_norm.running_var.fill_(400)
    return model


def as_laion(model: ClapModel) -> dict[str, Tensor]:
    """The weights under laion-clap's names, with what it saves beside them."""
    found = dict[str, Tensor]()
    for name, weight in model.state_dict().items():
        for new, old in BACK:
            name = name.replace(new, old, 1)
        if name.startswith("audio_branch.layers"):
            for new, old in BACK_IN_BLOCKS:
                name = name.replace(new, old, 1)
        found[name] = weight
    for name in [name for name in found if name.startswith("audio_branch") and ".attn.query." in name]:
        parts = [found.pop(name.replace("query", part)) for part in ("query", "key", "value")]
        found[name.replace("query", "qkv")] = torch.cat(parts)
    more = {"audio_branch.head.bias": 5, "audio_branch.tscam_conv.bias": 5, "text_transform.sequential.0.bias": 12}
    return found | {name: torch.zeros(size) for name, size in more.items()}


def save(folder: Path, content: Any, tokenizer: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "model.pt")
    if tokenizer:
        tiny.tokenizer().save_pretrained(folder)
    return folder / "model.pt"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A random checkpoint with a tokenizer beside it."""
    return save(tmp_path / "laion", {"epoch": 1, "state_dict": as_laion(clap())})


def refuse(path: Path, *words: str) -> str:
    return refused(lambda: load_judge(str(path), LABELS), *words)


@pytest.mark.parametrize("fusion", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_checkpoint_is_the_model_it_was_saved_from(tmp_path: Path, fusion: bool, wrapped: bool) -> None:
    model = clap(fusion)
    state = as_laion(model)
    content = {"epoch": 3, "state_dict": {f"module.{name}": state[name] for name in state}} if wrapped else state
    judge = load_judge(str(save(tmp_path / "laion", content)), LABELS)
    assert isinstance(judge, Clap) and judge.labels == LABELS and judge.window_seconds == 10
    loaded = judge.model.state_dict()
    assert all(torch.equal(weight, loaded[name]) for name, weight in model.state_dict().items())
    assert judge.model.config.audio_config.enable_fusion is fusion and judge._fuses is fusion
    assert bool(torch.isfinite(judge.logits(torch.randn(2, 4_000) * 0.1, 16_000)).all())


def test_sizes_are_told_from_shapes(tmp_path: Path) -> None:
    judge = load_judge(str(save(tmp_path / "laion", as_laion(clap(depths=(2, 1))))), LABELS)
    assert isinstance(judge, Clap)
    audio, text = judge.model.config.audio_config, judge.model.config.text_config
    assert (list(audio.depths), list(audio.num_attention_heads), audio.window_size) == ([2, 1], [2, 4], 8)
    assert (text.num_hidden_layers, text.hidden_size, text.layer_norm_eps) == (2, 64, 1e-5)


def test_a_folder_with_one_checkpoint_is_that_checkpoint(checkpoint: Path) -> None:
    check_names(judge=str(checkpoint.parent))
    folder, file = (load_judge(str(path), LABELS) for path in (checkpoint.parent, checkpoint))
    assert folder.fingerprint() == file.fingerprint()
    (checkpoint.parent / "other.pt").write_bytes(checkpoint.read_bytes())
    refuse(checkpoint.parent, "holds 2 checkpoints", "give the file")
    assert load_judge(str(checkpoint), LABELS).fingerprint() == file.fingerprint()


def test_labels_may_lie_beside_a_checkpoint(checkpoint: Path) -> None:
    refused(lambda: load_judge(str(checkpoint)), "brings no labels")
    (checkpoint.parent / "tonescope.json").write_text(json.dumps({"labels": tiny.ROWS, "domain": "noise"}))
    judge = load_judge(str(checkpoint))
    assert judge.labels == tuple(row["label"] for row in tiny.ROWS) and judge.domain == "noise"
    assert [row["label"] for row in judge_rows(str(checkpoint))] == list(judge.labels)


@pytest.mark.parametrize("number", [np.float64(0.9), np.float32(0.9), np.int64(3)])
@pytest.mark.parametrize("numpy", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_numpy_numbers_beside_the_weights_are_harmless(tmp_path: Path, number: Any, numpy: bytes) -> None:
    """The best score so far, say. The second name is that of numpy 1, with which the published files were saved."""
    path = save(tmp_path / "laion", {})
    torch.save({"best": number, "state_dict": as_laion(clap())}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"numpy._core.multiarray") == 1
    path.write_bytes(content.replace(b"numpy._core.multiarray", numpy))
    load_judge(str(path), LABELS)


def test_a_generator_is_no_checkpoint(checkpoint: Path) -> None:
    refused(lambda: load_generator(str(checkpoint)), "is a file", "folder")
    refused(lambda: load_generator(str(checkpoint.parent)), "without a config.json")


class Payload:
    """A pickle of this runs code when it is opened."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (os.mkdir, (str(self.sign),))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_in_it_is_not_run(tmp_path: Path, zipped: bool) -> None:
    sign = tmp_path / "run"
    path = save(tmp_path / "laion", {})
    content = {"state_dict": as_laion(clap()), "more": Payload(sign)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    refuse(path, "could run code", "state_dict alone")
    path.write_bytes(pickle.dumps(Payload(sign)))
    refuse(path, "could not be loaded")
    assert not sign.exists()


@pytest.mark.parametrize("length", [0, 10, 1_000, -100])
def test_a_checkpoint_that_is_cut_off(checkpoint: Path, length: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:length])
    refuse(checkpoint, "cut off", "download it again")


def test_a_checkpoint_in_the_old_format_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "laion", {})
    torch.save(as_laion(clap()), path, _use_new_zipfile_serialization=False)
    assert load_judge(str(path), LABELS).labels == LABELS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"model": {"weight": torch.zeros(3)}}, "no weights"),
        ({"weight": torch.zeros(3)}, "no CLAP's"),
        ([1, 2], "no state_dict"),
        (torch.zeros(3), "no state_dict"),
        ({1: torch.zeros(3)}, "no state_dict"),
    ],
)
def test_a_checkpoint_of_something_else(tmp_path: Path, content: Any, words: str) -> None:
    refuse(save(tmp_path / "laion", content), words)


@pytest.mark.parametrize(
    ("weight", "shape", "words"),
    [
        ("audio_branch.conv_block1.conv1.weight", (1,), "PANN"),
        ("audio_branch.mel_conv1d.0.weight", (1,), "one dimension"),
        ("audio_branch.patch_embed.fusion_model.local_att2.0.weight", (1,), "iaff_2d"),
        ("audio_branch.patch_embed.mel_conv2d.weight", (8, 1, 4, 12), "daf_2d"),
        ("audio_branch.patch_embed.proj.weight", (8, 4, 4, 4), "channel_map"),
        ("text_branch.embeddings.token_type_embeddings.weight", (2, 64), "BERT"),
        ("text_branch.resblocks.0.attn.in_proj_weight", (1,), "CLIP transformer"),
        ("text_branch.shared.weight", (1,), "BART"),
        ("audio_branch.logmel_extractor.melW", (769, 64), "front end"),
        ("audio_branch.logmel_extractor.melW", (513, 64), "front end"),
        ("audio_branch.norm.weight", (5,), "audio_model.audio_encoder.norm.weight is missing, too many"),
        ("audio_branch.surplus.weight", (5,), "surplus.weight is missing, too many"),
        ("audio_branch.layers.0.blocks.0.attn.relative_position_bias_table", (0, 0), "could not be loaded"),
    ],
)
def test_a_clap_of_another_build(tmp_path: Path, weight: str, shape: tuple[int, ...], words: str) -> None:
    refuse(save(tmp_path / "laion", as_laion(clap()) | {weight: torch.zeros(shape)}), words)


@pytest.mark.parametrize("part", ["text_branch.", "audio_branch.layers.1.", "logit_scale_a", "text_projection.2.bias"])
def test_weights_that_are_missing_are_not_made_up(tmp_path: Path, part: str) -> None:
    state = {name: weight for name, weight in as_laion(clap()).items() if not name.startswith(part)}
    refuse(save(tmp_path / "laion", state), "missing")


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    state = as_laion(clap())
    state["audio_branch.norm.weight"] = torch.full((16,), float("nan"))
    refuse(save(tmp_path / "laion", state), "not all numbers")


def test_the_tokenizer_has_to_lie_beside_the_file(tmp_path: Path) -> None:
    path = save(tmp_path / "laion", as_laion(clap()), tokenizer=False)
    refuse(path, "no tokenizer", "FacebookAI/roberta-base", "same folder")


@pytest.mark.parametrize("rate", [0, -1, 44_100.5])
def test_a_wrong_rate_is_one_sentence(checkpoint: Path, rate: Any) -> None:
    judge = load_judge(str(checkpoint), LABELS)
    refused(lambda: judge.logits(torch.zeros(1, 4_000), rate), "sampling rate")


def test_the_front_end_is_laions() -> None:
    """As its model_configs have it, for every size of HTS-AT."""
    assert (FRONT_END["sampling_rate"], FRONT_END["hop_length"], FRONT_END["fft_window_size"]) == (48_000, 480, 1024)
    assert (FRONT_END["frequency_min"], FRONT_END["frequency_max"], FRONT_END["feature_size"]) == (50, 14_000, 64)


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="needs what laion-clap makes: make laion")
@pytest.mark.parametrize("name", MODELS)
def test_embeddings_are_those_of_the_package(name: str) -> None:
    expected = np.load(PACKAGE / name / "expected.npz")
    judge = load_judge(str(PACKAGE / name / "model.pt"), LABELS)
    assert isinstance(judge, Clap)
    read = judge.embed_text([str(text) for text in expected["texts"]])
    takes = [expected[key] for key in sorted(key for key in expected.files if re.fullmatch(r"take\d+", key))]
    heard = torch.cat([judge.embed_audio(torch.from_numpy(take)[None], FRONT_END["sampling_rate"]) for take in takes])
    for ours, theirs in ((read, expected["read"]), (heard, expected["heard"])):
        theirs = torch.from_numpy(theirs)
        assert float((theirs[0] - theirs[1]).abs().max()) > 1e-3  # they differ, so the comparison says something
        assert torch.allclose(ours, theirs, atol=1e-5, rtol=0)
