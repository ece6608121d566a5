"""Corrupted codes: how many frames, in which stretches, from where."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training import mishearing
from training.mishearing import elsewhere, guessed, misheard

CODES = torch.arange(4 * 500).reshape(4, 1, 500).expand(-1, 3, -1)


def test_nothing_is_misheard_unless_it_is_asked_for() -> None:
    assert torch.equal(misheard(CODES, CODES + 1, 0.0, np.random.default_rng(0)), CODES)


@pytest.mark.parametrize("stretch", mishearing.STRETCHES)
def test_whole_stretches_are_misheard(stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mishearing, "STRETCHES", (stretch,))
    wrong = misheard(CODES, CODES + 1, 0.5, np.random.default_rng(0)) != CODES
    assert 0.05 < float(wrong.float().mean()) < 0.5
    assert torch.equal(wrong.any(1), wrong.all(1))
    blocks = wrong[:, 0].unflatten(1, (-1, stretch))
    assert torch.equal(blocks.any(2), blocks.all(2))


def test_what_comes_from_elsewhere_is_music_of_another_clip() -> None:
    other = elsewhere(CODES, np.random.default_rng(0))[:, 0]
    assert bool((other // 500 != torch.arange(4)[:, None]).all())
    steps = other.diff(dim=1)
    assert bool(((steps == 1) | (steps == -499)).all())


def test_guesses_follow_their_probabilities() -> None:
    torch.manual_seed(0)
    wanted = torch.tensor([0.1, 0.6, 0.3])
    drawn = torch.nn.functional.one_hot(guessed(wanted.log().expand(20_000, 3)), 3).float().mean(0)
    assert torch.allclose(drawn, wanted, atol=0.02)
