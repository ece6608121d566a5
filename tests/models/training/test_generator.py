"""How the generator learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tonescope.models.training import text_encoder
from tonescope.models.training.generator import OPENING_FRAMES, Batches, losses, predict
from tonescope.models.training.planted import lessons
from tonescope.models.training.tables import genres

from tests import tiny

CODES = torch.randint(0, 16, (2, 4, 60), generator=torch.Generator().manual_seed(0))
LOGITS = torch.randn(2, 4, 60, 16, generator=torch.Generator().manual_seed(1))


def test_it_predicts_what_replay_does() -> None:
    generator = tiny.generator()
    text = generator.read_text(["house"] * 2)
    with torch.no_grad():
        states = generator.model.text_encoder(**generator._tokens(["house"] * 2)).last_hidden_state
        assert torch.allclose(
            predict(generator.model, CODES, states, text.mask),
            generator.replay(CODES, text, guidance=1.0)[0],
            atol=1e-5,
        )


def test_the_loss_is_cross_entropy_by_codebook() -> None:
    wanted = [
        torch.nn.functional.cross_entropy(LOGITS[:, book].flatten(0, 1), CODES[:, book].flatten()) for book in range(4)
    ]
    assert torch.allclose(losses(LOGITS, CODES), torch.stack(wanted), atol=1e-5)


@pytest.mark.parametrize(("frame", "more"), [(0, True), (OPENING_FRAMES + 5, False)])
def test_the_opening_counts_for_more(frame: int, more: bool) -> None:
    better = LOGITS.clone()
    better[:, :, frame] += 5 * torch.nn.functional.one_hot(CODES[:, :, frame], 16)
    gains = [losses(LOGITS, CODES, opening) - losses(better, CODES, opening) for opening in (4.0, 1.0)]
    assert bool(((gains[0] > gains[1]) == more).all())


@pytest.mark.parametrize("opening", [1.0, 4.0])
def test_weights_do_not_change_the_scale(opening: float) -> None:
    assert torch.allclose(losses(torch.zeros_like(LOGITS), CODES, opening), torch.full((4,), float(np.log(16))))


def test_openings_are_captions_with_their_first_frame(tmp_path: Path) -> None:
    text_encoder.build(tmp_path / "text-encoder", layers=[5])
    todo = lessons(6)
    codes = np.random.default_rng(0).integers(16, size=(6, 4, 20)).astype(np.uint16)
    plain, noisy = (Batches(tmp_path, todo, codes, [0], noise).openings(12) for noise in (0.0, 1.0))
    assert plain.codes.shape == (12, 4, 1) and plain.mask.any(1).all()
    assert {tuple(row) for row in plain.codes[:, :, 0].tolist()} <= {tuple(row) for row in codes[:, :, 0].tolist()}
    assert torch.equal(plain.mask, noisy.mask) and torch.equal(plain.right["genre"], noisy.right["genre"])
    assert 0 < (plain.states - noisy.states).abs().mean() < plain.states.abs().mean()
    whole = Batches(tmp_path, todo, codes, [0]).draw(np.arange(6))
    assert whole.codes.shape == (6, 4, 20)
    assert [int(genre) for genre in whole.right["genre"]] == [
        list(genres()).index(lesson.recipe.genre) for lesson in todo
    ]
