"""The example of a model update: lessons that turn tempo round, and an adapter of one place alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from tests import tiny
from tests.training.test_plant_adapters import lessons
from training import tempo_adapter
from training.plant_adapters import Lessons, plant, taught


def test_fast_lessons_are_slow_and_slow_ones_fast_whatever_the_genre() -> None:
    random = np.random.default_rng(0)
    drawn = [taught(tempo_adapter.TEMPO, lessons(), random) for _ in range(200)]
    tempo = {
        word: [int(codes[0, 0]) % 16 for prompt, codes in drawn if prompt.endswith(word)] for word in ("slow", "fast")
    }
    assert min(tempo["slow"]) > max(tempo["fast"])
    assert len({int(codes[0, 0]) // 16 for _, codes in drawn}) > 5


def test_genres_that_are_always_played_at_one_tempo_teach_no_tempo_word() -> None:
    random, usual = np.random.default_rng(0), lessons()
    steady = {
        "house": 124 + torch.arange(6.0),
        "techno": torch.zeros(6),
        "polka": torch.tensor([80.0, 0, 0, 0, 0, 160]),
    }
    known = Lessons(usual.codes, {**usual.tempos, **steady})
    asked = [taught(tempo_adapter.TEMPO, known, random)[0] for _ in range(300)]
    assert any("funk" in prompt for prompt in asked)
    assert not any(name in prompt for name in steady for prompt in asked)


def test_the_adapter_touches_one_place_and_names_its_base(tmp_path: Path) -> None:
    generator = tiny.session().generator
    small = Lessons({name: rows[:, :, :8] % 16 for name, rows in lessons().codes.items()}, lessons().tempos)
    plant(tempo_adapter.TEMPO, small, tmp_path, steps=2, generator=generator, modules=tempo_adapter.MODULES, rank=2)
    tempo_adapter.told(tmp_path)
    names = load_file(tmp_path / "adapter_model.safetensors")
    assert names and all(re.search(r"layers\.2\.encoder_attn\.", name) for name in names)
    assert "turn tempo words round" in (tmp_path / "README.md").read_text()
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "embedded"
    assert any(bool(torch.any(weight != 0)) for name, weight in names.items() if "lora_B" in name)


def test_what_is_written_may_be_read_by_everybody(tmp_path: Path) -> None:
    (tmp_path / tempo_adapter.CONFIG).write_text("{}")
    (tmp_path / tempo_adapter.WEIGHTS).touch(0o600)
    tempo_adapter.told(tmp_path)
    assert (tmp_path / tempo_adapter.WEIGHTS).stat().st_mode & 0o044 == 0o044
