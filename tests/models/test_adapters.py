"""A user's LoRA changes the model it was trained on, and nothing else passes."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tests.models.ruined import refused, set_field
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.loading import load_generator, load_judge


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the decoder's attention, as ``save_pretrained`` writes it."""
    folder = tmp_path_factory.mktemp("adapter")
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"])
    adapted = peft.get_peft_model(tiny.musicgen(), config)
    torch.manual_seed(0)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    adapted.save_pretrained(folder)
    return folder


def test_an_adapter_changes_what_is_played_and_no_address(folders: tuple[Path, Path], adapter: Path) -> None:
    plain, tuned = load_generator(str(folders[0])), load_generator(str(folders[0]), adapter=str(adapter))
    assert tuned.locations() == plain.locations() and str(adapter) in tuned.name
    takes = [generator.generate(["house"], [1], 0.5) for generator in (plain, tuned)]
    assert not torch.equal(takes[0].state["codes"], takes[1].state["codes"])


def test_merged_equals_the_adapter_on_top(folders: tuple[Path, Path], adapter: Path) -> None:
    plain = load_generator(str(folders[0]))
    tuned = load_generator(str(folders[0]), adapter=str(adapter))
    codes = plain.generate(["house"], [1], 0.5).state["codes"]
    beside = peft.PeftModel.from_pretrained(load_generator(str(folders[0])).model, adapter)
    assert isinstance(plain, MusicGen) and isinstance(tuned, MusicGen)
    with torch.no_grad():
        merged = tuned.branch_logits(codes, tuned.read_text(["house"]))
        plain.model = beside.get_base_model()
        unmerged = plain.branch_logits(codes, plain.read_text(["house"]))
    assert torch.allclose(merged, unmerged, atol=1e-4)


def _changed(adapter: Path, folder: Path) -> Path:
    shutil.copytree(adapter, folder)
    return folder


def test_what_is_no_adapter_is_refused(folders: tuple[Path, Path], adapter: Path, tmp_path: Path) -> None:
    def refused(name: Path | str, message: str) -> None:
        with pytest.raises(TonescopeError, match=message):
            load_generator(str(folders[0]), adapter=str(name))

    refused("nowhere", "no adapter called")
    refused("owner/name", "cannot be reached")
    refused(tmp_path, "has no adapter_config.json")

    pickled = _changed(adapter, tmp_path / "pickled")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    refused(pickled, "pickled weights are not opened")

    garbled = _changed(adapter, tmp_path / "garbled")
    (garbled / "adapter_config.json").write_text("{")
    refused(garbled, "cannot be read")

    other = _changed(adapter, tmp_path / "other")
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["of_another_model"]}))
    refused(other, "does not fit")

    idle = _changed(adapter, tmp_path / "idle")
    weights = load_file(idle / "adapter_model.safetensors")
    save_file({name: value * ("lora_A" in name) for name, value in weights.items()}, idle / "adapter_model.safetensors")
    refused(idle, "changes nothing")

    partial = _changed(adapter, tmp_path / "partial")
    weights = load_file(partial / "adapter_model.safetensors")
    half = {name: value for name, value in weights.items() if "q_proj" in name}
    save_file(half, partial / "adapter_model.safetensors")
    refused(partial, "not whole")


# --- as trainers leave them ------------------------------------------------------------------------------------------


def trained(part: str, folder: Path, **config: Any) -> torch.Tensor:
    """Save a random adapter on a part of the tiny model, and give the logits of the model with it on top."""
    model = tiny.musicgen()
    try:
        adapted = peft.get_peft_model(model.get_submodule(part), peft.LoraConfig(r=2, **config))
    except ValueError as error:
        if "is not supported" not in str(error):
            raise
        pytest.skip("this version of peft makes no such adapter")
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if any(mark in name for mark in ("lora_B", "lora_embedding_A", "modules_to_save.default")):
                weight.normal_(0, 0.5)
    adapted.save_pretrained(folder)
    return logits(model.eval())


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    codes = torch.arange(4 * 6).reshape(4, 6) % 16
    found: torch.Tensor = model(input_ids=torch.tensor([[4, 7, 9]]), decoder_input_ids=codes).logits
    return found


