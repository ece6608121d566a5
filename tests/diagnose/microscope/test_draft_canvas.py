"""A canvas of takes in the making: what is not looked at is not passed, and nothing else changes by that."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas, Naturalness
from tonescope.diagnose.microscope.objectives import MOMENT, neuron
from tonescope.diagnose.microscope.sight import Sight
from tonescope.models.units import Location, Unit

PLACES = [Location.parse("decoder.0.mlp"), Location.parse("decoder.1.mlp")]


@pytest.mark.parametrize("family", ["mono", "stereo", "melody"])
def test_a_neuron_and_its_gradient_are_the_same_whether_or_not_what_comes_later_is_passed(family: str) -> None:
    generator = tiny.generator(family)
    sight, text = Sight.at(generator, None, PLACES), generator.read_text(["house"])
    parameters = generator.relaxation.random([1, 2], 14)
    lengths, results = [], []
    for moment in (None, MOMENT):
        prior = Naturalness(weight=1.0, chance=0.0)
        canvas = DraftCanvas(sight, text, "house", [1, 2], parameters, prior, PLACES, moment)
        with torch.enable_grad():
            seen = canvas.look(1, 8).seen
            value = sum(neuron(Unit(place, 3))(seen) for place in PLACES)
            assert isinstance(value, torch.Tensor)
            results.append((value.detach(), torch.autograd.grad(value.sum(), canvas.parameters)[0]))
        lengths.append({place: tensor.shape for place, tensor in seen.items()})
        last = {place: tensor[:, -1].abs().max() for place, tensor in seen.items()}
        assert all((float(most.detach()) == 0) is (moment is not None) for most in last.values())
    assert lengths[0] == lengths[1]
    (whole, all_of_it), (first, part) = results
    assert torch.allclose(whole, first, atol=1e-5) and torch.allclose(all_of_it, part, atol=1e-5)
    assert float(part.abs().max()) > 0


def test_the_prior_is_asked_of_the_beginning_and_every_other_time_of_the_whole() -> None:
    generator = tiny.generator()
    sight, text = Sight.at(generator, None, PLACES[:1]), generator.read_text(["house"])
    costs = {}
    for moment in (None, MOMENT):
        prior = Naturalness(weight=1.0, every=2, chance=0.0)
        canvas = DraftCanvas(sight, text, "house", [1], generator.relaxation.random([1], 14), prior, moment=moment)
        looks = [canvas.look(step, 8) for step in (0, 1, 2, 4, 7)]
        assert [look.exact for look in looks] == [True, False, moment is None, True, True]
        costs[moment] = [float(look.penalty.detach()) for look in looks]
    whole, beginning = costs[None], costs[MOMENT]
    assert [whole[0], *whole[3:]] == pytest.approx([beginning[0], *beginning[3:]], rel=1e-5)
    assert whole[1] == beginning[1] == 0 and beginning[2] > 0 and beginning[2] != pytest.approx(whole[2], rel=1e-5)
