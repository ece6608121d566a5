"""The codec looks a known stretch ahead, and no further."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderOobleck

from tonescope.models.families.diffusion.oobleck import Oobleck, lookahead

FRAMES = 60


def codec(ratios: list[int]) -> Oobleck:
    torch.manual_seed(0)
    model = AutoencoderOobleck(
        encoder_hidden_size=8,
        downsampling_ratios=ratios,
        channel_multiples=[1] * len(ratios),
        decoder_channels=4,
        decoder_input_channels=4,
        audio_channels=2,
        sampling_rate=1600,
    )
    return Oobleck(model.eval())


@pytest.mark.parametrize("ratios", [[2, 4], [2, 4, 4], [8, 8], [2, 2, 2]])
@torch.no_grad()
def test_sound_depends_on_latents_up_to_so_many_ahead(ratios: list[int]) -> None:
    found, frames = codec(ratios), FRAMES // 2
    latents = torch.randn(1, 4, FRAMES)
    whole = found.sound(latents)[..., : frames * found.hop]
    assert found.sound(latents).shape == (1, 2, FRAMES * found.hop)
    cut = found.sound(latents[..., : frames + found.lookahead])[..., : frames * found.hop]
    assert torch.allclose(cut, whole, atol=1e-6)
    needed = next(
        ahead
        for ahead in range(found.lookahead + 1)
        if torch.allclose(found.sound(latents[..., : frames + ahead])[..., : frames * found.hop], whole, atol=1e-6)
    )
    assert found.lookahead / 2 < needed <= found.lookahead  # and not much more is computed


def test_the_published_codec_looks_half_a_second_ahead() -> None:
    assert lookahead([2, 4, 4, 8, 8]) * 2048 / 44_100 == pytest.approx(0.5, abs=0.05)


def test_silence_is_what_zeros_become_far_from_any_edge() -> None:
    found = codec([2, 4])
    longer = found.encode(torch.zeros(1, 2, 400 * found.hop))
    assert torch.allclose(longer[0, :, 200], found.silence, atol=1e-6)


def test_half_precision_is_lifted() -> None:
    assert Oobleck(codec([2, 4]).model.half()).model.dtype == torch.float32
