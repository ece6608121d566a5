from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tonescope.diagnose.microscope.objectives import (
    Objective,
    channel,
    diversity,
    energy,
    likeness,
    neuron,
    resemblance,
    stretched,
)
from tonescope.models.units import Location, Unit

HERE, THERE = Location.parse("decoder.0.mlp"), Location.parse("decoder.1.mlp")
UNIT, OTHER = Unit(HERE, 2), Unit(THERE, 1)
torch.manual_seed(0)
SEEN = {HERE: torch.randn(3, 6, 4), THERE: torch.randn(3, 6, 4)}


def of(objective: Objective) -> Tensor:
    return objective(SEEN)


def test_channel_is_the_mean_and_neuron_one_position() -> None:
    assert torch.allclose(of(channel(UNIT)), SEEN[HERE][:, :, 2].mean(1))
    assert torch.equal(of(neuron(UNIT)), SEEN[HERE][:, 3, 2])
    assert torch.equal(of(neuron(UNIT, at=1.0)), SEEN[HERE][:, 5, 2])


def test_a_head_is_as_strong_as_its_output_is_long() -> None:
    head = channel(Unit(HERE, 1), width=2)
    assert torch.allclose(of(head), SEEN[HERE][:, :, 2:4].norm(dim=-1).mean(1))


def test_objectives_compose_as_numbers_do() -> None:
    left, right = channel(UNIT), neuron(OTHER)
    a, b = of(left), of(right)
    made = {
        "sum": (left + right, a + b),
        "difference": (left - right, a - b),
        "product": (left * right, a * b),
        "number": (2 * left - 1, 2 * a - 1),
        "from a number": (1 - left, 1 - a),
        "negative": (-left, -a),
        "of many": (sum([left, right, left * 0.5], 0.0), a + b + a * 0.5),
        "distributes": ((left + right) * 3, left(SEEN) * 3 + right(SEEN) * 3),
    }
    for name, (objective, expected) in made.items():
        assert isinstance(objective, Objective), name
        assert torch.allclose(of(objective), expected, atol=1e-6), name


def test_a_composed_objective_looks_where_its_parts_do_and_says_what_it_is() -> None:
    both = channel(UNIT) - 0.5 * neuron(OTHER)
    assert both.locations == {HERE, THERE}
    assert str(UNIT) in both.name and str(OTHER) in both.name and "0.5" in both.name


def test_energy_is_what_exceeds_the_mean() -> None:
    assert torch.allclose(of(energy(HERE)), SEEN[HERE].square().mean((1, 2)))
    same = {HERE: torch.ones(2, 5, 4)}
    assert torch.equal(energy(HERE, torch.ones(4))(same), torch.zeros(2))


def test_a_resemblance_grows_with_strength_and_with_direction() -> None:
    target = SEEN[HERE][0]
    alike, stronger, other = target, 2 * target, torch.roll(target, 1, 1)
    score = resemblance(HERE, target)
    values = score({HERE: torch.stack([alike, stronger, other])})
    assert torch.allclose(values[1], 2 * values[0]) and values[2] < values[0]
    assert torch.allclose(likeness(torch.stack([alike, stronger]), target), torch.ones(2))


def test_targets_of_other_lengths_are_stretched() -> None:
    target = torch.arange(3.0)[:, None]
    assert stretched(target, 6)[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert stretched(target, 3) is target


@pytest.mark.parametrize("features", [4, 300])
def test_diversity_punishes_rows_that_are_alike(features: int) -> None:
    one, two = torch.randn(1, 6, features), torch.randn(1, 6, features)
    alike = diversity(HERE)({HERE: torch.cat([one, one])})
    unlike = diversity(HERE)({HERE: torch.cat([one, two])})
    assert torch.allclose(alike, torch.full((2,), -1.0), atol=1e-5) and bool((unlike > alike).all())
    assert diversity(HERE)({HERE: one}).tolist() == [0.0]
