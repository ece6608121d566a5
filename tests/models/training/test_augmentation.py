"""What must not matter to a listener is varied, and by as much as it says."""

from __future__ import annotations

import numpy as np
import torch
from tonescope.models.training.augmentation import noisy, shaken, worn


def test_noise_is_as_far_below_as_it_was_drawn() -> None:
    clean = torch.sin(torch.arange(16_000) * 0.2).repeat(8, 1) * torch.linspace(0.01, 1, 8)[:, None]
    made = noisy(clean, np.random.default_rng(0), nearest=20.0, farthest=20.0)
    below = 10 * torch.log10(clean.square().mean(1) / (made - clean).square().mean(1))
    assert torch.allclose(below, torch.full((8,), 20.0), atol=0.05)


def test_every_row_is_shaken_on_its_own() -> None:
    made = shaken(torch.randn(1, 4000).repeat(3, 1), np.random.default_rng(0))
    levels = made.square().mean(1).sqrt()
    assert made.shape == (3, 4000) and len({round(float(level), 4) for level in levels}) == 3


def test_wear_bends_the_response_and_takes_treble_but_leaves_the_music() -> None:
    clean = torch.randn(6, 16_000)
    made = worn(clean, np.random.default_rng(0))
    assert made.shape == clean.shape and torch.isfinite(made).all()
    power = torch.fft.rfft(made).abs().square().reshape(6, -1)[:, :8000]
    low, high = power[:, :2000].mean(1), power[:, -500:].mean(1)
    assert float((high / low).min()) < 0.2  # some row lost its treble
    alike = torch.nn.functional.cosine_similarity(made, clean)
    assert float(alike.min()) > 0.3 and float(alike.max()) < 0.999
