"""Contributions: every unit is put in in half of the runs, so that what each does among others shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from tests.diagnose.causes.boolean_trials import (
    BooleanInterchanges,
    Holds,
    all_of,
    any_of,
    never,
    nothing,
    some_of,
    unit,
    units,
)
from tonescope.diagnose.causes.contributions import MOST_UNITS, Contribution, contributions, design
from tonescope.diagnose.causes.interchange import Brought, Interchanges
from tonescope.diagnose.causes.muting_trials import Group
from tonescope.models.units import Unit


def found(interchanges: BooleanInterchanges, count: int) -> list[Contribution]:
    return contributions(cast(Interchanges, interchanges), cast(list[Unit], list(units(count))), (1, 2))


def noise(size: float, seed: int = 0) -> Callable[[Group], float]:
    draw = np.random.default_rng(seed)
    return lambda group: float(draw.normal(0, size))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 11, 19, 31, MOST_UNITS])
def test_every_unit_is_in_half_of_the_runs_and_every_two_in_a_quarter(count: int) -> None:
    runs = design(count)
    assert runs.shape[1] == count and 2 * count < len(runs) <= max(24, 4 * count)
    assert (runs.sum(0) * 2 == len(runs)).all()
    pairs = runs.astype(int).T @ runs
    assert (pairs[~np.eye(count, dtype=bool)] * 4 == len(runs)).all()


@pytest.mark.parametrize("count", [3, 8, 19])
def test_what_two_units_do_together_is_no_effect_of_a_third(count: int) -> None:
    signs = np.where(design(count), 1, -1)
    for first in range(count):
        for second in range(first):
            assert not (signs.T @ (signs[:, first] * signs[:, second])).any()


@pytest.mark.parametrize("count", [1, 5, 8, 31])
def test_effects_that_add_up_are_told_apart_exactly(count: int) -> None:
    wanted = {unit(index): float((7 * index) % count) for index in range(count)}

    def effect(group: Group) -> float:
        return sum(wanted[cast(Unit, target)] for target in group)

    rows = found(BooleanInterchanges(never, effect), count)
    assert {row.unit: pytest.approx(row.effect) for row in rows} == wanted
    assert [row.effect for row in rows] == sorted((row.effect for row in rows), reverse=True)


@pytest.mark.parametrize(
    ("brings", "cause"),
    [(all_of(3, 12), {3, 12}), (any_of(3, 12), {3, 12}), (some_of(2, 1, 8, 17), {1, 8, 17}), (all_of(5), {5})],
)
def test_units_that_need_or_stand_in_for_one_another_come_first(brings: Holds, cause: set[int]) -> None:
    for count in (20, 31):
        rows = found(BooleanInterchanges(brings, noise(0.1)), count)
        assert {row.unit for row in rows[: len(cause)]} == {unit(index) for index in cause}
        assert rows[0].effect > 0 and (rows[0].sure or len(cause) > 2)


def test_where_nothing_does_anything_hardly_anything_is_sure() -> None:
    wrong = [sum(row.sure for row in found(BooleanInterchanges(never, noise(1.0, seed)), 31)) for seed in range(20)]
    assert sum(wrong) <= 5
    assert not any(row.sure for row in found(BooleanInterchanges(never), 8))


def test_each_run_and_its_counterpart_are_played_in_one_take() -> None:
    interchanges = BooleanInterchanges(never)
    found(interchanges, 8)
    assert interchanges.rows == len(design(8)) - 1  # nothing is put in in one of them
    everything = set(units(8))
    for group, brought in interchanges._known.items():
        counterpart = interchanges._known[frozenset(everything - group)]
        assert not group or len(brought.heard) == 1
        assert set(brought.heard) == set(counterpart.heard) or not group or group == everything


def test_of_no_units_and_into_no_prompt_nothing_is_played() -> None:
    for interchanges, count in ((BooleanInterchanges(never), 0), (BooleanInterchanges(never, nothing, None), 8)):
        assert found(interchanges, count) == [] and not interchanges.rows


def test_case_halves_that_are_too_large_to_keep_contribute_nothing_that_is_known() -> None:
    class TooLarge(BooleanInterchanges):
        def measure(
            self, groups: Sequence[Group], seeds: Sequence[int] | None = None, *, advance: Any = None
        ) -> list[Brought]:
            return [Brought(group, too_large=True) for group in groups]

    assert found(TooLarge(never), 8) == []
