"""Paired sampling draws from the right distribution and belongs to its take."""

from __future__ import annotations

import pytest
import torch

from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.paired_sampling import PairedSampling, gumbel

BOOKS, SIZE = 2, 6


def _draw(logits: torch.Tensor, seeds: list[int], step: int = 0, **options: float) -> torch.Tensor:
    """The codes chosen at a step without guidance, (takes, books)."""
    sampler = PairedSampling(seeds, 1.0, BOOKS, **options)  # type: ignore[arg-type]
    scores = logits.repeat(len(seeds) * BOOKS, 1)
    return sampler(torch.zeros(len(scores), step + 1), scores).argmax(1).reshape(len(seeds), BOOKS)


def test_noise_is_the_same_for_the_same_take_and_step_only() -> None:
    assert torch.equal(gumbel(1, 2, BOOKS, SIZE), gumbel(1, 2, BOOKS, SIZE))
    assert not torch.equal(gumbel(1, 2, BOOKS, SIZE), gumbel(1, 3, BOOKS, SIZE))
    assert not torch.equal(gumbel(1, 2, BOOKS, SIZE), gumbel(2, 2, BOOKS, SIZE))
    assert not torch.equal(gumbel(1, 2, BOOKS, SIZE)[0], gumbel(1, 2, BOOKS, SIZE)[1])


def test_draws_follow_the_softmax() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5, -3.0])
    drawn = _draw(logits, list(range(6000)), top_k=0).flatten()
    shares = torch.bincount(drawn, minlength=SIZE) / len(drawn)
    assert torch.allclose(shares, logits.softmax(0), atol=0.015)


def test_top_k_and_temperature() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5, -3.0])
    assert set(_draw(logits, list(range(500)), top_k=2).flatten().tolist()) == {0, 1}
    assert set(_draw(logits, list(range(500)), temperature=0.0).flatten().tolist()) == {0}
    shares = (
        torch.bincount(_draw(logits, list(range(6000)), temperature=2.0, top_k=0).flatten(), minlength=SIZE) / 12_000
    )
    assert torch.allclose(shares, (logits / 2).softmax(0), atol=0.015)


@pytest.mark.parametrize("guidance", [1.5, 3.0])
def test_guidance_is_merged_and_both_halves_carry_it(guidance: float) -> None:
    conditional, unconditional = torch.randn(BOOKS, SIZE), torch.randn(BOOKS, SIZE)
    out = PairedSampling([3], guidance, BOOKS, top_k=0)(torch.zeros(4, 1), torch.cat([conditional, unconditional]))
    expected = unconditional + guidance * (conditional - unconditional) + gumbel(3, 0, BOOKS, SIZE)
    first, second = out.chunk(2)
    assert torch.allclose(first, expected, atol=1e-5) and torch.equal(first, second)
    assert torch.allclose(second + guidance * (first - second), expected, atol=1e-5)  # what transformers does next


def test_a_batch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        PairedSampling([1, 2], 3.0, BOOKS)(torch.zeros(4, 1), torch.zeros(4, SIZE))


def test_logits_that_are_no_numbers_are_refused() -> None:
    processor = PairedSampling([1], guidance=3.0, n_codebooks=2)
    scores = torch.zeros(4, 16)
    scores[1, 3] = float("nan")
    with pytest.raises(TonescopeError, match="not a number at step 0"):
        processor(torch.zeros(4, 1, dtype=torch.long), scores)
    scores[1, 3], scores[0, 2], scores[2, 2] = 0.0, float("inf"), float("inf")  # their difference is no number
    with pytest.raises(TonescopeError, match="not a number at step 0"):
        processor(torch.zeros(4, 1, dtype=torch.long), scores)


def test_a_take_whose_logits_are_no_numbers_is_lost_and_the_others_are_drawn_as_before() -> None:
    scores = torch.randn(3 * BOOKS, SIZE, generator=torch.Generator().manual_seed(0))
    ids = torch.zeros(3 * BOOKS, 1, dtype=torch.long)
    whole = PairedSampling([1, 2, 3], 1.0, BOOKS)
    before = whole(ids, scores.clone())
    scores[BOOKS, 5] = float("nan")
    sampler = PairedSampling([1, 2, 3], 1.0, BOOKS)
    after = sampler(ids, scores)
    assert sampler.lost.tolist() == [False, True, False] and not whole.lost.any()
    kept = [*range(BOOKS), *range(2 * BOOKS, 3 * BOOKS)]
    assert torch.equal(after[kept], before[kept]) and bool(torch.isfinite(after).all())