EMBEDDINGS = [f"embed_tokens.{book}" for book in range(4)]
HEADS = [f"lm_heads.{book}" for book in range(4)]
LAYERS = ["q_proj", "v_proj"]


@pytest.mark.parametrize(
    ("part", "config"),
    [
        ("", {"target_modules": LAYERS + EMBEDDINGS + HEADS}),
        ("", {"target_modules": LAYERS + EMBEDDINGS, "modules_to_save": HEADS}),
        ("", {"target_modules": ["fc1"], "modules_to_save": ["enc_to_dec_proj", *EMBEDDINGS]}),
        ("decoder", {"target_modules": LAYERS}),
        ("decoder", {"target_modules": LAYERS, "task_type": "CAUSAL_LM"}),
        ("decoder", {"target_modules": LAYERS + EMBEDDINGS, "modules_to_save": HEADS}),
        ("decoder", {"target_modules": "all-linear"}),
        ("decoder", {"target_modules": LAYERS, "use_dora": True}),
        ("decoder.model", {"target_modules": ["fc1", "fc2"]}),
        ("decoder.model.decoder", {"target_modules": [*EMBEDDINGS, "out_proj"]}),
        ("text_encoder", {"target_modules": ["q", "v"]}),
    ],
    ids=str,
)
def test_merged_is_what_peft_itself_plays(
    folders: tuple[Path, Path], tmp_path: Path, part: str, config: dict[str, Any]
) -> None:
    """Embeddings, heads and saved heads survive the merge; an adapter on a part goes into that part."""
    wanted = trained(part, tmp_path / "adapter", **config)
    merged = load_generator(str(folders[0]), adapter=str(tmp_path / "adapter")).model
    assert torch.allclose(logits(merged), wanted, atol=1e-4)
    plain = load_generator(str(folders[0])).model
    assert merged.state_dict().keys() == plain.state_dict().keys()
    assert any(not torch.equal(one, two) for one, two in zip(merged.parameters(), plain.parameters(), strict=True))
    assert not torch.allclose(logits(plain), wanted, atol=1e-3)


def test_lora_on_embeddings_and_heads_has_keys_without_weight(tmp_path: Path) -> None:
    trained("", tmp_path, target_modules=EMBEDDINGS)
    keys = load_file(tmp_path / "adapter_model.safetensors").keys()
    assert any(key.endswith("lora_embedding_A") for key in keys)


@pytest.mark.parametrize(("part", "targets"), [("audio_encoder", []), ("", LAYERS)], ids=["codec", "codec and decoder"])
def test_the_codecs_normalised_weights_are_not_left_as_they_were_in_silence(
    folders: tuple[Path, Path], tmp_path: Path, part: str, targets: list[str]
) -> None:
    trained(part, tmp_path, target_modules=[*targets, "layers.0.conv"])
    refused(lambda: load_generator(str(folders[0]), adapter=str(tmp_path)), "layers.0.conv", "normalised")


def test_a_saved_head_that_is_missing_is_not_made_up(folders: tuple[Path, Path], tmp_path: Path) -> None:
    trained("", tmp_path, target_modules=LAYERS, modules_to_save=HEADS)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "lm_heads.2" not in name}
    save_file(kept, tmp_path / "adapter_model.safetensors")
    refused(lambda: load_generator(str(folders[0]), adapter=str(tmp_path)), "not whole", "lm_heads.2")


@pytest.mark.parametrize("size", [0, 5, 500, 5000])
def test_truncated_or_empty_adapters(folders: tuple[Path, Path], adapter: Path, tmp_path: Path, size: int) -> None:
    cut = _changed(adapter, tmp_path / "cut")
    path = cut / "adapter_model.safetensors"
    assert path.stat().st_size > size
    path.write_bytes(path.read_bytes()[:size])
    message = refused(lambda: load_generator(str(folders[0]), adapter=str(cut)), "cut off", "adapter_model.safetensors")
    assert "does not fit" not in message


