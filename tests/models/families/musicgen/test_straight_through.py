"""Gradients of codes: what is hard passes forwards, what is soft passes backwards."""

from __future__ import annotations

import pytest
import torch

from tonescope.models.families.musicgen.straight_through import carried, hard

ROWS, FRAMES, CODES, WIDTH = 2, 5, 7, 3


def test_what_passes_is_hard_and_the_gradient_is_that_of_the_soft_one() -> None:
    logits = torch.randn(ROWS, FRAMES, CODES, requires_grad=True)
    weight, codes = torch.randn(ROWS, FRAMES, CODES), logits.argmax(-1)
    found = hard(logits.softmax(-1), codes)
    assert torch.equal(found.argmax(-1), codes) and torch.equal(found.sum(-1), torch.ones(ROWS, FRAMES))
    gradient = torch.autograd.grad((found * weight).sum(), logits)[0]
    plain = torch.autograd.grad((logits.softmax(-1) * weight).sum(), logits)[0]
    assert torch.allclose(gradient, plain, atol=1e-6) and float(plain.abs().max()) > 0


@pytest.mark.parametrize(("start", "positions"), [(1, 8), (3, 8), (4, 7)])  # all frames are fed, or the last are not
def test_an_embedding_stays_as_it_is_and_its_gradient_goes_to_what_it_could_have_been_of(
    start: int, positions: int
) -> None:
    table, weight = torch.randn(CODES, WIDTH), torch.randn(ROWS, positions, WIDTH)
    embedded = torch.randn(ROWS, positions, WIDTH, requires_grad=True)
    hot = torch.rand(ROWS, FRAMES, CODES, requires_grad=True)
    found = carried(embedded, hot, table, start)
    assert torch.equal(found, embedded)
    through, own = torch.autograd.grad((found * weight).sum(), (embedded, hot))
    fed = min(FRAMES, positions - start)
    multiplied = ((hot[:, :fed] @ table) * weight[:, start : start + fed]).sum()
    assert torch.equal(through, weight)
    assert torch.allclose(own, torch.autograd.grad(multiplied, hot)[0], atol=1e-6)
