"""Stable Audio Open plays what diffusers' own pipeline plays, and its places are where they are said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.families.stable_audio import tiny_stable_audio as tiny_audio
from tonescope.models.errors import TonescopeError
from tonescope.models.families.diffusion import denoising
from tonescope.models.families.diffusion.step_noise import step_noise
from tonescope.models.families.stable_audio.stable_audio import StableAudio
from tonescope.models.generator import Sampling, Takes
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location

PROMPTS, SEEDS = ["smooth jazz with piano", "fast techno"], [3, 4]


@pytest.fixture(scope="module")
def generator() -> StableAudio:
    return tiny_audio.generator()


class GivenNoise:
    """A pipeline whose scheduler adds the noise that it is given."""

    def __init__(self, noise: Tensor) -> None:
        self.pipeline, self.noise, self.latents = tiny_audio.pipeline(), noise, list[Tensor]()
        self.step = self.pipeline.scheduler.step
        self.pipeline.scheduler.step = self._step

    def _step(self, *arguments: Any, **named: Any) -> Any:
        self.pipeline.scheduler.noise_sampler = lambda *_: self.noise[:, len(self.latents) - 1]
        self.latents.append(arguments[2])
        return self.step(*arguments, **named)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.6])
def test_it_plays_what_the_pipeline_of_diffusers_plays(generator: StableAudio, guidance: float, seconds: float) -> None:
    drawn = step_noise(SEEDS, tiny_audio.STEPS, (generator.latent_width, tiny_audio.FRAMES))
    theirs = GivenNoise(drawn[:, 1:])
    sound = theirs.pipeline(
        PROMPTS,
        audio_end_in_s=seconds,
        num_inference_steps=tiny_audio.STEPS,
        guidance_scale=guidance,
        latents=drawn[:, 0],
    ).audios
    takes = generator.generate(PROMPTS, SEEDS, seconds, Sampling(guidance))
    assert torch.allclose(
        generator.trajectory(takes)[:, :-1], torch.stack(theirs.latents, 1), rtol=1e-5, atol=1e-3
    )  # of hundreds
    assert torch.allclose(generator.channels(takes), sound, atol=1e-5)
    assert sound.shape[2] == round(seconds * tiny_audio.SAMPLE_RATE)


def test_the_noise_of_a_take_is_that_of_its_seed_and_normal(generator: StableAudio) -> None:
    start, noise = generator.noise([7, 8, 7], tiny_audio.FRAMES)
    assert torch.equal(start[0], start[2]) and torch.equal(noise[0], noise[2])
    assert not torch.isclose(noise[0], noise[1]).any()
    flat = noise[:2].flatten(2)
    assert torch.allclose(flat.mean(2), torch.zeros(2, tiny_audio.STEPS), atol=0.15)
    assert torch.allclose(flat.std(2), torch.ones(2, tiny_audio.STEPS), atol=0.1)
    assert float(start.std()) == pytest.approx(generator.solver.start, rel=0.1)


def test_the_latents_of_every_step_are_found_again_to_the_last_bit(generator: StableAudio) -> None:
    seen: list[Tensor] = []
    place = read(
        generator.place(Location("denoiser", 0, "residual")),
        lambda tensor: seen.append(tensor),  # that it runs
    )
    told = []
    forward = generator.denoise

    def noting(latents: Tensor, times: Tensor, rest: Any) -> Tensor:
        told.append(latents.clone())
        return forward(latents, times, rest)

    generator.denoise = noting  # type: ignore[method-assign,assignment]
    try:
        with hooked([place]):
            takes = generator.generate(PROMPTS, SEEDS, 0.4)
    finally:
        del generator.denoise  # type: ignore[method-assign]
    path = generator.trajectory(takes)[:, :-1] * generator.by_step(generator.solver.scales)
    played = torch.stack([rows.chunk(2)[1] for rows in told], 1)
    assert torch.equal(path, played)


def test_a_neuron_is_the_gated_product(generator: StableAudio) -> None:
    seen: dict[str, Tensor] = {}
    block = generator.model.transformer.transformer_blocks[1].ff
    handle = block.net[0].proj.register_forward_hook(lambda *args: seen.update(projected=args[2]))
    with hooked([read(generator.place(Location("denoiser", 1, "mlp")), lambda tensor: seen.update(units=tensor))]):
        generator.generate(PROMPTS, SEEDS, 0.4)
    handle.remove()
    value, gate = seen["projected"].chunk(2, -1)
    assert torch.allclose(seen["units"], value * torch.nn.functional.silu(gate))
    assert generator.units(Location("denoiser", 1, "mlp")) == tiny_audio.INNER


def test_a_head_is_a_stretch_before_heads_are_mixed(generator: StableAudio) -> None:
    for name in ("self", "cross"):
        place = Location("denoiser", 0, name)
        assert (generator.units(place), generator.head_width(place)) == (tiny_audio.HEADS, 4)


def test_what_unconditional_rows_read_is_zero_and_left_out(generator: StableAudio) -> None:
    place = Location("denoiser", 0, "cross")
    assert generator.branches(place, 3.0) == ("cond",) and generator.branches(place, 1.0) == ("shared",)
    takes = generator.generate(PROMPTS, SEEDS, 0.4)
    generator._skipped = []  # type: ignore[misc]
    try:
        assert generator.branches(place, 3.0) == ("cond", "uncond")
        whole = generator.generate(PROMPTS, SEEDS, 0.4)
    finally:
        del generator._skipped
    assert torch.allclose(takes.state["predicted"], whole.state["predicted"], atol=1e-6)


def test_a_take_is_the_beginning_of_what_is_computed(generator: StableAudio) -> None:
    """As long as the codec can look ahead; what ends later is as long as there is."""
    short, long = (generator.generate(PROMPTS, SEEDS, seconds) for seconds in (0.4, 1.6))
    frames, ahead = tiny_audio.FRAMES, generator.codec.lookahead
    assert short.waveform.shape[1] == 20 * tiny_audio.HOP and long.waveform.shape[1] == frames * tiny_audio.HOP
    assert not torch.allclose(short.waveform, long.waveform[:, : 20 * tiny_audio.HOP], atol=1e-5)  # told the length
    assert [generator.frames((frames - less) / 50) for less in (-9, 0, 1)] == [frames] * 3
    assert [generator.frames((frames - less) / 50) for less in (ahead - 1, ahead)] == [frames, frames - ahead]


def test_half_precision_is_for_the_denoiser_alone() -> None:
    generator = tiny_audio.generator(dtype=torch.bfloat16)
    takes = generator.generate(PROMPTS, SEEDS, 0.4)
    assert generator.dtype == torch.bfloat16 and takes.state["predicted"].dtype == torch.float32
    assert generator.activation_dtype(Location("codec", 0, "decoder")) == torch.float32
    assert torch.isfinite(takes.waveform).all()


def test_case_a_prompt_that_is_longer_than_the_model_reads(generator: StableAudio) -> None:
    with pytest.raises(TonescopeError, match="reads at most 16; shorten it"):
        generator.read_text(["jazz " * 15])
    assert generator.read_text(["jazz " * 14]).mask.all()


def test_a_prediction_is_nearer_to_the_edited_take_the_more_steps_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoising, "ASKED_A_PASS", 3)
    generator = tiny_audio.generator(steps=12)
    takes = generator.generate(PROMPTS, SEEDS, 0.4, decode=False)
    wanted = generator.generate(PROMPTS[::-1], SEEDS, 0.4, decode=False)
    other = replace(takes, prompts=wanted.prompts)

    def apart(found: Takes) -> float:
        return float((generator.trajectory(found) - generator.trajectory(wanted))[:, -1].norm())

    few, more, all_steps = (apart(generator.predict(other, Sampling(), passes)) for passes in (1, 3, 4))
    assert all_steps == 0.0 < more < few < apart(takes)


def test_other_numbers_of_steps_are_another_model_to_what_was_measured(generator: StableAudio) -> None:
    assert generator.fingerprint() != tiny_audio.generator(steps=7).fingerprint()
    assert generator.fingerprint() == tiny_audio.generator().fingerprint()
    chosen, made = tiny_audio.generator(), tiny_audio.generator(steps=7)
    chosen.denoise_in(7)
    assert (chosen.fingerprint(), chosen.description) == (made.fingerprint(), made.description)
    takes = [each.generate(PROMPTS, SEEDS, 0.4, decode=False).state["predicted"] for each in (chosen, made)]
    assert torch.equal(*takes)