def test_an_adapter_without_weights(folders: tuple[Path, Path], adapter: Path, tmp_path: Path) -> None:
    hollow = _changed(adapter, tmp_path / "hollow")
    save_file({}, hollow / "adapter_model.safetensors")
    refused(lambda: load_generator(str(folders[0]), adapter=str(hollow)), "empty", "holds no weights")


def test_an_adapter_of_another_size_names_the_model_it_was_trained_on(
    folders: tuple[Path, Path], adapter: Path, tmp_path: Path
) -> None:
    other = _changed(adapter, tmp_path / "other")
    set_field(other, "base_model_name_or_path", "owner/larger", "adapter_config.json")
    weights = load_file(other / "adapter_model.safetensors")
    save_file(
        {name: torch.cat([weight] * 2, 1) for name, weight in weights.items()}, other / "adapter_model.safetensors"
    )
    refused(
        lambda: load_generator(str(folders[0]), adapter=str(other)), "does not fit", "size mismatch", "(owner/larger)"
    )
    save_file({"base_model.model.elsewhere.lora_A.weight": torch.ones(2, 2)}, other / "adapter_model.safetensors")
    refused(lambda: load_generator(str(folders[0]), adapter=str(other)), "elsewhere", "not there", "(owner/larger)")


def test_an_adapter_of_impossible_rank(folders: tuple[Path, Path], adapter: Path, tmp_path: Path) -> None:
    huge = _changed(adapter, tmp_path / "huge")
    set_field(huge, "r", 10**8, "adapter_config.json")
    started = time.process_time()
    refused(lambda: load_generator(str(folders[0]), adapter=str(huge)), "adapter_config.json", "larger")
    assert time.process_time() - started < 3


def test_an_adapter_without_peft_installed(
    folders: tuple[Path, Path], adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    refused(lambda: load_generator(str(folders[0]), adapter=str(adapter)), 'pip install "tonescope[adapters]"')
    assert "tonescope[adapters]" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_prompt_tuning_is_no_change_of_weights(folders: tuple[Path, Path], adapter: Path, tmp_path: Path) -> None:
    prompts = _changed(adapter, tmp_path / "prompts")
    config = {"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 4}
    (prompts / "adapter_config.json").write_text(json.dumps(config))
    save_file({"prompt_embeddings": torch.ones(4, 32)}, prompts / "adapter_model.safetensors")
    refused(lambda: load_generator(str(folders[0]), adapter=str(prompts)), "PROMPT_TUNING", "merged")


def test_a_whole_model_given_as_an_adapter(folders: tuple[Path, Path]) -> None:
    refused(lambda: load_generator(str(folders[0]), adapter=str(folders[0])), "whole model", f"--model {folders[0]}")


def test_a_base_folder_with_only_an_adapter_in_it(folders: tuple[Path, Path], adapter: Path, tmp_path: Path) -> None:
    """As dreambooth trainers leave it: it says what to type, and what it says works."""
    left = _changed(adapter, tmp_path / "my lora")
    for file in folders[0].glob("*.json"):
        shutil.copy(file, left)
    set_field(left, "base_model_name_or_path", str(folders[0]), "adapter_config.json")
    message = refused(lambda: load_generator(str(left)), f"is an adapter of {folders[0]}", "--adapter '")
    arguments = shlex.split(message.partition("; use ")[2].removesuffix("."))
    named = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert named == {"--model": str(folders[0]), "--adapter": str(left)}
    load_generator(named["--model"], adapter=named["--adapter"])
    refused(lambda: load_judge(str(left)), "is an adapter of", "no judge")
    for base in (None, "", "a\x1b[2J", 5):
        set_field(left, "base_model_name_or_path", base, "adapter_config.json")
        assert "\x1b" not in refused(lambda: load_generator(str(left)), "does not name", "--model MODEL --adapter")


def test_a_model_and_an_adapter_in_one_folder(copies: tuple[Path, Path], adapter: Path) -> None:
    """transformers would load what the adapter names and not what lies there."""
    for file in adapter.glob("adapter*"):
        shutil.copy(file, copies[0])
    refused(lambda: load_generator(str(copies[0])), "a whole model and an adapter", "folder of its own")
