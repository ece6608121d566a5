"""The search finds what is planted: one unit, a set, a location, or nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from tests.diagnose.causes.boolean_trials import (
    BooleanInterchanges,
    BooleanTrials,
    Cause,
    all_of,
    any_of,
    most_of,
    never,
    nothing,
    one,
    some_of,
    stand_ins,
    together,
    unit,
    units,
)
from tests.diagnose.causes.known_cause import (
    BYSTANDER,
    CONTRAST,
    FIRST,
    FOIL,
    OTHER,
    PLAYS,
    READER,
    READS,
    SECOND,
    Known,
    known,
)
from tonescope.diagnose.causes import search as search_module
from tonescope.diagnose.causes.interchange import other_prompts
from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.diagnose.causes.search import FINALISTS, FIRST_TAKES, SearchResult, search_causes
from tonescope.diagnose.schema import Contrast
from tonescope.models.units import Location, Unit

CANDIDATES = units(24)
PLACES = [Location("decoder", layer, "mlp") for layer in range(1, 4)]


class Searched:
    """A search of a known cause, and what was played for it; units of ``shared`` turn other prompts as well."""

    def __init__(
        self,
        cause: Cause,
        *,
        ranked: Group = CANDIDATES,
        locations: Sequence[Location] = (),
        effect: Callable[[Group], float] = nothing,
        prompts: Sequence[str] = ("jazz",),
        heard_as_target: int = 4,
        shared: Group = (),
        several: bool = True,
        within: Callable[[Location], Sequence[Unit]] = lambda place: (),
    ) -> None:
        self.trials, self.told = BooleanTrials(cause.turns, effect), list[float]()
        self.trials.heard_as_target = heard_as_target
        self.put_in = BooleanInterchanges(cause.brings, lambda group: -effect(group), next(iter(prompts), None))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search_module, "Interchanges", lambda *_: self.put_in)
            patch.setattr(search_module, "specific", lambda *given: [not {*shared} & {*group} for group in given[2]])
            self.found = search_causes(
                cast(MutingTrials, self.trials),
                cast(Sequence[Unit], ranked),
                prompts,
                locations,
                several=several,
                within=within,
                advance=self.told.append,
            )


def searched(cause: Cause, **how: Any) -> SearchResult:
    return Searched(cause, **how).found


def noise(seed: int = 0) -> Callable[[Group], float]:
    draw = random.Random(seed)
    return lambda group: draw.gauss(0, 0.3)


# --- on known functions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 13, 23])
def test_one_unit_is_found_alone(index: int) -> None:
    found = searched(one(index))
    assert (found.group, found.found_by, found.alternates) == ((unit(index),), "alone", [])
    assert found.measured[0].group == (unit(index),) and found.trial is not None and found.trial.turns


def test_of_units_that_each_turn_and_bring_the_strongest_is_the_set_and_the_others_are_alternates() -> None:
    found = searched(Cause(any_of(3, 9), any_of(3, 9)), effect=lambda group: -1.0 if unit(9) in group else 0.0)
    assert (found.group, found.found_by, found.alternates) == ((unit(9),), "alone", [unit(3)])


@pytest.mark.parametrize("needed", [(0, 1), (4, 17), (2, 11, 23)])
def test_units_that_stand_in_for_one_another_are_found_together(needed: tuple[int, ...]) -> None:
    found = searched(stand_ins(*needed), effect=noise())
    assert found.found_by == "together" and set(found.group) == {unit(index) for index in needed}
    assert found.trial is not None and found.trial.turns


@pytest.mark.parametrize("needed", [(0, 1), (4, 17), (2, 11, 23)])
def test_units_that_are_needed_together_are_found_together(needed: tuple[int, ...]) -> None:
    """Muting any of them turns the takes back, and none brings the target alone."""
    found = searched(together(*needed), effect=noise())
    assert found.found_by == "together" and set(found.group) == {unit(index) for index in needed}


def test_of_units_of_which_most_do_it_a_smallest_set_is_found_and_the_others_are_alternates() -> None:
    cause = {unit(index) for index in (1, 5, 9, 13, 17)}
    found = searched(most_of(1, 5, 9, 13, 17), effect=noise())
    assert found.found_by == "together" and len(found.group) == 3
    assert set(found.group) | set(found.alternates) == cause and len(found.alternates) == 2


def test_units_of_which_each_of_many_brings_the_target_are_found_though_no_part_of_theirs_can_be_seen() -> None:
    found = searched(stand_ins(1, 5, 9, 13, 17), effect=noise())
    assert found.found_by == "together" and set(found.group) == {unit(index) for index in (1, 5, 9, 13, 17)}


def test_of_units_that_bring_it_together_the_others_that_turn_the_takes_back_are_alternates() -> None:
    cause = Cause(any_of(1, 5, 9), some_of(2, 1, 5, 9))
    found = searched(cause, effect=noise())
    assert found.found_by == "together" and len(found.group) == 2 and len(found.alternates) == 1
    assert {*found.group, *found.alternates} == {unit(index) for index in (1, 5, 9)}


def test_where_no_units_do_it_a_location_may() -> None:
    place = Cause(lambda muted: PLACES[1] in muted, lambda put: PLACES[1] in put)
    found = searched(place, locations=PLACES)
    assert (found.group, found.found_by) == ((PLACES[1],), "location")
    assert not searched(place).group  # it was not asked for


def test_a_location_that_does_it_is_the_answer_where_it_holds_several_units_of_a_set() -> None:
    place, enough = unit(0).location, some_of(3, 1, 5, 9)
    whole = Cause(lambda muted: place in muted or enough(muted), lambda put: place in put or enough(put))
    assert searched(whole, effect=noise(), locations=[place]).group == (place,)
    assert len(searched(whole, effect=noise(), locations=PLACES).group) == 3
    units_alone = Cause(enough, enough)
    assert len(searched(units_alone, effect=noise(), locations=[place]).group) == 3


def test_stand_ins_are_found_by_what_each_brings_where_all_candidates_at_once_do_something_else() -> None:
    cause = Cause(lambda muted: {unit(4), unit(9)} <= muted and len(muted) <= 6, any_of(4, 9))
    found = searched(cause, effect=noise())
    assert set(found.group) == {unit(4), unit(9)} and found.found_by == "together" and not found.shares


def test_activations_are_put_into_takes_of_full_length() -> None:
    made = list[Any]()
    whole, short = BooleanTrials(never), BooleanTrials(never)

    def interchanges(trials: Any, *_: Any) -> BooleanInterchanges:
        made.append(trials)
        return BooleanInterchanges(never)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "Interchanges", interchanges)
        search_causes(
            cast(MutingTrials, whole),
            cast(Sequence[Unit], CANDIDATES),
            ["jazz"],
            short=cast(MutingTrials, short),
        )
    assert made == [whole] and short.played and not whole.played


def inside(place: Location, count: int = 30) -> list[Unit]:
    return [Unit(place, index) for index in range(count)]


def test_a_few_units_inside_a_location_that_does_it_are_found_though_they_were_no_candidates() -> None:
    pair = {Unit(PLACES[1], 2), Unit(PLACES[1], 7)}
    cause = Cause(lambda muted: PLACES[1] in muted or pair <= muted, lambda put: PLACES[1] in put or bool(pair & put))
    found = searched(cause, effect=noise(), locations=PLACES, within=inside)
    assert set(found.group) == pair and found.found_by == "together"
    spread = Cause(lambda muted: PLACES[1] in muted, lambda put: PLACES[1] in put)
    assert searched(spread, effect=noise(), locations=PLACES, within=inside).group == (PLACES[1],)


def test_a_location_of_which_a_set_holds_much_is_the_answer_though_the_little_else_in_it_does_nothing() -> None:
    place, enough = unit(0).location, some_of(3, 1, 2, 9)
    whole = Cause(lambda muted: place in muted or enough(muted), lambda put: place in put or enough(put))
    heads = lambda count: lambda place: inside(place, count)  # noqa: E731
    assert searched(whole, effect=noise(), locations=[place], within=heads(5)).group == (place,)
    assert len(searched(whole, effect=noise(), locations=[place], within=heads(16)).group) == 3
    units_alone = Cause(enough, enough)
    assert len(searched(units_alone, effect=noise(), locations=[place], within=heads(5)).group) == 3


def test_a_set_stays_where_its_location_does_nothing_without_it() -> None:
    place, enough = unit(0).location, some_of(3, 1, 5, 9)
    whole = Cause(lambda muted: place in muted or enough(muted), lambda put: place in put or enough(put))
    found = searched(whole, effect=noise(), locations=[place], within=inside)
    assert set(found.group) == {unit(1), unit(5), unit(9)}


def test_units_that_surely_contribute_are_the_set_though_even_together_they_do_not_bring_all_takes() -> None:
    """Muting the first turns the takes back; it is not enough, and neither are both."""

    def pushed(group: Group) -> float:
        return -3.0 * (unit(4) in group) - 3.0 * (unit(17) in group)

    found = searched(Cause(any_of(4), never), effect=pushed)
    assert set(found.group) == {unit(4), unit(17)} and found.found_by == "together"
    assert all(share.sure for share in found.shares[:2]) and not found.shares[2].sure


def test_of_many_locations_the_one_that_does_it_is_found_in_as_many_steps_as_there_are_halvings() -> None:
    places = [Location("decoder", layer, name) for name in ("mlp", "self", "cross") for layer in range(32)]
    place = Cause(lambda muted: places[41] in muted, lambda put: places[41] in put)
    search = Searched(place, locations=places)
    assert search.found.group == (places[41],)
    tried = {group for group in search.trials.played if isinstance(group[0], Location)}
    assert len(tried) <= 3 + 2 * 5


def test_few_locations_are_tried_one_by_one_for_all_of_a_site_may_do_other_things() -> None:
    alone = Cause(lambda muted: muted == {PLACES[1]}, lambda put: PLACES[1] in put)
    assert searched(alone, locations=PLACES).group == (PLACES[1],)


def test_of_many_locations_those_that_do_something_together_are_halved() -> None:
    places = [Location("decoder", layer, name) for name in ("mlp", "self", "cross") for layer in range(32)]
    alone = Cause(lambda muted: muted == {places[41]}, lambda put: places[41] in put)
    felt = searched(alone, locations=places, effect=lambda group: -2.0 if places[41] in group else 0.0)
    assert felt.group == (places[41],)
    assert not searched(alone, locations=places).group


def test_where_nothing_does_it_nothing_is_found() -> None:
    found = searched(Cause(never, never), locations=PLACES)
    assert not found.group and found.trial is None and not found.alternates
    assert len(found.measured) == len(CANDIDATES)


@pytest.mark.parametrize("ranked", [(), units(1), units(2)])
def test_few_candidates_or_none_are_searched_like_many(ranked: Group) -> None:
    assert not searched(Cause(never, never), ranked=ranked).group
    if ranked:
        assert set(searched(stand_ins(*range(len(ranked))), ranked=ranked).group) == set(ranked)


def test_what_turns_everything_and_brings_nothing_is_no_cause() -> None:
    """A unit that is enormously active whatever is read turns other prompts as well."""
    assert not searched(Cause(any_of(3), never), shared=units(24)).group
    strongest = Cause(any_of(3, 9), any_of(9))
    found = searched(strongest, effect=lambda group: -5.0 if unit(3) in group else 0.0, shared=(unit(3),))
    assert found.group == (unit(9),) and found.measured[0].group == (unit(3),) and not found.alternates
    assert not searched(Cause(lambda muted: PLACES[1] in muted, never), locations=PLACES).group


def test_where_nothing_is_enough_what_leaves_other_prompts_alone_is_what_there_is() -> None:
    found = searched(Cause(any_of(3, 9), never), effect=lambda g: -5.0 if unit(3) in g else 0.0, shared=(unit(3),))
    assert (found.group, found.found_by, found.alternates) == ((unit(9),), "alone", [])


def test_of_units_that_are_needed_together_and_not_enough_those_that_leave_other_prompts_alone_are_the_set() -> None:
    cause = Cause(all_of(3, 9), never)
    found = searched(cause, effect=noise(), locations=PLACES)
    assert set(found.group) == {unit(3), unit(9)} and found.found_by == "together" and found.needed
    assert not searched(cause, effect=noise(), shared=(unit(3),)).group


def test_what_brings_the_target_and_turns_nothing_back_is_no_cause() -> None:
    assert not searched(Cause(never, any_of(3, 9))).group


def test_every_candidate_is_played_in_one_take_the_better_half_in_two_and_the_best_in_all() -> None:
    search = Searched(one(5))
    takes = [len(muted.back) for muted in search.found.measured]
    assert len(takes) == len(CANDIDATES) and sorted(takes, reverse=True) == takes
    better, everything = -(-len(CANDIDATES) // 2), len(search.trials.seeds)
    assert takes.count(everything) == FINALISTS and takes.count(FIRST_TAKES) == better - FINALISTS
    assert takes.count(1) == len(CANDIDATES) - better
    assert search.found.rows == search.trials.rows == sum(takes)


def test_of_many_those_that_turn_the_first_take_back_are_muted_in_the_second_though_others_move_the_margin_more() -> (
    None
):
    found = searched(one(5), effect=lambda group: 11.0 if unit(5) in group else 0.0, several=False)
    last = next(muted for muted in found.measured if muted.group == (unit(5),))
    assert last.effect > 0 and len(last.back) == FIRST_TAKES


def test_sets_of_several_units_are_looked_for_only_where_that_is_asked() -> None:
    cause = stand_ins(4, 17)
    assert len(searched(cause).group) == 2
    found = searched(cause, several=False)
    assert not found.group and not found.several and all(len(muted.group) == 1 for muted in found.groups)


@pytest.mark.parametrize("how", [{"heard_as_target": 0}, {"prompts": ()}], ids=["not heard", "no other prompt"])
def test_case_what_cannot_be_tried_is_not_searched_and_not_found(how: dict[str, Any]) -> None:
    search = Searched(one(3), locations=PLACES, **how)
    found = search.found
    assert not found.group and not found.groups and not found.alternates and not search.put_in.rows
    assert all(len(group) == 1 for group in search.trials.played)


@pytest.mark.parametrize("cause", [one(3), stand_ins(2, 9), Cause(never, never)])
def test_the_share_that_is_done_only_grows(cause: Cause) -> None:
    told = Searched(cause).told
    assert told == sorted(told) and all(0 <= share <= 1 for share in told) and told


# --- in generators ----------------------------------------------------------------------------------------------------


def in_generator(
    what: Known, ranked: Sequence[Unit], locations: Sequence[Location] = (), contrast: Contrast = CONTRAST
) -> SearchResult:
    trials = MutingTrials(what.context, what.takes, contrast)
    return search_causes(trials, ranked, other_prompts(contrast), locations)


def test_a_planted_neuron_of_the_text_encoder_is_found_alone() -> None:
    found = in_generator(known((READER,)), (BYSTANDER, READER, OTHER))
    assert (found.group, found.found_by) == ((READER,), "alone") and not found.alternates
    assert found.brought[(READER,)].brings and found.other_prompt in other_prompts(CONTRAST)


def test_where_the_neuron_is_no_candidate_its_location_is_found() -> None:
    found = in_generator(known((READER,)), (BYSTANDER, OTHER), [PLAYS, READS])
    assert (found.group, found.found_by) == ((READS,), "location")


def test_planted_stand_ins_are_found_together() -> None:
    found = in_generator(known((FIRST, SECOND)), (BYSTANDER, FIRST, OTHER, SECOND))
    assert found.found_by == "together" and set(found.group) == {FIRST, SECOND}
    assert found.trial is not None and found.trial.turns


def test_a_search_is_reproducible() -> None:
    one, other = (in_generator(known((FIRST, SECOND)), (BYSTANDER, FIRST, OTHER, SECOND), [PLAYS]) for _ in range(2))
    assert one == other


def test_case_every_take_is_heard_as_something_else_and_no_unit_is_blamed() -> None:
    found = in_generator(known(), (BYSTANDER, FIRST), [PLAYS], Contrast(target=FOIL))
    assert not found.group and not any(muted.share for muted in found.measured)
