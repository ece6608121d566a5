"""A minimal set still turns takes back, and without any one of its units it does not."""

from __future__ import annotations

import random
from typing import cast

import pytest

from tests.diagnose.causes.boolean_trials import (
    BooleanTrials,
    Holds,
    all_of,
    any_of,
    proper_parts,
    some_of,
    unit,
    units,
)
from tonescope.diagnose.causes.minimal_set import minimal_set
from tonescope.diagnose.causes.muting_trials import Group, MutingTrials

SEEDS = (1, 2, 3, 4)


def smallest(trials: BooleanTrials, group: Group) -> Group:
    return minimal_set(cast(MutingTrials, trials), group, SEEDS)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 24, 100])
def test_one_unit_is_found_wherever_it_stands(size: int) -> None:
    for index in {0, size // 2, size - 1}:
        assert smallest(BooleanTrials(all_of(index)), units(size)) == (unit(index),)


@pytest.mark.parametrize("needed", [(0, 1), (3, 17), (0, 11, 23), (2, 3, 5, 7, 11)])
def test_units_that_do_it_only_together_are_all_kept(needed: tuple[int, ...]) -> None:
    assert smallest(BooleanTrials(all_of(*needed)), units(24)) == tuple(unit(index) for index in needed)


def test_of_units_that_each_do_it_one_is_kept() -> None:
    found = smallest(BooleanTrials(any_of(4, 9, 20)), units(24))
    assert len(found) == 1 and found[0] in {unit(4), unit(9), unit(20)}


def test_of_units_of_which_some_do_it_so_many_are_kept() -> None:
    wanted = {unit(index) for index in (1, 6, 10, 15, 22)}
    found = smallest(BooleanTrials(some_of(3, 1, 6, 10, 15, 22)), units(24))
    assert len(found) == 3 and set(found) <= wanted


def test_a_group_that_does_nothing_is_left_as_it_is() -> None:
    assert smallest(BooleanTrials(lambda muted: False), units(12)) == units(12)


def test_a_group_of_one_is_not_played_again() -> None:
    trials = BooleanTrials(all_of(0))
    assert smallest(trials, units(1)) == units(1) and not trials.rows


def test_what_is_least_missed_goes_first() -> None:
    """Either half does it; the one that does less is left out."""
    trials = BooleanTrials(some_of(1, 0, 1), effect=lambda group: -5.0 if unit(1) in group else 0.0)
    assert smallest(trials, units(2)) == (unit(1),)


@pytest.mark.parametrize("seed", range(30))
def test_the_result_turns_back_and_nothing_can_be_left_out_of_it(seed: int) -> None:
    """For any function of what is muted, monotone or not."""
    draw = random.Random(seed)
    size, known = draw.randint(1, 20), dict[frozenset[object], bool]()
    everything = units(size)

    def any_function(muted: set[object]) -> bool:
        return known.setdefault(frozenset(muted), len(muted) == size or draw.random() < 0.3)

    found = smallest(BooleanTrials(cast(Holds, any_function)), everything)
    assert found and set(found) <= set(everything)
    assert any_function(set(found))
    assert not any(any_function(set(part)) for part in proper_parts(found))
    assert list(found) == sorted(found, key=everything.index)


def test_takes_that_are_played_grow_slowly() -> None:
    def rows(size: int, *needed: int) -> int:
        trials = BooleanTrials(all_of(*needed))
        smallest(trials, units(size))
        return trials.rows // len(SEEDS)

    assert rows(512, 300) <= 3 * rows(8, 5) <= 60
    assert rows(512, 10, 300, 400) < 512 / 4


def test_a_set_that_would_be_too_large_is_given_up_early() -> None:
    whole = units(40)
    needed = BooleanTrials(all_of(*range(0, 40, 4)))
    for at_most, wanted in ((9, ()), (10, tuple(whole[::4]))):
        assert minimal_set(cast(MutingTrials, needed), whole, SEEDS, at_most=at_most) == wanted
    early, late = BooleanTrials(all_of(*range(0, 40, 4))), BooleanTrials(all_of(*range(0, 40, 4)))
    minimal_set(cast(MutingTrials, early), whole, SEEDS, at_most=6)
    minimal_set(cast(MutingTrials, late), whole, SEEDS)
    assert early.rows < late.rows / 2
