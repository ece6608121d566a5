"""Outcomes become results: a group is convincing only if it beats its control and the sound held, and everything that
was tested shares one family of q-values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from tests.diagnose.jobs.test_verification_plan import (
    MLP,
    SETTINGS,
    TAKES,
    estimates,
    neurons,
    put_into_jazz,
    searched,
)
from tonescope.diagnose.causes.interchange import Brought
from tonescope.diagnose.causes.muting_trials import Muted
from tonescope.diagnose.causes.search import SearchResult
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs import variant_names as names
from tonescope.diagnose.jobs.verification_plan import Plan
from tonescope.diagnose.jobs.verification_results import Reading, Results
from tonescope.diagnose.schema import Contrast, Dose, GroupTest, SecondDriver, SoundChange, Trial, UnitDriver
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import BELIEVED, adjusted, effect
from tonescope.models.units import Unit

WHOLE = SETTINGS.model_copy(update={"tested_units": 5, "tested_words": 2, "doses": (0.5,)})
SECONDS = [
    SecondDriver(
        start=0, end=1, target_probability=1, foil_probability=0, estimated=effect([0.0]), verified=effect([-1.0, -1.1])
    )
]


class Heard:
    """A verifier whose changes are given: for each variant, the change of the margin in every take.

    Args:
        changes: by the name of the variant; the others change nothing.
        broken: the variant whose sound broke.
        flips: takes that are no longer heard as the target, by the name of the variant.
    """

    contrast = Contrast(target="techno", foil="house")

    def __init__(
        self, changes: dict[str, float] | None = None, *, broken: str | None = None, flips: dict[str, int] | None = None
    ) -> None:
        self.broken, self.changes, self.flips = broken, changes or {}, flips or {}
        self.takes = TAKES
        self.heard = dict[str, list[str]]()
        self.outcomes: dict[str, Any] = {}

    def change(self, outcome: str, beside: str | None = None) -> list[float]:
        mean, other = self.changes.get(outcome, 0.0), self.changes.get(beside or "", 0.0)
        return [mean - other + 0.1 * (-1) ** take for take in range(self.takes)]

    def trial(self, outcome: str, q: float | None = None) -> Trial:
        nothing = effect([0.0])
        return Trial(
            variant=outcome,
            prompt="",
            effect=effect(self.change(outcome)),
            q=q,
            flips=self.flips.get(outcome, 0),
            flippable=TAKES,
            heard={},
            sound=SoundChange(level_db=nothing, spectrum_db=nothing, onsets=nothing, broke=outcome == self.broken),
        )

    def of(self, plan: Plan) -> Played:
        """With every variant of a plan played."""
        self.outcomes = {
            variant.name: SimpleNamespace(
                heard=self.heard.get(variant.name, ["house"] * TAKES),
                broke=torch.full((TAKES,), variant.name == self.broken),
            )
            for variant in plan.variants
        }
        return cast(Played, self)


def made(search: SearchResult | None = None, settings: Settings = WHOLE, bare: str | None = None) -> Plan:
    found = search or searched(*neurons(7, 8, 20), alternates=neurons(9), measured=neurons(10, 11))
    return Plan.make(estimates(found), settings, bare, put_into_jazz)


def results(heard: Heard, plan: Plan | None = None) -> Results:
    plan = plan or made()
    return Reading(plan, heard.of(plan), SECONDS).results(None)


def group_of(heard: Heard, plan: Plan | None = None) -> GroupTest:
    group = results(heard, plan).group
    assert group is not None
    return group


def rows_of(found: Results) -> dict[str, UnitDriver]:
    return {row.unit: row for row in found.units}


# --- the set ----------------------------------------------------------------------------------------------------------


def test_a_group_that_beats_its_control_convinces() -> None:
    group = group_of(Heard({names.MUTED: -3.0}, flips={names.MUTED: TAKES}))
    assert group.convincing and group.turns and group.difference.mean == pytest.approx(-3.0)
    assert group.q is not None and group.q < BELIEVED and group.badge == "verified"
    assert not group_of(Heard({names.MUTED: -3.0}, flips={names.MUTED: 2})).turns


@pytest.mark.parametrize(
    "changes", [{}, {names.MUTED: -3.0, names.CONTROL: -3.0}, {names.MUTED: 3.0}], ids=["none", "as control", "more"]
)
def test_a_group_no_better_than_its_control_does_not(changes: dict[str, float]) -> None:
    group = group_of(Heard(changes, flips={names.MUTED: TAKES, names.CONTROL: TAKES}))
    assert not group.convincing and not group.turns and group.badge == "tested"


@pytest.mark.parametrize("broken", [names.MUTED, names.CONTROL])
def test_case_a_broken_sound_on_either_side_proves_nothing(broken: str) -> None:
    group = group_of(Heard({names.MUTED: -3.0}, broken=broken, flips={names.MUTED: TAKES}))
    assert not group.convincing and not group.turns


@pytest.mark.parametrize("control_units", [0, 2])
def test_too_few_random_units_convince_no_one(control_units: int) -> None:
    plan = replace(made(), control_units=control_units)
    assert not group_of(Heard({names.MUTED: -3.0}, flips={names.MUTED: TAKES}), plan).convincing


def test_one_take_never_convinces() -> None:
    few = Heard({names.MUTED: -3.0}, flips={names.MUTED: TAKES})
    few.takes = 1
    assert not group_of(few).convincing


def test_every_unit_of_the_set_is_named_whatever_found_it() -> None:
    for group, found_by in (
        (neurons(7), "alone"),
        (neurons(7, 8, 20), "together"),
        (neurons(*range(30)), "gradients"),
        ((MLP,), "location"),
    ):
        plan = made(searched(*group, found_by=found_by))  # type: ignore[arg-type]
        found = group_of(Heard(), plan)
        assert found.names == [str(target) for target in group] and found.units == len(group)
        assert (found.found_by, found.control_units) == (found_by, len(group))
        assert GroupTest.model_validate_json(found.model_dump_json()).names == found.names


def test_a_whole_location_can_convince_beside_another() -> None:
    plan = made(searched(MLP, found_by="location"))
    assert group_of(Heard({names.MUTED: -3.0}, flips={names.MUTED: TAKES}), plan).turns


def test_what_the_search_measured_stands_beside_what_was_verified() -> None:
    group = group_of(Heard({names.MUTED: -2.0}))
    assert group.searched is not None and group.searched.mean == -3.0 and group.muted.effect.mean == pytest.approx(-2)


# --- units ------------------------------------------------------------------------------------------------------------


def test_members_alternates_and_candidates_are_told_apart() -> None:
    rows = rows_of(results(Heard()))
    roles = {role: {unit for unit, row in rows.items() if row.role == role} for role in ("member", "alternate")}
    assert roles["member"] == {str(unit) for unit in neurons(7, 8, 20)}
    assert roles["alternate"] == {str(unit) for unit in neurons(9)}
    assert {row.role for unit, row in rows.items() if unit in {str(unit) for unit in neurons(10, 11)}} == {"candidate"}


def test_what_was_muted_in_the_search_alone_is_observed_and_not_tested() -> None:
    rows = rows_of(results(Heard()))
    badges = {row.verified is not None: row.badge for row in rows.values() if row.searched and not row.in_place}
    assert badges[False] == "observed" and badges[True] in ("tested", "verified")


def test_of_each_member_is_told_what_it_does_alone_and_what_the_set_does_without_it() -> None:
    first, second, third = neurons(7, 8, 20)
    flips = {names.set_without(first): 0, names.set_without(second): 2, names.set_without(third): TAKES}
    rows = rows_of(results(Heard({names.unit(first): -2.0}, flips=flips)))
    member = rows[str(first)]
    assert member.verified is not None and member.verified.effect.mean == pytest.approx(-2.0)
    assert member.control is not None and member.set_without is not None and member.badge == "verified"
    assert [rows[str(unit)].needed for unit in (first, second, third)] == [True, True, False]
    assert rows[str(neurons(9)[0])].needed is None


def test_of_each_alternate_of_a_set_is_told_what_it_does_in_the_place_of_a_member_however_little_it_does_alone() -> (
    None
):
    group, alternates = neurons(7, 8, 20), neurons(30, 31)
    search = searched(*group, alternates=alternates, measured=neurons(*range(9, 30)))
    search.in_place = {unit: (*group[1:], unit) for unit in alternates}
    name = names.in_place(alternates[0])
    rows = rows_of(results(Heard({name: -2.0}, flips={name: 3}), made(search)))
    first, second = (rows[str(unit)] for unit in alternates)
    assert first.in_place is not None and first.in_place.flips == 3 and first.badge == "verified"
    assert second.in_place is not None and second.in_place.flips == 0 and second.badge == "tested"
    assert rows[str(group[0])].in_place is None


def test_an_alternate_counts_by_what_it_does_beyond_the_rest_of_the_set() -> None:
    (first, second), alternate = neurons(7, 8), neurons(30)[0]
    search = searched(first, second, alternates=[alternate])
    search.in_place = {alternate: (second, alternate)}

    def badge(rest: float) -> str:
        done = Heard({names.in_place(alternate): -6.0, names.set_without(first): rest})
        return rows_of(results(done, made(search)))[str(alternate)].badge

    assert badge(rest=0.0) == "verified" and badge(rest=-6.0) == "tested"


def test_a_set_of_one_is_no_surer_as_a_unit_than_as_the_set() -> None:
    (unit,) = neurons(7)
    done = Heard({names.MUTED: -3.0}, flips={names.MUTED: TAKES}, broken=names.CONTROL)
    found = results(done, made(searched(unit, found_by="alone")))
    assert found.group is not None and found.group.badge == rows_of(found)[str(unit)].badge == "tested"


def test_a_set_of_one_is_a_unit_that_was_verified_as_the_set() -> None:
    (unit,) = neurons(7)
    found = results(
        Heard({names.MUTED: -3.0}, flips={names.MUTED: TAKES}),
        made(searched(unit, found_by="alone", measured=neurons(8))),
    )
    row = rows_of(found)[str(unit)]
    assert found.group is not None and row.verified is not None and found.units[0] is row
    assert row.role == "member" and row.verified.q == found.group.q and row.badge == "verified"
    assert row.difference == found.group.difference and row.control == found.group.control


def test_a_unit_counts_by_what_it_does_beyond_its_control() -> None:
    (unit, *_) = neurons(7)
    row = rows_of(results(Heard({names.unit(unit): -3.0, names.control(unit): -3.0})))[str(unit)]
    assert row.verified is not None and row.verified.effect.mean == pytest.approx(-3.0)
    assert row.difference is not None and row.difference.mean == pytest.approx(0.0)
    assert row.verified.q is not None and row.verified.q > BELIEVED


def test_units_stand_in_the_order_of_what_they_did() -> None:
    unit, other, third = neurons(7, 8, 20)
    found = results(Heard({names.unit(other): -4.0, names.unit(unit): -2.0}))
    shown = [row.unit for row in found.units]
    assert shown[:2] == [str(other), str(unit)]
    tested = [row.verified is not None for row in found.units]
    assert tested == sorted(tested, reverse=True)
    broken = results(Heard({names.unit(other): -4.0, names.unit(unit): -2.0}, broken=names.unit(other)))
    assert broken.units[0].unit == str(unit) and rows_of(broken)[str(other)].badge == "tested"
    assert str(third) in shown


def test_what_does_it_stands_before_what_does_more_and_is_not_enough() -> None:
    unit, other, _ = neurons(7, 8, 20)
    search = searched(*neurons(7, 8, 20))
    search.group, search.found_by = (unit,), "alone"
    found = results(Heard({names.unit(other): -8.0, names.MUTED: -4.0}), made(search))
    assert [row.unit for row in found.units[:2]] == [str(unit), str(other)]
    search.found_by = "gradients"  # then no few units do it, and each counts by what it does
    found = results(Heard({names.unit(other): -8.0, names.MUTED: -4.0}), made(search))
    assert [row.unit for row in found.units[:2]] == [str(other), str(unit)]


def test_a_unit_that_brings_nothing_stands_behind_those_that_bring_the_target() -> None:
    unit, other, _ = neurons(7, 8, 20)
    search = searched(*neurons(7, 8, 20))
    search.brought = {(other,): Brought((other,), {}, dict.fromkeys(range(4), False))}
    search.brought |= {(unit,): Brought((unit,), {}, dict.fromkeys(range(4), True))}
    rows = results(Heard({names.unit(other): -4.0, names.unit(unit): -2.0}), made(search)).units
    assert [row.unit for row in rows[:2]] != [str(other), str(unit)] and rows[0].unit == str(unit)
    brings = {row.unit: row.brings for row in rows}
    assert brings[str(unit)] is not None and brings[str(unit)].count == brings[str(unit)].total == 4  # type: ignore[union-attr]
    assert brings[str(other)] is not None and brings[str(other)].count == 0  # type: ignore[union-attr]
    assert brings[str(neurons(20)[0])] is None


def test_units_that_gradients_do_not_reach_have_no_estimate() -> None:
    strange = Unit.parse("codec.0.decoder:1")
    search = searched(*neurons(7, 8))
    search.measured.append(Muted((strange,), {1: -1.0}, {1: -1.0}, {1: False}))
    rows = rows_of(results(Heard(), made(search, SETTINGS)))
    reached = rows[str(neurons(7)[0])].estimated
    assert rows[str(strange)].estimated is None and reached is not None and reached.mean == -2.0


@pytest.mark.parametrize("what", ["unit", "dose"])
def test_unit_and_dose_are_sure_only_beside_a_control_whose_sound_holds(what: str) -> None:
    single = neurons(7)[0]
    name, control = {
        "unit": (names.unit(single), names.control(single)),
        "dose": (names.dose(0.5), names.dose_control(0.5)),
    }[what]

    def found(broken: str | None, beside: float = 0.0) -> UnitDriver | Dose:
        told = results(Heard({name: -3.0, control: beside}, broken=broken))
        assert told.group is not None
        return rows_of(told)[str(single)] if what == "unit" else told.group.doses[0]

    def badge(row: UnitDriver | Dose) -> str:
        trial = row.verified if isinstance(row, UnitDriver) else row.trial
        assert trial is not None
        return trial.badge

    assert badge(found(None)) == "verified" and badge(found(None, beside=-3.0)) == "tested"
    row = found(control)
    assert badge(row) == "tested" and row.difference is not None and row.difference.mean == pytest.approx(-3.0)


# --- everything else --------------------------------------------------------------------------------------------------


def test_the_set_is_tested_alone_and_everything_else_shares_one_family_of_q_values() -> None:
    plan = made(bare="jazz")
    units = {names.unit(unit): -0.05 * (1 + row) for row, unit in enumerate(neurons(7, 8, 20))}
    heard = Heard({names.MUTED: -0.2, names.cut(0.5): -0.1, names.PUT_IN: 0.15} | units)
    reading = Reading(plan, heard.of(plan), SECONDS)
    tested = [variant.name for variant in plan.variants if variant.name not in plan.controls]
    tested.remove(names.MUTED)
    for kind in ("times:", "without_unit:", "set_without:", "muted_from:", "put_in", "bare_", "without_word:"):
        assert any(name.startswith(kind) for name in tested), kind
    ps = [effect(heard.change(name, plan.beside.get(name))).p for name in tested]
    expected = adjusted([*ps, SECONDS[0].verified.p])
    primary = effect(heard.change(names.MUTED, names.CONTROL)).p
    assert reading.q == {**dict(zip(tested, expected, strict=False)), names.MUTED: primary}
    assert reading.seconds[0].q == expected[-1] and primary not in expected
    told = reading.results(None)
    assert told.group is not None and told.group.q == reading.q[names.MUTED]
    assert told.sufficiency is not None and told.sufficiency.q == reading.q[names.PUT_IN]
    assert [cut.trial.q for cut in told.cut_points] == [reading.q[names.cut(cut.second)] for cut in told.cut_points]
    assert len({q for q in expected if q is not None}) > 2


def test_where_muting_found_no_set_the_unit_that_did_most_is_what_is_tested_alone() -> None:
    most, other = neurons(20, 21)  # of the large set
    plan = made(searched(*neurons(*range(20, 32)), found_by="gradients"))
    heard = Heard({names.unit(most): -0.2, names.unit(other): -0.1, names.MUTED: -0.15})
    reading = Reading(plan, heard.of(plan), SECONDS)
    tested = [variant.name for variant in plan.variants if variant.name not in plan.controls]
    tested.remove(names.unit(most))
    ps = [effect(heard.change(name, plan.beside.get(name))).p for name in tested]
    expected = adjusted([*ps, SECONDS[0].verified.p])
    primary = effect(heard.change(names.unit(most), names.control(most))).p
    assert reading.q == {**dict(zip(tested, expected, strict=False)), names.unit(most): primary}
    assert primary not in expected and names.MUTED in tested
    row = rows_of(reading.results(None))[str(most)]
    assert row.verified is not None and row.verified.q == primary and row.role == "member"


def test_controls_are_not_counted_among_what_was_tested() -> None:
    found = results(Heard(), made(bare="jazz fusion"))
    assert found.group is not None and found.group.control.q is None
    rows = [row for row in found.units if row.verified]
    assert rows and all(row.control is not None and row.control.q is None for row in rows)
    assert all(row.verified is not None and row.verified.q is not None for row in rows)
    assert found.bare is not None and found.bare.q is not None


def test_cut_points_are_told_in_the_order_of_time() -> None:
    seconds = [cut.second for cut in results(Heard()).cut_points]
    assert seconds == sorted(seconds) == [0.5, 1.0, 2.0]


def test_what_was_searched_is_told_and_its_share_is_of_what_was_tried_in_all_takes() -> None:
    search = searched(*neurons(7, 8), measured=neurons(10))
    search.measured.append(Muted(neurons(11), {}, {}, {1: True, 2: True}))  # by chance, in two takes
    search.groups = [Muted(neurons(7, 8, 9), {}, {}, {0: True, 1: True, 2: False, 3: False})]
    record = results(Heard(), made(search)).search
    assert record is not None
    assert (record.candidates, record.generations, record.largest_group, record.largest_share) == (4, 80, 3, 0.5)


def test_without_a_search_nothing_is_told_of_units() -> None:
    plan = Plan.make(estimates(None), Settings(quick=True), None)
    found = Reading(plan, Heard().of(plan), SECONDS).results(None)
    assert (found.group, found.search, found.units, found.sufficiency, found.cut_points) == (None, None, [], None, [])
    assert found.words and found.seconds


@pytest.mark.parametrize("known", [None, lambda word: word == "piano"])
def test_words_are_told_in_the_order_of_their_estimates(known: Callable[[str], bool] | None) -> None:
    words = results(Heard(), made(settings=WHOLE)).words if known is None else None
    vocabulary = SimpleNamespace(knows=known)
    plan = made()
    told = words or Reading(plan, Heard().of(plan)).results(cast(Any, vocabulary)).words
    assert [word.word for word in told] == [word.name for word in plan.estimates.ranked_words]
    assert [word.known for word in told] == [known is None or known(word.word) for word in told]
    assert sum(word.verified is not None for word in told) == min(2, len(told))
