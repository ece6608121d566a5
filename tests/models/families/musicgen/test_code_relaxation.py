"""Codes as free parameters: what passes is a finished take, and gradients choose between codes."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.models.generator import Sampling
from tonescope.models.relaxation import Chance
from tonescope.models.units import Location

PROMPT, SEEDS, SECONDS = "house with piano", [1, 2], 0.4
FAMILIES = ("mono", "stereo", "melody")


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_of_takes_are_these_takes(family: str) -> None:
    generator = tiny.generator(family)
    relaxation = generator.relaxation
    takes = generator.generate([PROMPT] * 2, SEEDS, SECONDS)
    draft = relaxation.draft(relaxation.parameters(takes, 1.0), Chance((1, 2)))
    assert torch.equal(draft.state["codes"], takes.state["codes"])
    again = relaxation.finish(draft.state, PROMPT, SEEDS)
    assert torch.allclose(again.waveform, takes.waveform, atol=1e-5)
    assert torch.allclose(relaxation.sound(draft), takes.waveform, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_log_probability_is_that_of_the_replay(family: str) -> None:
    generator = tiny.generator(family)
    takes, text = generator.generate([PROMPT] * 2, SEEDS, SECONDS), generator.read_text([PROMPT])
    draft = generator.relaxation.draft(generator.relaxation.parameters(takes, 1.0), Chance((1, 2)))
    likely = generator.relaxation.run(draft, text)
    replayed = generator.log_likelihood(generator.replay(takes, text, Sampling(1.0))).mean(1)
    assert torch.allclose(likely, replayed, atol=1e-4)


def test_the_likeliest_codes_are_found_by_their_gradient() -> None:
    generator, relaxation = tiny.generator(), tiny.generator().relaxation
    text, parameters = generator.read_text([PROMPT]), relaxation.random([1], 12).requires_grad_()
    optimiser, values = torch.optim.Adam([parameters], lr=relaxation.rate), []
    for _ in range(15):
        likely = relaxation.run(relaxation.draft(parameters, Chance((1,))), text)
        optimiser.zero_grad()
        (-likely.sum()).backward()
        optimiser.step()
        values.append(float(likely.detach()))
    assert values[-1] > values[0] + 0.2


def test_a_neuron_that_is_off_gets_a_gradient_and_no_other_value() -> None:
    generator = tiny.generator()
    layer = generator.model.decoder.model.decoder.layers[1]
    inputs = torch.full((2, 1, 40), -30.0, requires_grad=True)
    places = [Location.parse("decoder.1.mlp"), Location.parse("decoder.2.mlp")]  # of each row
    plain = layer.activation_fn(inputs)
    with generator.relaxation.leaking(places):
        leaky = layer.activation_fn(inputs)
    assert torch.equal(leaky, plain) and torch.equal(layer.activation_fn(inputs), plain)
    assert float(torch.autograd.grad(plain.sum(), inputs)[0].abs().max()) == 0
    own, other = torch.autograd.grad(leaky.sum(), inputs)[0]
    assert float(own.min()) > 0 and float(other.abs().max()) == 0


def test_chance_belongs_to_seed_and_step() -> None:
    relaxation = tiny.generator().relaxation
    parameters = torch.zeros(2, 4, 6, 16)

    def drawn(seeds: tuple[int, int], step: int) -> torch.Tensor:
        return relaxation.draft(parameters, Chance(seeds, step, 1.0)).state["codes"]

    assert torch.equal(drawn((1, 2), 0), drawn((2, 1), 0).flip(0))
    assert not torch.equal(drawn((1, 2), 0), drawn((1, 2), 1))
    assert torch.equal(drawn((3, 3), 0)[0], drawn((3, 3), 0)[1])


def test_firm_takes_stay_longer() -> None:
    generator = tiny.generator()
    takes = generator.generate([PROMPT], [1], SECONDS)
    firm, loose = (generator.relaxation.parameters(takes, firmness) for firmness in (1.0, 0.2))
    assert float(firm.max()) > float(loose.max()) > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_playing_from_the_states_of_a_prompt_is_playing_it(family: str) -> None:
    generator = tiny.generator(family)
    plain, text = generator.generate([PROMPT] * 2, SEEDS, SECONDS), generator.read_text([PROMPT] * 2)
    again = generator.relaxation.play(text, PROMPT, SEEDS, SECONDS, Sampling())
    assert torch.equal(again.state["codes"], plain.state["codes"])


@pytest.mark.parametrize("family", FAMILIES)
def test_playing_from_other_states_is_playing_something_else(family: str) -> None:
    generator = tiny.generator(family)
    for name, weight in generator.model.decoder.named_parameters():
        if "attn.out_proj" in name:  # so that what is read decides what is played
            weight.data *= 30
    plain, text = generator.generate([PROMPT] * 2, SEEDS, SECONDS), generator.read_text([PROMPT] * 2)
    other = torch.cat([text.states[:1], 40 * text.states[1:].flip(2)])
    changed = type(text)(other, text.mask, text.tokens, text.spans)
    played = generator.relaxation.play(changed, PROMPT, SEEDS, SECONDS, Sampling())
    assert torch.equal(played.state["codes"][0], plain.state["codes"][0])
    assert not torch.equal(played.state["codes"][1], plain.state["codes"][1])
    assert torch.equal(generator.generate([PROMPT] * 2, SEEDS, SECONDS).state["codes"], plain.state["codes"])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sound_becomes_the_takes_that_sound_most_like_it(family: str) -> None:
    generator = tiny.generator(family)
    sound = torch.randn(2, 640) * 0.1
    takes = generator.relaxation.encoded(sound, PROMPT, SEEDS)
    assert takes.state["codes"].shape == (2, generator.n_codebooks, 20)
    if generator.n_channels == 1:
        assert torch.allclose(takes.waveform, generator.round_trip(sound)[:, : takes.waveform.shape[1]], atol=1e-5)
    else:
        assert torch.equal(takes.state["codes"][:, 0::2], takes.state["codes"][:, 1::2])


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_last_layer_reads_out_the_take_itself(guidance: float) -> None:
    generator = tiny.generator()
    takes = generator.generate([PROMPT] * 2, SEEDS, SECONDS, Sampling(guidance))
    layers = generator.relaxation.read_out(takes, Sampling(guidance))
    assert len(layers) == 3
    assert torch.equal(layers[-1].state["codes"], takes.state["codes"])
