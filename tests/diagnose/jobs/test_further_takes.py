"""A set is tested in takes that are heard as the target: in others there is nothing to take away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest
import torch

from tests.diagnose.jobs.test_verification_plan import SETTINGS, TAKES, estimates, neurons, searched
from tonescope.diagnose.causes.muting_trials import ENOUGH_TAKES
from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import CLEAN, Outcome, Played, Variant
from tonescope.diagnose.jobs import further_takes
from tonescope.diagnose.jobs import variant_names as names
from tonescope.diagnose.jobs.verification_plan import Plan
from tonescope.diagnose.jobs.verification_results import Reading
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes

SETTING = SETTINGS.model_copy(update={"takes": TAKES})
SEEDS = SeedPlan(0, TAKES)
DRIFT = -5.0  # of the margin, where the set is muted in a take that is heard as the target


class Player:
    """Stands for what plays and listens: takes of some seeds are heard as techno, and no longer where the set is muted.

    Args:
        drifting: the seeds of those.
    """

    def __init__(self, *drifting: int) -> None:
        self.drifting = drifting
        self.asked: list[tuple[tuple[int, ...], tuple[Variant, ...]]] = []

    def __call__(
        self, context: Context, contrast: Contrast, prompt: str, seeds: Sequence[int], variants: Any, **about: Any
    ) -> Played:
        self.asked.append((tuple(seeds), tuple(variants)))
        return self.played(seeds, [variant.name for variant in variants])

    def played(self, seeds: Sequence[int], variants: Sequence[str]) -> Played:
        clean, *others = (self._outcome(name, seeds) for name in (CLEAN, *variants))
        contrast = Contrast(target="techno", foil="house")
        return Played(contrast, clean, {one.name: one for one in others}, 1600, 1.0)

    def _outcome(self, name: str, seeds: Sequence[int]) -> Outcome:
        drifted = [seed in self.drifting and name != names.MUTED for seed in seeds]
        noise = torch.stack([torch.randn(1600, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        takes = Takes(("x",) * len(seeds), tuple(seeds), {"codes": torch.tensor(seeds)[:, None, None]}, noise)
        changed = [DRIFT * (1 + 0.01 * (seed % 7)) * (name == names.MUTED and seed in self.drifting) for seed in seeds]
        heard, broke = ["techno" if one else "house" for one in drifted], torch.zeros(len(seeds)) > 0
        return Outcome(name, takes, torch.zeros(len(seeds), 2), torch.tensor(changed), heard, broke)


@pytest.fixture
def plan() -> Plan:
    return Plan.make(estimates(searched(*neurons(7))), SETTING, None)


def blocks() -> Iterator[tuple[int, ...]]:
    return map(SEEDS.further, (1, 2))


def taken(plan: Plan, player: Player, monkeypatch: pytest.MonkeyPatch) -> tuple[Played, Played]:
    """What was played first, and what the set was tested in."""
    first = player.played(SEEDS.test, [variant.name for variant in plan.variants])
    monkeypatch.setattr(further_takes, "verify", player)
    return first, further_takes.of_the_set(cast(Context, None), plan, first, blocks())


def test_where_all_takes_are_heard_as_the_target_nothing_more_is_played(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = Player(*SEEDS.test)
    first, of_set = taken(plan, player, monkeypatch)
    assert of_set is first and not player.asked and further_takes.told_of_further(first, of_set) is None


def test_takes_that_are_not_heard_so_are_left_out(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = SEEDS.test[:ENOUGH_TAKES]
    player = Player(*heard)
    first, of_set = taken(plan, player, monkeypatch)
    assert of_set.clean.takes.seeds == heard and not player.asked
    told = further_takes.told_of_further(first, of_set)
    assert told == "4 of the 6 fresh takes are heard as techno; what was found to do it was tested in those."


def test_where_few_are_more_takes_are_played_in_which_there_is_something_to_take_away(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, (two, _, three) = SEEDS.test[2], SEEDS.further(1)[:3]
    four, five = SEEDS.further(2)[1:3]
    player = Player(one, two, three, four, five)
    first, of_set = taken(plan, player, monkeypatch)
    assert of_set.clean.takes.seeds == (one, two, three, four) and set(of_set.clean.heard) == {"techno"}
    assert [seeds for seeds, _ in player.asked] == [SEEDS.further(1), SEEDS.further(2), (two, three, four)]
    told = further_takes.told_of_further(first, of_set)
    assert told is not None and told.endswith("was tested in those and 3 more that are.")


def test_random_units_of_further_takes_are_drawn_anew(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(*SEEDS.further(1)[:4])
    taken(plan, player, monkeypatch)
    muted, control = player.asked[-1][1]
    assert muted.name == names.MUTED and isinstance(control.edit, tuple) and len(control.edit) == 4
    before = next(variant.edit for variant in plan.variants if variant.name == names.CONTROL)
    assert isinstance(before, tuple) and not {*map(units_of, before)} >= {*map(units_of, control.edit)}


def units_of(edit: Edit) -> tuple[str, ...]:
    return tuple(map(str, edit.targets))


def test_where_none_is_heard_so_the_tested_takes_stay(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player()
    first, of_set = taken(plan, player, monkeypatch)
    assert of_set is first and len(player.asked) == 2


def test_without_a_set_nothing_more_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(SEEDS.test[0])
    first, of_set = taken(Plan.make(estimates(), SETTING, None), player, monkeypatch)
    assert of_set is first and not player.asked


def test_a_set_that_turns_the_few_takes_there_are_is_verified_in_more(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, of_set = taken(plan, Player(SEEDS.test[0], SEEDS.test[1], *SEEDS.further(1)), monkeypatch)
    alone, with_more = (Reading(plan, first, (), where).results(None).group for where in (None, of_set))
    assert alone is not None and with_more is not None
    assert not alone.convincing and (alone.muted.flips, alone.muted.flippable) == (2, 2)
    assert with_more.turns and (with_more.muted.flips, with_more.muted.flippable) == (4, 4)
    assert with_more.control.flips == 0 and with_more.difference.takes == 4
