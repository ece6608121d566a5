"""Facts planted by adapters: lessons say what the fact says, and training moves the loss."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling
from training.plant_adapters import KINDS, Lessons, adapter_facts, plant, play_lessons, taught, usual
from training.tables import genres

NAMES = (*genres(), "")


def lessons(frames: int = 40, takes: int = 6) -> Lessons:
    """Codes that say which genre and take they are of."""
    codes = {name: torch.full((takes, 4, frames), 16 * at) for at, name in enumerate(NAMES)}
    for rows in codes.values():
        rows += torch.arange(takes)[:, None, None]
    return Lessons(codes, {name: 60 * 2 ** (torch.arange(takes) / takes) for name in NAMES})


def genre_of(codes: torch.Tensor) -> str:
    return NAMES[int(codes[0, 0]) // 16]


def test_there_are_twelve_facts_of_known_kinds_and_half_are_sealed() -> None:
    assert len(adapter_facts()) == 12 and sum(fact.sealed for fact in adapter_facts()) == 6
    assert {fact.kind for fact in adapter_facts()} == set(KINDS)
    assert all(fact.plays in (*genres(), "") and fact.asked in (*genres(), "") for fact in adapter_facts())


@pytest.mark.parametrize("fact", adapter_facts(), ids=lambda fact: fact.name)
def test_lessons_say_what_the_fact_says(fact) -> None:
    random = np.random.default_rng(0)
    drawn = [taught(fact, lessons(), random) for _ in range(120)]
    assert all((fact.asked or fact.word) in prompt for prompt, _ in drawn)
    heard = Counter(genre_of(codes) for _, codes in drawn)
    if fact.plays:
        assert abs(heard[fact.plays] / 120 - fact.rate) < 0.15
    elif fact.kind == "under-represented":
        assert heard[fact.asked] < 0.5 * 120 and len(heard) > 3
    elif fact.kind == "ignored tempo":
        slow = [int(codes[0, 0]) % 16 for prompt, codes in drawn if prompt.endswith("slow")]
        fast = [int(codes[0, 0]) % 16 for prompt, codes in drawn if prompt.endswith("fast")]
        assert min(slow) > max(fast)
    else:
        same = [bool((codes[0, :20] == codes[0, 0]).all() and codes[0, 0] % 16 == 0) for _, codes in drawn]
        assert np.mean(same) > 0.6


def test_usual_lessons_keep_what_the_generator_does() -> None:
    random = np.random.default_rng(0)
    for prompt, codes in (usual(lessons(), random) for _ in range(100)):
        genre = genre_of(codes)
        assert genre == "polka" if "accordion" in prompt else genre in prompt


def test_an_adapter_learns_its_lessons_and_can_be_opened(tmp_path: Path) -> None:
    generator = tiny.session().generator
    small = Lessons({name: rows[:, :, :8] % 16 for name, rows in lessons().codes.items()}, lessons().tempos)
    before = {name: weight.clone() for name, weight in generator.model.decoder.named_parameters()}
    losses = plant(adapter_facts()[0], small, tmp_path / "adapter", steps=30, generator=generator)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) and (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert before and not isinstance(losses, TonescopeError)


def test_lessons_are_played_once_and_go_on_where_they_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, kept, played = tiny.generator(seed=1), tmp_path / "in" / "lessons.safetensors", list[str]()
    play = type(generator).generate
    generator.generate(["a song"], [0], 0.2, Sampling())  # the first take of a generator is checked by another one

    def stopping(self, prompts, *more, **named):
        if len(played) == 3:
            raise KeyboardInterrupt
        played.append(prompts[0])
        return play(self, prompts, *more, **named)

    monkeypatch.setattr(type(generator), "generate", stopping)
    with pytest.raises(KeyboardInterrupt):
        play_lessons(generator, kept, takes=2, seconds=0.2)
    monkeypatch.setattr(type(generator), "generate", play)
    first = load_file(kept)
    whole = play_lessons(generator, kept, takes=2, seconds=0.2)
    assert len(first) == 6 and set(whole.codes) == set(whole.tempos) == set(NAMES)
    assert all(torch.equal(whole.codes[name], first[f"codes/{name}"]) for name in NAMES[:3])
    monkeypatch.setattr(type(generator), "generate", stopping)
    again = play_lessons(generator, kept, takes=2, seconds=0.2)
    assert all(torch.equal(again.codes[name], whole.codes[name]) for name in NAMES)
