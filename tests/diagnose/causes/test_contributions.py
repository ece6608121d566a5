"""Contributions: every unit muted in half of the runs, so that what each does among others shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from tests.diagnose.causes.boolean_trials import BooleanTrials, all_of, any_of, unit, units
from tonescope.diagnose.causes.contributions import Contribution, contributions, design
from tonescope.diagnose.causes.muting_trials import Group, Muted, MutingTrials
from tonescope.models.units import Unit

NOTHING = all_of(10**6)


def found(trials: BooleanTrials, count: int) -> list[Contribution]:
    return contributions(cast(MutingTrials, trials), cast(list[Unit], list(units(count))), (1, 2))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 11, 19, 31, 47])
def test_every_unit_is_muted_in_half_of_the_runs_and_every_two_in_a_quarter(count: int) -> None:
    runs = design(count)
    assert runs.shape[1] == count and 2 * count < len(runs) <= max(24, 4 * count)
    assert (runs.sum(0) * 2 == len(runs)).all()
    together = runs.astype(int).T @ runs
    assert (together[~np.eye(count, dtype=bool)] * 4 == len(runs)).all()


@pytest.mark.parametrize("count", [3, 8, 19])
def test_what_two_units_do_together_is_no_effect_of_a_third(count: int) -> None:
    signs = np.where(design(count), 1, -1)
    for one in range(count):
        for other in range(one):
            assert not (signs.T @ (signs[:, one] * signs[:, other])).any()


@pytest.mark.parametrize("count", [1, 5, 8, 31])
def test_effects_that_add_up_are_told_apart_exactly(count: int) -> None:
    wanted = {unit(index): -float((7 * index) % count) for index in range(count)}

    def effect(group: Group) -> float:
        return sum(wanted[cast(Unit, target)] for target in group)

    rows = found(BooleanTrials(NOTHING, effect), count)
    assert {row.unit: pytest.approx(row.effect) for row in rows} == wanted
    assert [row.effect for row in rows] == sorted(row.effect for row in rows)


@pytest.mark.parametrize("turns", [all_of(3, 12), any_of(3, 12)])
def test_units_that_need_or_stand_in_for_one_another_come_first(turns: object) -> None:
    draw = np.random.default_rng(0)
    rows = found(BooleanTrials(turns, lambda group: float(draw.normal(0, 0.1))), 20)  # type: ignore[arg-type]
    assert {row.unit for row in rows[:2]} == {unit(3), unit(12)}
    assert [row.unit for row in rows if row.sure] == [row.unit for row in rows[:2]]


def test_where_nothing_does_anything_nothing_is_sure() -> None:
    for seed in range(20):
        draw = np.random.default_rng(seed)
        rows = found(BooleanTrials(NOTHING, lambda group, draw=draw: float(draw.normal(0, 1.0))), 31)  # type: ignore[misc]
        assert sum(row.sure for row in rows) <= 1
    assert not any(row.sure for row in found(BooleanTrials(NOTHING), 8))


def test_each_run_and_its_counterpart_are_played_in_one_take() -> None:
    trials = BooleanTrials(NOTHING)
    found(trials, 8)
    assert trials.rows == len(design(8)) - 1  # nothing is muted in one of them
    everything, known = set(units(8)), {frozenset(muted.group): muted for muted in trials._known.values()}
    for group, muted in known.items():
        counterpart = frozenset(everything - group)
        assert len(muted.back) == 1 and (not counterpart or known[counterpart].back == muted.back)


def test_runs_whose_sound_broke_are_left_out() -> None:
    """A broken sound is no effect, and hides none."""

    class Broken(BooleanTrials):
        def measure(self, groups: Iterable[Group], seeds: Sequence[int] | None = None, **more: Any) -> list[Muted]:
            measured = super().measure(groups, seeds, **more)
            for muted in measured:
                if unit(2) in muted.group and unit(5) in muted.group:
                    muted.changes.clear()
            return measured

    rows = found(Broken(NOTHING, lambda group: -4.0 * (unit(7) in group)), 11)
    assert rows[0].unit == unit(7) and rows[0].effect == pytest.approx(-4.0)


def test_of_no_units_nothing_is_played() -> None:
    trials = BooleanTrials(NOTHING)
    assert found(trials, 0) == [] and not trials.rows
