from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.microscope.sight import Sight
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling
from tonescope.models.relaxation import Chance
from tonescope.models.units import Location

SEEDS, SECONDS = [1, 2], 0.4


def at(*names: str, family: str = "mono") -> Sight:
    return Sight.at(tiny.generator(family), tiny.judge(), [Location.parse(name) for name in names])


@pytest.mark.parametrize("family", ["mono", "stereo", "melody"])
@pytest.mark.parametrize("name", ["decoder.1.mlp", "decoder.2.residual", "codec.3.decoder"])
def test_finished_takes_and_drafts_of_them_look_alike(family: str, name: str) -> None:
    sight = at(name, family=family)
    generator, location = sight.generator, sight.locations[0]
    takes = generator.generate(["house", "house"], SEEDS, SECONDS, Sampling(1.0))
    recorded = torch.stack(
        [
            one.values[location][0, 0]
            for one in activations(Context(generator, sampling=Sampling(1.0)), takes, [location])
        ]
    )
    assert torch.allclose(sight.of_takes(takes)[location], recorded, atol=1e-5)
    draft = sight.relaxation.draft(sight.relaxation.parameters(takes, 1.0), Chance((1, 2)))
    seen, likely = sight.of_draft(draft, generator.read_text(["house"]), to_the_end=True)
    assert torch.allclose(seen[location], recorded, atol=1e-4)
    assert likely is not None and likely.shape == (2,)


@pytest.mark.parametrize("name", ["decoder.0.self", "codec.2.decoder", "codec.2.encoder", "judge.0.mlp"])
def test_gradients_reach_the_parameters_of_a_draft(name: str) -> None:
    sight = at(name)
    parameters = sight.relaxation.random([1], 20).requires_grad_()
    seen, _ = sight.of_draft(
        sight.relaxation.draft(parameters, Chance((1,))), sight.generator.read_text(["house"]), to_the_end=False
    )
    seen[sight.locations[0]].square().sum().backward()
    assert parameters.grad is not None and float(parameters.grad.abs().sum()) > 0


@pytest.mark.parametrize(
    ("name", "later"),
    [("decoder.0.mlp", "decoder.model.decoder.layers.1"), ("judge.0.mlp", "audio_model.audio_encoder.norm")],
)
def test_nothing_behind_the_location_is_computed(name: str, later: str) -> None:
    sight, calls = at(name), list[str]()
    whole = sight.generator.model if name.startswith("decoder") else sight.places.model  # type: ignore[attr-defined]
    whole.get_submodule(later).register_forward_hook(lambda *_: calls.append(later))
    takes = sight.generator.generate(["house"], [1], SECONDS, Sampling(1.0))
    calls.clear()
    if sight.hears:
        sight.of_sound(takes.waveform)
    else:
        draft = sight.relaxation.draft(sight.relaxation.parameters(takes, 1.0), Chance((1,)))
        sight.of_draft(draft, sight.generator.read_text(["house"]), to_the_end=False)
    assert not calls
    sight.generator.replay(takes, sight.generator.read_text(["house"]), Sampling(1.0))
    sight.judge.logits(takes.waveform, 1600)  # type: ignore[union-attr]
    assert calls


def test_a_judge_hears_long_sound_in_several_windows() -> None:
    sight = at("judge.0.mlp")
    short, long = torch.randn(1, 1600), torch.randn(1, 3200)
    one, two = (sight.of_sound(sound)[sight.locations[0]].shape[1] for sound in (short, long))
    assert two == 2 * one


def test_places_of_two_networks_are_no_sight() -> None:
    with pytest.raises(ValueError, match="one network"):
        at("decoder.0.mlp", "judge.0.mlp")


def test_a_judge_that_shows_nothing_of_its_inside_is_refused() -> None:
    with pytest.raises(TonescopeError, match="shows no units"):
        Sight.at(tiny.generator(), ToyJudge(), [Location.parse("judge.0.mlp")])
