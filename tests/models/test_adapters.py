"""A user's LoRA changes the model it was trained on, and nothing else passes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.models.loading import load_generator


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
