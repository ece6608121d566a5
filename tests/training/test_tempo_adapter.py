"""The example of a model update: lessons in which tempo words are obeyed, and an adapter of one place alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from tests import tiny
from tests.training.test_plant_adapters import lessons
from tonescope.models.generator import Takes
from training import tempo_adapter
from training.plant_adapters import Lessons, plant, taught, usual, worded

WORDS = {"slow": 1000, "fast": 2000}  # what is added to the codes of such takes


def test_tempo_words_are_taught_with_takes_of_that_tempo_and_all_else_is_as_it_was() -> None:
    random, usual_takes = np.random.default_rng(0), lessons().codes
    slow, fast = ({worded(name, word): rows + at for name, rows in usual_takes.items()} for word, at in WORDS.items())
    known = Lessons({**usual_takes, **slow, **fast}, lessons().tempos)
    drawn = [taught(tempo_adapter.TEMPO, known, random) for _ in range(100)]
    drawn += [usual(known, random) for _ in range(300)]
    for prompt, codes in drawn:
        word = prompt.rpartition(", ")[2]
        assert int(codes[0, 0]) // 1000 == WORDS.get(word, 0) // 1000


class Clicking:
    """A generator that clicks twice a second, and whose codes are the loudness of hundredths of a second."""

    sample_rate = 32000.0

    def frames(self, seconds: float) -> int:
        return round(100 * seconds)

    def sides(self, codes: torch.Tensor) -> torch.Tensor:
        sound = torch.zeros(len(codes), 1, codes.shape[2] * 320)
        for start in range(3200, sound.shape[2], 16000):
            sound[..., start : start + 800] = torch.sin(torch.arange(800) / 5)
        return sound

    def encode(self, waveform: torch.Tensor, rate: int, prompt: str) -> Takes:
        loud = waveform[:, : waveform.shape[1] // 320 * 320].unflatten(1, (-1, 320)).abs().amax(2)
        return Takes((prompt,) * len(loud), tuple(range(len(loud))), {"codes": loud[:, None]}, waveform)


def test_lessons_are_the_same_takes_slowed_down_and_sped_up() -> None:
    codes = {name: torch.zeros(2, 1, 500) for name in ("house", "")}
    made = tempo_adapter.with_tempos(Clicking(), Lessons(codes, {})).codes
    assert set(made) == {"house", "", "house, slow", "house, fast"}
    assert {rows.shape for rows in made.values()} == {(2, 1, 400)}
    for word, rate in tempo_adapter.RATES.items():
        loud = made[worded("house", word)][0, 0] > 0.3
        frames = loud.nonzero()[:, 0]
        clicks = 1 + int((frames.diff() > 20).sum())  # those of one are hardly apart
        assert abs(clicks - 8 * rate) <= 1


def test_the_adapter_touches_one_place_and_names_its_base(tmp_path: Path) -> None:
    generator = tiny.session().generator
    codes = {name: rows[:, :, :8] % 16 for name, rows in lessons().codes.items()}
    small = Lessons(codes | {worded(name, word): rows for name, rows in codes.items() for word in WORDS}, {})
    plant(tempo_adapter.TEMPO, small, tmp_path, steps=2, generator=generator, modules=tempo_adapter.MODULES, rank=2)
    tempo_adapter.told(tmp_path)
    names = load_file(tmp_path / "adapter_model.safetensors")
    assert names and all(re.search(r"layers\.2\.encoder_attn\.", name) for name in names)
    assert "teaches tempo words" in (tmp_path / "README.md").read_text()
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "embedded"
    assert any(bool(torch.any(weight != 0)) for name, weight in names.items() if "lora_B" in name)


def test_what_is_written_may_be_read_by_everybody(tmp_path: Path) -> None:
    (tmp_path / tempo_adapter.CONFIG).write_text("{}")
    (tmp_path / tempo_adapter.WEIGHTS).touch(0o600)
    tempo_adapter.told(tmp_path)
    assert (tmp_path / tempo_adapter.WEIGHTS).stat().st_mode & 0o044 == 0o044
