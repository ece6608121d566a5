"""What is verified follows from what was found: the set, its members, cut points, the interchange and the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import Attribution
from tonescope.diagnose.causes.muting_trials import Group, Muted
from tonescope.diagnose.causes.search import SearchResult
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Variant
from tonescope.diagnose.jobs import variant_names as names
from tonescope.diagnose.jobs import verification_plan
from tonescope.diagnose.jobs.verification_plan import (
    CUTS,
    LARGEST_TAKEN_APART,
    Estimates,
    Interchange,
    Plan,
    rows_at_most,
    step_cuts,
    to_leave_out,
    words_to_predict,
)
from tonescope.diagnose.prompts.phrases import chunked, phrases_in
from tonescope.diagnose.schema import FoundBy
from tonescope.diagnose.settings import Settings
from tonescope.models.units import Location, Unit

TAKES = 6
MLP, SELF, TEXT = (Location.parse(name) for name in ("decoder.0.mlp", "decoder.0.self", "text.0.mlp"))
LATER = Location.parse("decoder.1.mlp")
SETTINGS = Settings(tested_units=1, tested_words=0)
PROMPT = "jazz fusion with piano"


def neurons(*indices: int, at: Location = MLP) -> tuple[Unit, ...]:
    return tuple(Unit(at, index) for index in indices)


def attribution() -> Attribution:
    """Forty neurons in each of three places and four heads; neuron 7 drives, neuron 8 half as much."""
    units = {MLP: torch.zeros(TAKES, 40), LATER: torch.zeros(TAKES, 40), TEXT: torch.zeros(TAKES, 40)}
    units |= {SELF: torch.zeros(TAKES, 4)}
    units[MLP][:, 7], units[MLP][:, 8] = -2.0, -1.0
    draw = torch.Generator().manual_seed(0)
    activity = {location: torch.rand(effects.shape[1], generator=draw) for location, effects in units.items()}
    return Attribution(units, activity, torch.zeros(TAKES, 10), torch.zeros(TAKES, 24), torch.zeros(TAKES))


def alone(*units: Unit, share: float = 0.0) -> list[Muted]:
    """What a search measured of units one by one."""
    back = {seed: seed < 4 * share for seed in range(4)}
    changes = dict.fromkeys(range(4), -1.0)
    return [Muted((unit,), dict(changes), dict(changes), dict(back)) for unit in units]


def searched(
    *group: Unit | Location, found_by: FoundBy = "together", alternates: Sequence[Unit] = (), measured: Group = ()
) -> SearchResult:
    tried = [target for target in (*group, *measured) if isinstance(target, Unit)]
    changes = dict.fromkeys(range(4), -3.0)
    trial = Muted(tuple(group), changes, changes, dict.fromkeys(range(4), True))
    found = SearchResult(tuple(group), found_by, trial, list(alternates), measured=alone(*tried), rows=80)
    found.groups.append(trial)
    return found


def estimates(
    search: SearchResult | None = None, prompt: str = PROMPT, predicted: Mapping[str, Sequence[float]] | None = None
) -> Estimates:
    words = phrases_in(prompt, tiny.generator().read_text([prompt]))
    return Estimates(prompt, words, attribution(), predicted or {}, search)


def plan_of(search: SearchResult | None, settings: Settings = SETTINGS, bare: str | None = None) -> Plan:
    return Plan.make(estimates(search), settings, bare)


def put_into_jazz(group: Group, draws: Sequence[Group]) -> Interchange:
    """With a control, where there is something to draw."""
    return Interchange("jazz", (), tuple(Edit(draw) for draw in draws))


def edits_of(plan: Plan, name: str) -> list[Edit | None]:
    """The edits of a variant, one a take."""
    return next(variant for variant in plan.variants if variant.name == name).edits(SETTINGS.takes)


def played(plan: Plan) -> list[str]:
    return [variant.name for variant in plan.variants]


# --- words ------------------------------------------------------------------------------------------------------------


def test_every_word_that_can_be_left_out_is_predicted_and_of_many_the_steepest(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, found = tiny.generator(), attribution()

    def ahead(prompt: str) -> list[str | None]:
        words = phrases_in(prompt, generator.read_text([prompt]))
        return [variant.prompt for variant in words_to_predict(prompt, words, found)]

    assert ahead("house") == [] and ahead("house piano") == ["piano", "house"]
    monkeypatch.setattr(verification_plan, "PREDICTED_WORDS", 1)
    prompt = "house piano jazz"
    middle = phrases_in(prompt, generator.read_text([prompt]))[1]
    found.tokens[:, list(middle.tokens)] = 0.5  # the sign does not matter
    assert ahead(prompt) == ["house jazz"]


def test_words_are_chosen_by_what_is_predicted_without_them() -> None:
    prompt, settings = "house piano jazz", SETTINGS.model_copy(update={"tested_words": 1})
    words = estimates(prompt=prompt).words
    predicted = {names.word(word): [change] * 4 for word, change in zip(words, (1.0, -1.0, 0.0), strict=True)}
    # The first word has a gradient of -9 alone, which is no match for what was predicted.
    for known in (predicted, {name: changes for name, changes in predicted.items() if "house" not in name}):
        known_estimates = estimates(prompt=prompt, predicted=known)
        known_estimates.found.tokens[:, list(words[0].tokens)] = -9.0
        assert [word.name for word in known_estimates.ranked_words] == ["piano", "jazz", "house"]
        plan = Plan.make(known_estimates, settings, None)
        assert [variant.prompt for variant in plan.variants] == ["house jazz"]
    only = estimates(prompt=prompt)
    only.found.tokens[:, list(words[0].tokens)] = -9.0
    assert only.ranked_words[0].text == "house"


def test_what_refuses_is_left_out_whatever_was_estimated_for_it() -> None:
    prompt = "dark jazz with piano, no drums, no vocals, avoid polka"
    words = chunked(prompt)
    for count, refusing in ((0, 0), (1, 1), (2, 1), (4, 2), (6, 3), (9, 3)):
        chosen = to_leave_out(prompt, words, count)
        assert len(chosen) == min(count, len(words)) and sum(word.negates is not None for word in chosen) == refusing
    assert [word.name for word in to_leave_out(prompt, words, 2)] == ["dark", "no drums"]
    assert to_leave_out("no drums", chunked("no drums"), 3) == ()


# --- the set ----------------------------------------------------------------------------------------------------------


def test_the_set_is_muted_beside_as_many_random_units_that_share_nothing_with_it() -> None:
    group = neurons(7, 8, 20, 21, 22, 23)
    plan = plan_of(searched(*group))
    assert played(plan)[:2] == [names.MUTED, names.CONTROL] and len(set(played(plan))) == len(plan.variants)
    assert edits_of(plan, names.MUTED) == [Edit(group)] * SETTINGS.takes
    controls = edits_of(plan, names.CONTROL)
    assert len(set(controls)) > 1 and plan.control_units == len(group)
    for control in controls:
        assert control is not None and len(control.targets) == len(group) and not set(group) & set(control.targets)
    assert names.BARE not in played(plan) and names.BARE in played(plan_of(searched(*group), bare="jazz fusion"))


def test_of_a_set_of_three_every_member_is_muted_alone_beside_a_control_and_left_out() -> None:
    group = neurons(7, 8, 20)
    plan = plan_of(searched(*group))
    for unit in group:
        assert edits_of(plan, names.unit(unit)) == [Edit((unit,))] * SETTINGS.takes
        assert edits_of(plan, names.set_without(unit)) == [Edit(tuple(u for u in group if u != unit))] * SETTINGS.takes
        for control in edits_of(plan, names.control(unit)):
            assert control is not None and len(control.targets) == 1 and not set(control.targets) & set(group)
        assert plan.beside[names.unit(unit)] == names.control(unit)
    assert plan.singles[:3] == group


def test_what_does_it_in_the_place_of_a_member_is_muted_in_its_place() -> None:
    group, (other,) = neurons(7, 8), neurons(20)
    found = searched(*group, alternates=(other,))
    assert names.in_place(other) not in played(plan_of(found))
    found.in_place = {other: (group[0], other)}
    assert edits_of(plan_of(found), names.in_place(other)) == [Edit((group[0], other))] * SETTINGS.takes
    found.in_place = {unit: (group[0], unit) for unit in neurons(*range(20, 40))}
    swapped = [name for name in played(plan_of(found)) if name.startswith("in_place")]
    assert len(swapped) == LARGEST_TAKEN_APART


def test_a_set_of_one_is_tested_as_the_set() -> None:
    (unit,) = neurons(7)
    plan = plan_of(searched(unit, found_by="alone", measured=neurons(8, 9)))
    assert edits_of(plan, names.MUTED) == [Edit((unit,))] * SETTINGS.takes
    assert not {names.unit(unit), names.control(unit), names.set_without(unit)} & set(played(plan))
    assert unit not in plan.singles


def test_a_large_set_is_not_taken_apart() -> None:
    group = neurons(*range(10, 11 + LARGEST_TAKEN_APART))
    plan = plan_of(searched(*group, measured=neurons(7)))
    assert not [name for name in played(plan) if name.startswith("set_without")]
    assert plan.singles == neurons(10)  # what did most, as of any set


def test_alternates_come_before_other_candidates_and_both_have_room_beside_the_members() -> None:
    def singles(count: int) -> tuple[Unit, ...]:
        found = searched(*neurons(7, 8), alternates=neurons(9), measured=neurons(10, 11))
        return plan_of(found, SETTINGS.model_copy(update={"tested_units": count})).singles

    assert singles(0) == singles(2) == neurons(7, 8)
    assert singles(3) == neurons(7, 8, 9) and singles(4) == neurons(7, 8, 9, 10)


def test_doses_of_the_set_stand_beside_doses_of_random_units() -> None:
    plan = plan_of(searched(*neurons(7, 8)), SETTINGS.model_copy(update={"doses": (0.5, 2.0)}))
    for scale in (0.5, 2.0):
        assert edits_of(plan, names.dose(scale))[0] == Edit(neurons(7, 8), "scale", scale)
        random = [edit for edit in edits_of(plan, names.dose_control(scale)) if edit]
        muted = [edit for edit in edits_of(plan, names.CONTROL) if edit]
        assert [edit.targets for edit in random] == [edit.targets for edit in muted]
        assert {(edit.kind, edit.value) for edit in random} == {("scale", scale)}


# --- cut points -------------------------------------------------------------------------------------------------------


def test_the_set_is_muted_from_some_seconds_on() -> None:
    plan = plan_of(searched(*neurons(7, 8)), SETTINGS.model_copy(update={"seconds": 4.0}))
    assert plan.cuts == tuple(4.0 * share for share in CUTS) and len(plan.cuts) == 3
    for second in plan.cuts:
        assert edits_of(plan, names.cut(second))[0] == Edit(neurons(7, 8), seconds=(second, 4.0))


@pytest.mark.parametrize(
    ("group", "seconds"),
    [
        (neurons(3, at=TEXT), 4.0),
        ((*neurons(7), *neurons(3, at=TEXT)), 4.0),
        ((TEXT,), 4.0),
        (neurons(7), 0.9),
    ],
    ids=["text encoder", "text encoder and decoder", "all of a place in the text encoder", "very short"],
)
def test_there_are_no_cut_points_in_the_text_encoder_nor_in_very_short_takes(group: Group, seconds: float) -> None:
    plan = plan_of(searched(*group), SETTINGS.model_copy(update={"seconds": seconds}))
    assert plan.cuts == () and not [name for name in played(plan) if name.startswith("muted_from")]
    assert names.MUTED in played(plan)


def test_a_set_that_denoises_is_muted_from_some_steps_on_and_until_them() -> None:
    group, settings = neurons(7, 8), SETTINGS
    plan = Plan.make(estimates(searched(*group)), settings, None, steps_of=lambda place: 100)
    assert plan.step_cuts == (12, 25, 50) and plan.steps == 100
    for step in plan.step_cuts:
        assert edits_of(plan, names.from_step(step))[0] == Edit(group, steps=(step, 100))
        assert edits_of(plan, names.until_step(step))[0] == Edit(group, steps=(0, step))
    assert settings.takes * (1 + len(plan.variants)) <= rows_at_most(settings, 100)
    mixed = Plan.make(estimates(searched(*group)), settings, None, steps_of=lambda place: 1)
    assert mixed.step_cuts == () and not [name for name in played(mixed) if "step" in name]


@pytest.mark.parametrize(("steps", "cuts"), [(1, ()), (2, (1,)), (5, (1, 2)), (8, (1, 2, 4))])
def test_few_steps_are_cut_at_few(steps: int, cuts: tuple[int, ...]) -> None:
    assert step_cuts(steps) == cuts


# --- interchange ------------------------------------------------------------------------------------------------------


def test_the_activations_of_the_set_are_put_into_another_prompt_beside_that_prompt_as_it_is() -> None:
    group, asked, drawn = neurons(7, 8), list[Group](), list[Group]()
    edits = tuple(Edit(group, "zero", strength=0.1 * (1 + row)) for row in range(SETTINGS.takes))

    def interchange(given: Group, draws: Sequence[Group]) -> Interchange:
        asked.append(given)
        drawn.extend(draws)
        return Interchange("jazz", edits, tuple(Edit(draw) for draw in draws))

    plan = Plan.make(estimates(searched(*group)), SETTINGS, None, interchange)
    good, put_in = (next(v for v in plan.variants if v.name == name) for name in (names.GOOD, names.PUT_IN))
    assert asked == [group] and good == Variant(names.GOOD, prompt="jazz")
    assert (put_in.edit, put_in.prompt) == (edits, "jazz") and plan.beside[names.PUT_IN] == names.PUT_IN_CONTROL
    assert edits_of(plan, names.PUT_IN_CONTROL) == [Edit(draw) for draw in drawn] == edits_of(plan, names.CONTROL)
    assert {names.GOOD, names.PUT_IN_CONTROL} <= plan.controls and names.PUT_IN not in plan.controls
    assert not {names.GOOD, names.PUT_IN} & set(played(plan_of(searched(*group))))


def test_what_is_put_in_without_a_control_is_beside_nothing() -> None:
    plan = Plan.make(estimates(searched(*neurons(7))), SETTINGS, None, lambda group, draws: Interchange("jazz", ()))
    assert names.PUT_IN in played(plan) and names.PUT_IN not in plan.beside and names.GOOD in plan.controls


# --- alternates -------------------------------------------------------------------------------------------------------


def test_an_alternate_is_held_against_the_set_without_the_member_that_it_stands_for() -> None:
    (first, second), alternate = neurons(7, 8), neurons(30)[0]
    search = searched(first, second, alternates=[alternate])
    search.in_place = {alternate: (second, alternate)}
    plan = plan_of(search)
    assert plan.beside[names.in_place(alternate)] == names.set_without(first)
    assert names.set_without(first) not in plan.controls  # whether the set does less without it is asked too


# --- whole locations --------------------------------------------------------------------------------------------------


def test_a_whole_location_stands_beside_another_of_its_site() -> None:
    plan = plan_of(searched(MLP, found_by="location", measured=neurons(7)))
    assert edits_of(plan, names.MUTED) == [Edit((MLP,))] * SETTINGS.takes
    assert edits_of(plan, names.CONTROL) == [Edit((LATER,))] * SETTINGS.takes and plan.control_units == 1
    assert plan.cuts and not [name for name in played(plan) if name.startswith("set_without")]


def test_case_a_location_that_has_none_like_it_stands_beside_nothing_that_could_prove_it() -> None:
    plan = plan_of(searched(TEXT, found_by="location"))
    assert edits_of(plan, names.CONTROL) == [None] * SETTINGS.takes and plan.control_units == 0


# --- nothing to test, and how much is played --------------------------------------------------------------------------


@pytest.mark.parametrize("search", [None, SearchResult()], ids=["quick", "nothing found"])
def test_without_a_set_no_unit_is_played(search: SearchResult | None) -> None:
    plan = plan_of(search, Settings(quick=search is None, tested_words=3), bare="jazz")
    assert plan.variants and all(variant.edit is None and variant.prompt for variant in plan.variants)
    assert (plan.beside, plan.singles, plan.cuts, plan.interchange) == ({}, (), (), None)


@pytest.mark.parametrize("size", [1, 2, LARGEST_TAKEN_APART, 12])
@pytest.mark.parametrize("settings", [Settings(), Settings(tested_units=0), Settings(tested_units=9, doses=(0.5, 2.0))])
def test_no_plan_plays_more_than_is_counted_on(size: int, settings: Settings) -> None:
    prompt = "jazz fusion with piano and drums, fast, no house music"
    found = searched(*neurons(*range(size)), alternates=neurons(*range(20, 30)), measured=neurons(*range(30, 38)))
    plan = Plan.make(estimates(found, prompt), settings, "jazz fusion", put_into_jazz)
    assert settings.takes * (1 + len(plan.variants)) <= rows_at_most(settings)
    assert rows_at_most(settings.model_copy(update={"quick": True})) < rows_at_most(settings)


def test_every_name_is_that_of_one_variant() -> None:
    found = searched(*neurons(7, 8, 20), alternates=neurons(9), measured=neurons(10))
    settings = Settings(tested_units=5, tested_words=3, doses=(0.5,))
    plan = Plan.make(estimates(found), settings, "jazz", put_into_jazz)
    assert len(set(played(plan))) == len(plan.variants)
    assert set(plan.beside) | set(plan.beside.values()) <= set(played(plan))
