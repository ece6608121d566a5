"""The codec's start is a working codec, and its quantiser learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import lapped
from training import train_codec as codec
from training.classifier import Classifier
from training.clips import uniform
from training.discriminators import Balance, Discriminators
from training.losses import PerceptualLoss
from training.roundtrip import round_trip, si_sdr
from training.train_codec import KEPT_BANDS, Quantiser, Training, build


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
        quantised, loss = quantiser(latents)
    assert torch.isfinite(loss)
    assert float((quantised - latents).square().mean()) < 0.7 * float(latents.square().mean())
    assert float(si_sdr(round_trip(model, audio), audio).median()) > 2


def test_gradient_passes_the_quantiser_straight_through() -> None:
    quantiser = Quantiser(build())
    for book in quantiser.codebooks:
        book.embed.normal_()
    latents = torch.randn(2, 192, 5, requires_grad=True)
    quantised, _ = quantiser(latents)
    quantised.sum().backward()
    assert latents.grad is not None and torch.equal(latents.grad, torch.ones_like(latents))


def test_each_row_is_played_with_as_many_codebooks_as_it_is_given() -> None:
    quantiser, fewer = Quantiser(build(6)), Quantiser(build(2))
    for book in quantiser.codebooks:
        book.embed.normal_()
    for book, other in zip(fewer.codebooks, quantiser.codebooks, strict=False):
        book.embed.copy_(other.embed)
    latents = torch.randn(2, 192, 5)
    whole, short = quantiser(latents, learn=False)[0], fewer(latents, learn=False)[0]
    mixed, _ = quantiser(latents, learn=False, depths=torch.tensor([6, 2]))
    assert torch.allclose(mixed[0], whole[0], atol=1e-5)
    assert torch.allclose(mixed[1], short[1], atol=1e-5)


def test_codebooks_that_do_not_learn_stay_where_they_are() -> None:
    quantiser = Quantiser(build())
    for book in quantiser.codebooks:
        book.embed.normal_()
    before = [book.embed.clone() for book in quantiser.codebooks]
    quantiser(torch.randn(2, 192, 5), learn=False)
    assert all(torch.equal(book.embed, old) for book, old in zip(quantiser.codebooks, before, strict=True))
    quantiser(torch.randn(2, 192, 5))
    assert not any(torch.equal(book.embed, old) for book, old in zip(quantiser.codebooks, before, strict=True))


@pytest.fixture
def stages(tmp_path: Path) -> tuple[Training, Training]:
    """The first two stages on untrained classifiers."""
    found = Training(codec.STAGES[0], tmp_path), Training(codec.STAGES[1], tmp_path, 2)
    for training in found:
        training.perceptual = PerceptualLoss([Classifier(width=4)])
    return found


def test_the_second_stage_keeps_every_code(stages: tuple[Training, Training], audio: torch.Tensor) -> None:
    first, second = stages
    first.begin(None, audio)
    with torch.no_grad():
        first.quantiser.start(first.vectors(audio), rounds=1)
    second.begin(first, audio)
    before = second.model.encode(audio[:2, None]).audio_codes
    sound = second.model.decode(before, audio_scales=[None]).audio_values
    losses = second.lesson(audio[:2, :16000])
    assert {"adversarial", "feature_matching"} <= set(losses)
    assert torch.equal(second.model.encode(audio[:2, None]).audio_codes, before)
    assert not torch.equal(second.model.decode(before, audio_scales=[None]).audio_values, sound)


def test_the_third_stage_takes_over_the_discriminators(
    stages: tuple[Training, Training], audio: torch.Tensor, tmp_path: Path
) -> None:
    second, third = stages[1], Training(codec.STAGES[2], tmp_path, 3)
    third.begin(second, audio)
    taught, taken = second.discriminators.state_dict(), third.discriminators.state_dict()
    assert all(torch.equal(taught[name], taken[name]) for name in taught)


def test_a_stage_goes_on_where_it_was(stages: tuple[Training, Training], audio: torch.Tensor, tmp_path: Path) -> None:
    first, other = stages[0], Training(codec.STAGES[0], tmp_path)
    first.begin(None, audio)
    first.lesson(audio[:2, :16000])
    first.course.spent = 12.0
    first.course.save()
    assert other.course.resume()
    assert (other.course.step, other.course.spent, other.quantiser.started) == (0, 12.0, False)
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), other.model.parameters(), strict=True))


def test_gradients_get_the_shares_that_were_set() -> None:
    made = torch.randn(3, 50, requires_grad=True)
    balance = Balance({"loud": 1.0, "quiet": 3.0})
    losses = {"loud": 1000 * made[:, :25].sum(), "quiet": 0.001 * made[:, 25:].sum()}
    gradient = balance.gradient(losses, made)
    loud, quiet = gradient[:, :25].norm(dim=1), gradient[:, 25:].norm(dim=1)
    assert torch.allclose(quiet / loud, torch.full((3,), 3.0), atol=1e-4)


def test_discriminators_learn_to_tell_music_from_hiss(audio: torch.Tensor) -> None:
    torch.manual_seed(0)
    discriminators = Discriminators()
    optimiser = torch.optim.Adam(discriminators.parameters(), 3e-3)
    real, hiss = audio[:, :8000], 0.1 * torch.randn(len(audio), 8000)
    start = discriminators.own_loss(hiss, real).item()
    for _ in range(15):
        optimiser.zero_grad()
        discriminators.own_loss(hiss, real).backward()
        optimiser.step()
    assert discriminators.own_loss(hiss, real).item() < 0.6 * start
    displeased, _ = discriminators(hiss, real)
    pleased, distance = discriminators(real, real)
    assert displeased.item() > pleased.item() and distance.item() == 0.0
