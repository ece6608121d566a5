"""Leaving out what is read of a empty prompt changes nothing but the work."""

import torch
from torch import nn

from tests import tiny
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.families.musicgen.skip_uncond import skip_uncond
from tonescope.models.families.zero_prompts import reads_nothing
from tonescope.models.generator import Sampling
from tonescope.models.hooks import Place, hooked, read
from tonescope.models.units import Location

PROMPTS = ["smooth jazz with piano", "house"]


def whole(generator: MusicGen) -> MusicGen:
    """The same generator, which works through both halves."""
    generator.skippable_attention = []
    return generator


def test_takes_and_replays_are_what_they_were() -> None:
    for family in ("mono", "stereo"):
        halved, full = tiny.generator(family), whole(tiny.generator(family))
        for guidance in (3.0, 1.0):
            takes, same = (model.generate(PROMPTS, [1, 2], 0.6, Sampling(guidance)) for model in (halved, full))
            assert torch.equal(takes.state["codes"], same.state["codes"])
            logits, expected = (
                model.branch_logits(takes.state["codes"], model.read_text(PROMPTS), guidance)
                for model in (halved, full)
            )
            assert torch.allclose(logits, expected, atol=1e-5)


def test_half_of_the_rows_pass_and_zeros_come_out() -> None:
    generator = tiny.generator()
    place = generator.place(Location("decoder", 1, "cross"))
    attention = generator.skippable_attention[1]
    states = torch.randn(4, 3, generator.features(Location("decoder", 1, "cross")))
    seen: list[int] = []
    with hooked([read(place, lambda tensor: seen.append(len(tensor)))]):
        generator.generate(PROMPTS, [1, 2], 0.3)
        with skip_uncond([attention]):
            given = attention(states, key_value_states=states)[0]
    assert set(seen) == {2} and len(seen) > 10
    assert given.shape == states.shape and given[:2].abs().sum() > 0 and given[2:].abs().sum() == 0


def test_a_bias_anywhere_keeps_both_halves() -> None:
    generator = tiny.generator()
    location = Location("decoder", 0, "cross")
    assert reads_nothing(generator.skippable_attention[0]) and generator.branches(location, 3.0) == ("cond",)
    assert generator.branches(Location("decoder", 0, "self"), 3.0) == ("cond", "uncond")
    other = tiny.generator()
    projection = other.place(Location("decoder", 2, "cross")).module
    assert isinstance(projection, nn.Linear)
    projection.bias = nn.Parameter(torch.ones(projection.out_features))
    assert other.skippable_attention == [] and other.branches(location, 3.0) == ("cond", "uncond")
    seen: list[int] = []
    with hooked([read(Place(projection, "input", "cross"), lambda tensor: seen.append(len(tensor)))]):
        other.branch_logits(torch.zeros(1, other.n_codebooks, 5, dtype=torch.long), other.read_text(PROMPTS[:1]))
    assert seen == [2]


def test_a_model_whose_prompt_is_a_prefix_leaves_nothing_out() -> None:
    assert tiny.generator("melody").skippable_attention == []
