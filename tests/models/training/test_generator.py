"""How the generator learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tonescope.models.training.generator import OPENING_FRAMES, losses, predict

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
