"""The lookahead head predicts from the middle of the decoder what will be played."""

from __future__ import annotations

import torch

from training.lookahead_head import LookaheadHead
from training.tables import genres, instrument_groups
from training.train_generator import OPENING_FRAMES, falling

ROWS, WIDTH = 6, 32
HIDDEN = torch.randn(ROWS, 60, WIDTH, generator=torch.Generator().manual_seed(0))
RIGHT = {
    "genre": torch.arange(ROWS) % len(genres()),
    "instruments": torch.eye(ROWS, len(instrument_groups())),
    "tempo": 2 * torch.arange(ROWS),
}


def test_it_learns_what_can_be_told_from_the_prompt() -> None:
    torch.manual_seed(0)
    head = LookaheadHead(WIDTH)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
    hidden = HIDDEN[:, :1].expand(-1, 60, -1)  # what was asked, at every position
    losses = []
    for _ in range(60):
        loss = head.loss(hidden, RIGHT, falling(1.0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_the_first_positions_count_most_and_those_after_the_opening_not_at_all() -> None:
    hidden = HIDDEN.clone().requires_grad_()
    LookaheadHead(WIDTH).loss(hidden, RIGHT, falling(1.0)).backward()
    assert hidden.grad is not None
    slope = hidden.grad.norm(dim=2).mean(0)
    assert slope[0] > 5 * slope[OPENING_FRAMES - 5] > 0
    assert float(slope[OPENING_FRAMES:].abs().max()) == 0


def test_every_row_is_told_its_own_truth() -> None:
    torch.manual_seed(0)
    head = LookaheadHead(WIDTH)
    alone = [
        head.loss(HIDDEN[row : row + 1], {name: right[row : row + 1] for name, right in RIGHT.items()}, falling(1.0))
        for row in range(ROWS)
    ]
    assert torch.allclose(head.loss(HIDDEN, RIGHT, falling(1.0)), torch.stack(alone).mean(), atol=1e-5)
