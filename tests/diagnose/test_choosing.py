"""Groups are chosen in rounds: a unit that stands in for another shows only once that one is muted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tonescope.diagnose import choosing
from tonescope.diagnose.attribution import Attribution, attribute
from tonescope.diagnose.choosing import choose, grown
from tonescope.diagnose.interventions import Edit
from tonescope.diagnose.metrics import margin
from tonescope.diagnose.reference import Reference, measure
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.units import Location, Unit

from tests import tiny

TAKES = 3
MLP, SELF = Location("decoder", 0, "mlp"), Location("decoder", 0, "self")
METRIC = margin(tiny.judge(), "house", None)


def attribution(**drivers: float) -> Attribution:
    """Forty neurons and four heads; those named drive by so much."""
    units = {MLP: torch.zeros(TAKES, 40), SELF: torch.zeros(TAKES, 4)}
    for name, effect in drivers.items():
        units[MLP][:, int(name[1:])] = effect
    activity = {location: torch.rand(effects.shape[1]) for location, effects in units.items()}
    return Attribution(units, activity, torch.zeros(TAKES, 10), torch.zeros(TAKES, 8), torch.zeros(TAKES))


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate(["house piano"] * TAKES, range(TAKES), 0.5)


@pytest.fixture(scope="module")
def reference(generator: Generator) -> Reference:
    return measure(generator, 0.5, Sampling(), prompts=("jazz", "house"))


def neurons(group: tuple[Unit, ...]) -> list[int]:
    return [unit.index for unit in group if unit.location == MLP]


def test_one_round_takes_the_strongest_of_each_kind() -> None:
    assert grown((), attribution(n7=-2.0, n8=-1.0), 0.05) == (Unit(SELF, 0), Unit(MLP, 7), Unit(MLP, 8))


def test_a_stand_in_is_found_where_the_first_is_muted(
    generator: Generator, takes: Takes, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    muted: list[Any] = []

    def edited_slopes(*_: Any, at: Edit, **__: Any) -> Attribution:
        muted.append(at.targets)
        return attribution(n7=-9.0, n30=-5.0, n8=-1.0)

    monkeypatch.setattr(choosing, "attribute", edited_slopes)
    group = choose(generator, takes, METRIC, reference, attribution(n7=-2.0, n8=-1.0), 0.05, rounds=2)
    assert neurons(group) == [7, 30] and muted == [(Unit(SELF, 0), Unit(MLP, 7))]


@pytest.mark.parametrize("broken_in", [1, 2])
def test_rounds_that_leave_no_sound_choose_nothing(
    generator: Generator, takes: Takes, reference: Reference, monkeypatch: pytest.MonkeyPatch, broken_in: int
) -> None:
    rounds = iter(range(1, 3))
    monkeypatch.setattr(choosing.sound, "broken", lambda *_: torch.tensor([next(rounds) == broken_in] * 2 + [False]))
    monkeypatch.setattr(choosing, "attribute", lambda *_, **__: attribution(n30=-5.0))
    group = choose(generator, takes, METRIC, reference, attribution(n7=-2.0, n8=-1.0), 0.05, rounds=2)
    assert neurons(group) == [7, 8]


def test_rounds_choose_as_many_units_and_none_twice(generator: Generator, takes: Takes, reference: Reference) -> None:
    found, shares = attribute(generator, takes, METRIC, reference), list[float]()
    once = choose(generator, takes, METRIC, reference, found, 0.1, rounds=1)
    often = choose(generator, takes, METRIC, reference, found, 0.1, rounds=4, advance=shares.append)
    assert once == grown((), found, 0.1)
    assert len(once) == len(often) == len(set(often)) and shares[-1] == 1
    assert set(once) != set(often)
