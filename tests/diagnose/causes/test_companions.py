"""Companions: what turns takes back in the place of a member of a set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest

from tests.diagnose.causes.boolean_trials import BooleanTrials, Holds, all_of, any_of, some_of, unit, units
from tonescope.diagnose.causes.companions import companions
from tonescope.diagnose.causes.muting_trials import Group, Muted, MutingTrials
from tonescope.models.units import Location, Unit

POOL = cast(list[Unit], list(units(20)))


def found(turns: Holds, *group: Unit | Location, pool: list[Unit] = POOL) -> list[Unit]:
    trials = cast(MutingTrials, BooleanTrials(turns))
    swapped = companions(trials, trials, group, pool, (1, 2))
    assert all(muted[-1] == unit and len(muted) == len(group) for unit, muted in swapped.items())
    return [*swapped]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_of_units_of_which_any_few_do_it_the_others_are_companions(count: int) -> None:
    cause = [unit(index) for index in (0, 4, 8, 12, 16)]
    assert set(found(some_of(count, 0, 4, 8, 12, 16), *cause[:count])) == set(cause[count:])


def test_units_that_are_all_needed_have_none() -> None:
    assert not found(all_of(3, 7), unit(3), unit(7))


def test_a_set_of_one_and_a_set_that_turns_without_any_of_its_members_have_none() -> None:
    assert not found(any_of(3, 7), unit(3))
    assert not found(any_of(3, 7), unit(3), unit(7))


def test_where_the_rest_of_a_set_turns_half_of_the_takes_back_nearly_anything_would_do_and_none_is_told() -> None:
    """Of two units each turns half of the takes back alone, and with any other unit all of them."""

    class Halfway(BooleanTrials):
        def measure(self, groups: Iterable[Group], *_: Any, **__: Any) -> list[Muted]:
            found = []
            for group in groups:
                turned = len(group) > 1
                found.append(Muted(group, back={1: True, 2: True, 3: turned, 4: turned}, bounded={1: -4.0}))
            return found

    trials = cast(MutingTrials, Halfway(any_of(3, 7)))
    assert not companions(trials, trials, (unit(3), unit(7)), POOL, (1, 2))


def test_units_of_a_location_in_the_set_are_no_companions_of_it() -> None:
    place = Location("decoder", 0, "mlp")
    elsewhere = Unit(Location("decoder", 1, "mlp"), 0)

    def turns(group: set[Unit | Location]) -> bool:
        return len({place, elsewhere, unit(1)} & group) >= 2

    assert not found(turns, place, elsewhere)
