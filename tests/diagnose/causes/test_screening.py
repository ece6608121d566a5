"""Candidates come of several estimates, of every kind of unit, and are the same whatever the batch."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from tests.diagnose.causes.known_cause import CONTRAST, FIRST, known
from tests.models.families.seam import of_family
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import margin, own_log_probability
from tonescope.diagnose.causes.screening import Screening, screened_sites
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import activations
from tonescope.models.units import Location, Unit

MLP, SELF = Location("decoder", 0, "mlp"), Location("decoder", 0, "self")


@cache
def screened(attributed: int = 4) -> Screening:
    context = known().context.with_batches(attributed=attributed)
    metric = margin(context.listener, CONTRAST.target, CONTRAST.foil)
    found = attribute(context, known().takes, metric, sites=screened_sites(context.generator))
    return Screening.of(context, known().takes, found)


def of_neurons_and_heads(*strongest: tuple[int, int]) -> Screening:
    """One estimate for each pair: of 40 neurons and 4 heads it knows one each."""
    estimates = []
    for neuron, head in strongest:
        sizes = {MLP: torch.zeros(40), SELF: torch.zeros(4)}
        sizes[MLP][neuron], sizes[SELF][head] = 0.001 * (1 + neuron), 1.0
        estimates.append(sizes)
    return Screening(tuple(estimates))


@pytest.mark.parametrize("family", ["mono", "diffusion"])
def test_the_sites_that_are_screened_are_those_that_there_are(family: str) -> None:
    sites = screened_sites(of_family(family))
    assert "text.mlp" in sites and len(set(sites)) == len(sites)
    player = "denoiser" if family == "diffusion" else "decoder"
    assert f"{player}.mlp" in sites and {site.partition(".")[0] for site in sites} == {"text", player}
    assert ("text.self" in sites) == (family != "diffusion")


def test_the_cause_is_among_the_first() -> None:
    assert FIRST in screened().candidates(8)


def test_how_much_a_unit_writes_is_one_of_the_estimates() -> None:
    """By hand: how far a neuron is from its mean, times the length of its column; a unit that pushes writes most."""
    context, takes = known().context, known().takes
    sizes = screened().estimates[-1][FIRST.location]
    weight = context.generator.place(FIRST.location).module.weight
    acts = torch.stack(
        [row.values[FIRST.location][0].mean((0, 1)) for row in activations(context, takes, [FIRST.location])]
    )
    assert context.means is not None
    usual = context.means.values[FIRST.location][0].mean(0)
    by_hand = (acts.mean(0) - usual).abs() * weight.norm(dim=0)  # type: ignore[operator]
    assert torch.allclose(sizes, by_hand, rtol=1e-3, atol=1e-5)
    assert int(sizes.argmax()) == FIRST.index


@pytest.mark.parametrize("count", [2, 5, 8, 32])
def test_candidates_are_unique_and_of_both_kinds(count: int) -> None:
    found = screened().candidates(count)
    assert len(found) == len(set(found)) and 2 <= len(found) <= count + 3
    assert {unit.location.site.units for unit in found} == {"neuron", "head"}


def test_candidates_are_the_same_whatever_the_batch() -> None:
    assert screened(1).candidates(32) == screened(3).candidates(32) == screened(4).candidates(32)


def test_what_every_estimate_names_first_is_among_them() -> None:
    found = of_neurons_and_heads((3, 0), (17, 1), (30, 2)).candidates(16)
    assert {Unit(MLP, index) for index in (3, 17, 30)} <= set(found)
    assert {Unit(SELF, index) for index in (0, 1)} <= set(found)


def test_what_every_estimate_says_is_exactly_0_is_no_candidate() -> None:
    assert set(of_neurons_and_heads((3, 0)).candidates(16)) == {Unit(MLP, 3), Unit(SELF, 0)}
    nothing = Screening(({MLP: torch.zeros(40), SELF: torch.zeros(4)},))
    assert nothing.candidates(16) == []


def test_units_within_a_location_are_its_own_the_likeliest_first() -> None:
    found = screened().within(FIRST.location)
    assert {unit.location for unit in found} == {FIRST.location} and len(set(found)) == len(found)
    of_all = [unit for unit in screened().candidates(400) if unit.location == FIRST.location]
    assert FIRST in found[:4] and set(of_all) <= set(found)


def test_more_candidates_begin_with_both_kinds() -> None:
    kinds = [unit.location.site.units for unit in screened().candidates(24)]
    assert set(kinds[:6]) == {"neuron", "head"}


def test_the_own_log_probability_of_all_frames_is_that_of_the_takes() -> None:
    context, takes = known().context, known().takes
    frames = context.generator.frames(context.seconds)

    def value(count: int | None) -> torch.Tensor:
        return attribute(Context(context.generator, means=context.means), takes, own_log_probability(count)).metric

    assert torch.allclose(value(None), value(frames)) and not torch.allclose(value(None), value(frames // 2))
    assert (value(None) < 0).all()
