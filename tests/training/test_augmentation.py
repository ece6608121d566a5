"""Augmentations change what they name, and by as much as they say."""

from __future__ import annotations

import numpy as np
import torch

from training.augmentation import noisy, obscured, shaken, worn


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


def test_bands_and_times_are_hidden_and_the_rest_is_only_grainy() -> None:
    torch.manual_seed(0)
    mel = torch.linspace(-3, 1, 64)[None, None, :, None].repeat(16, 1, 1, 250)
    made = obscured(mel)
    far = (made - mel)[:, 0].abs() > 1.5  # more than grain does
    outer = torch.cat([far[:, :10], far[:, -10:]], dim=1)  # there the mean, -1, is far off
    assert made.shape == mel.shape
    assert 0.05 < float(outer.float().mean()) < 0.6
    assert float(far[:, 28:36].float().mean()) < 0.02  # the mean itself
