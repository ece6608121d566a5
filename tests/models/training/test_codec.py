"""The codec's start is a working codec, and its quantiser learns."""

from __future__ import annotations

import pytest
import torch
from tonescope.models.training import lapped
from tonescope.models.training.clips import uniform
from tonescope.models.training.codec import KEPT_BANDS, Quantiser, build, round_trip, si_sdr


@pytest.fixture(scope="module")
def audio() -> torch.Tensor:
    return torch.stack([torch.from_numpy(recipe.render()) for recipe in uniform("test", 6)])


def test_the_transform_gives_its_input_back(audio: torch.Tensor) -> None:
    basis = lapped.basis()
    frames = lapped.coefficients(audio) @ basis.T
    made = torch.zeros(len(audio), (frames.shape[1] + 1) * lapped.BANDS)
    for half in range(2):
        made[:, half * lapped.BANDS :][:, : frames.shape[1] * lapped.BANDS] += frames[:, :, half * lapped.BANDS :][
            :, :, : lapped.BANDS
        ].flatten(1)
    inside = slice(lapped.BANDS, -lapped.BANDS)
    assert torch.allclose(
        made[:, lapped.BANDS // 2 :][:, : audio.shape[1]][:, inside], audio[:, : made.shape[1]][:, inside], atol=1e-4
    )


def test_the_start_passes_the_kept_bands(audio: torch.Tensor) -> None:
    model = build().eval()
    lapped.start(model, audio, KEPT_BANDS)
    with torch.no_grad():
        made = model.decoder(model.encoder(audio[:, None]))[:, 0]
    assert made.shape == audio.shape
    assert float(si_sdr(made, audio).median()) > 10


def test_quantiser_starts_close_and_ends_in_the_class(audio: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = build().eval()
    lapped.start(model, audio, KEPT_BANDS)
    quantiser = Quantiser(model)
    with torch.no_grad():
        latents = model.encoder(audio[:, None])
        quantiser.start(latents.transpose(1, 2).reshape(-1, latents.shape[1]), rounds=3)
        quantised, loss = quantiser(latents, len(quantiser.books))
    assert torch.isfinite(loss)
    assert float((quantised - latents).square().mean()) < 0.7 * float(latents.square().mean())
    assert float(si_sdr(round_trip(model, audio), audio).median()) > 2


def test_gradient_passes_the_quantiser_straight_through() -> None:
    quantiser = Quantiser(build())
    for book in quantiser.books:
        book.embed.normal_()
    latents = torch.randn(2, 192, 5, requires_grad=True)
    quantised, _ = quantiser(latents, 3)
    quantised.sum().backward()
    assert torch.equal(latents.grad, torch.ones_like(latents))
