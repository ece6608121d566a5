"""The search finds what is planted: one unit, a set, a location, or nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

import pytest

from tests.diagnose.causes.boolean_trials import (
    BooleanElsewhere,
    BooleanTrials,
    all_of,
    any_of,
    some_of,
    unit,
    units,
)
from tests.diagnose.causes.known_cause import (
    BYSTANDER,
    CONTRAST,
    FIRST,
    OTHER,
    PLAYS,
    READER,
    READS,
    SECOND,
    Known,
    known,
)
from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.diagnose.causes.search import FINALISTS, FIRST_TAKES, SearchResult, search
from tonescope.diagnose.causes.specificity import Elsewhere
from tonescope.diagnose.schema import Contrast
from tonescope.models.units import Location, Unit

CANDIDATES = units(24)
PLACES = [Location("decoder", layer, "mlp") for layer in range(1, 4)]


def searched(
    trials: BooleanTrials,
    elsewhere: BooleanElsewhere | None = None,
    ranked: Group = CANDIDATES,
    locations: Sequence[Location] = (),
) -> SearchResult:
    given = cast(MutingTrials, trials), cast(Elsewhere, elsewhere or BooleanElsewhere())
    return search(*given, cast(Sequence[Unit], ranked), locations)


def noise(seed: int = 0) -> random.Random:
    return random.Random(seed)


# --- on known functions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 13, 23])
def test_one_unit_is_found_alone(index: int) -> None:
    found = searched(BooleanTrials(all_of(index)))
    assert (found.group, found.found_by, found.alternates) == ((unit(index),), "alone", [])
    assert found.measured[0].group == (unit(index),) and found.trial is found.measured[0]


def test_of_units_that_each_do_it_one_is_the_set_and_the_others_are_alternates() -> None:
    found = searched(BooleanTrials(any_of(3, 9), effect=lambda group: -1.0 if unit(9) in group else 0.0))
    assert (found.group, found.found_by, found.alternates) == ((unit(9),), "alone", [unit(3)])


@pytest.mark.parametrize("needed", [(0, 1), (4, 17), (2, 11, 23)])
def test_units_that_stand_in_for_one_another_are_found_together(needed: tuple[int, ...]) -> None:
    draw = noise()
    found = searched(BooleanTrials(all_of(*needed), effect=lambda group: draw.gauss(0, 0.3)))
    assert found.found_by == "together" and set(found.group) == {unit(index) for index in needed}


def test_of_units_of_which_some_do_it_a_smallest_set_is_found() -> None:
    found = searched(BooleanTrials(some_of(3, 1, 5, 9, 13, 17)))
    assert found.found_by == "together" and len(found.group) == 3
    assert set(found.group) <= {unit(index) for index in (1, 5, 9, 13, 17)}


def test_where_no_units_do_it_a_location_may() -> None:
    trials = BooleanTrials(lambda muted: PLACES[1] in muted)
    found = searched(trials, locations=PLACES)
    assert (found.group, found.found_by) == ((PLACES[1],), "location")
    assert not searched(BooleanTrials(lambda muted: PLACES[1] in muted)).group  # it was not asked for


def test_where_nothing_does_it_nothing_is_found() -> None:
    found = searched(BooleanTrials(lambda muted: False), locations=PLACES)
    assert not found.group and found.trial is None and not found.alternates
    assert len(found.measured) == len(CANDIDATES)


@pytest.mark.parametrize("ranked", [(), units(1), units(2)])
def test_few_candidates_or_none_are_searched_like_many(ranked: Group) -> None:
    assert not searched(BooleanTrials(lambda muted: False), ranked=ranked).group
    found = searched(BooleanTrials(lambda muted: set(ranked) <= muted and bool(muted)), ranked=ranked)
    assert set(found.group) == set(ranked)


def test_a_unit_that_changes_other_prompts_is_held_back_where_another_does_it() -> None:
    turns = any_of(3, 9)
    strongest = BooleanTrials(turns, effect=lambda group: -5.0 if unit(3) in group else 0.0)
    found = searched(strongest, BooleanElsewhere(unit(3)))
    assert found.group == (unit(9),) and found.measured[0].group == (unit(3),)
    assert found.measured[0].elsewhere == 4 and found.trial is not None and found.trial.elsewhere == 0


def test_units_that_change_other_prompts_are_no_cause() -> None:
    for turns, shared in ((all_of(3), unit(3)), (all_of(3, 9), unit(9))):
        assert not searched(BooleanTrials(turns), BooleanElsewhere(shared)).group
    place = BooleanTrials(lambda muted: PLACES[1] in muted)
    assert not searched(place, BooleanElsewhere(PLACES[1]), locations=PLACES).group


def test_where_a_shared_unit_does_it_alone_others_are_sought_without_it() -> None:
    found = searched(
        BooleanTrials(lambda muted: unit(0) in muted or {unit(4), unit(7)} <= muted), BooleanElsewhere(unit(0))
    )
    assert found.found_by == "together" and set(found.group) == {unit(4), unit(7)}


def test_every_candidate_is_played_in_few_takes_and_the_best_in_all() -> None:
    trials = BooleanTrials(all_of(5))
    found = searched(trials)
    alone = {muted.group: len(muted.back) for muted in found.measured}
    assert len(alone) == len(CANDIDATES) and set(alone.values()) == {FIRST_TAKES, len(trials.seeds)}
    assert sum(takes == len(trials.seeds) for takes in alone.values()) == FINALISTS
    assert found.rows == trials.rows == len(CANDIDATES) * FIRST_TAKES + FINALISTS * (len(trials.seeds) - FIRST_TAKES)


def test_case_where_no_take_is_heard_as_the_target_no_cause_is_sought_or_found() -> None:
    trials = BooleanTrials(lambda muted: False)
    trials.heard_as_target = 0
    found = searched(trials, locations=PLACES)
    assert not found.group and not found.groups and not found.alternates
    assert all(len(group) == 1 for group in trials.played)


def test_the_share_that_is_done_only_grows() -> None:
    told: list[float] = []
    given = cast(MutingTrials, BooleanTrials(all_of(2, 3))), cast(Elsewhere, BooleanElsewhere())
    search(*given, cast(Sequence[Unit], CANDIDATES), advance=told.append)
    assert told == sorted(told) and all(0 <= share <= 1 for share in told) and told


# --- in generators ----------------------------------------------------------------------------------------------------


def in_generator(
    what: Known, ranked: Sequence[Unit], locations: Sequence[Location] = (), contrast: Contrast = CONTRAST
) -> SearchResult:
    trials = MutingTrials(what.context, what.takes, contrast)
    return search(trials, Elsewhere(what.context, contrast), ranked, locations)


def test_a_planted_neuron_is_found_alone() -> None:
    found = in_generator(known(), (BYSTANDER, FIRST, OTHER))
    assert (found.group, found.found_by) == ((FIRST,), "alone") and not found.alternates
    assert found.trial is not None and found.trial.elsewhere == 0


def test_planted_stand_ins_are_found_together() -> None:
    found = in_generator(known((FIRST, SECOND)), (BYSTANDER, FIRST, OTHER, SECOND))
    assert found.found_by == "together" and set(found.group) == {FIRST, SECOND}
    assert found.trial is not None and found.trial.turns


def test_where_the_neuron_is_no_candidate_its_location_is_found() -> None:
    found = in_generator(known((READER,)), (BYSTANDER, OTHER), [PLAYS, READS])
    assert (found.group, found.found_by) == ((READS,), "location")


def test_a_neuron_that_plays_everything_is_no_cause() -> None:
    found = in_generator(known(everywhere=True), (BYSTANDER, FIRST, OTHER))
    assert not found.group and found.measured[0].group == (FIRST,) and found.measured[0].turns


def test_a_search_is_reproducible() -> None:
    one, other = (in_generator(known((FIRST, SECOND)), (BYSTANDER, FIRST, OTHER, SECOND), [PLAYS]) for _ in range(2))
    assert one == other


def test_case_every_take_is_heard_as_something_else_and_no_unit_is_blamed() -> None:
    found = in_generator(known(), (BYSTANDER, FIRST), [PLAYS], Contrast(target=CONTRAST.foil or ""))
    assert not found.group and not any(muted.share for muted in found.measured)
