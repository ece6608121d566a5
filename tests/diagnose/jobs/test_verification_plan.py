"""The plan turns outcomes into results: a group is convincing only if it beats its control and the sound held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import Attribution
from tonescope.diagnose.attribution.greedy_group_search import grown
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.jobs import verification_plan
from tonescope.diagnose.jobs.verification_plan import BARE, CONTROL, MUTED, Estimates, Plan, to_leave_out
from tonescope.diagnose.prompts.phrases import chunked, phrases_in
from tonescope.diagnose.report import sentences
from tonescope.diagnose.schema import Dose, GroupTest, SoundChange, Trial, UnitDriver
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import BELIEVED, effect
from tonescope.models.units import Location, Unit

TAKES = 6
MLP, SELF = Location("decoder", 0, "mlp"), Location("decoder", 0, "self")
FORETOLD = {MUTED: [-2.0] * 4}
SETTINGS = Settings(strongest_share=0.1, tested_units=1, tested_words=0)


def attribution() -> Attribution:
    """Forty neurons and four heads; neuron 7 drives, neuron 8 drives half as much."""
    units = {MLP: torch.zeros(TAKES, 40), SELF: torch.zeros(TAKES, 4)}
    units[MLP][:, 7], units[MLP][:, 8] = -2.0, -1.0
    activity = {location: torch.rand(effects.shape[1]) for location, effects in units.items()}
    return Attribution(units, activity, torch.zeros(TAKES, 10), torch.zeros(TAKES, 8), torch.zeros(TAKES))


class Heard:
    """A verifier whose changes are given: for each variant, the change of the margin in every take."""

    def __init__(self, broken: str | None = None, **changes: float) -> None:
        self.broken, self.changes = broken, changes

    def change(self, outcome: str, beside: str | None = None) -> list[float]:
        mean = self.changes.get(outcome.replace(" ", "_"), 0.0)
        other = self.changes.get(beside.replace(" ", "_"), 0.0) if beside else 0.0
        return [mean - other + 0.1 * (-1) ** take for take in range(TAKES)]

    def trial(self, outcome: str, q: float | None = None) -> Trial:
        sound = SoundChange(
            level_db=effect([0.0]), spectrum_db=effect([0.0]), onsets=effect([0.0]), broke=outcome == self.broken
        )
        return Trial(
            variant=outcome,
            prompt="",
            effect=effect(self.change(outcome)),
            q=q,
            flips=0,
            flippable=TAKES,
            heard={},
            sound=sound,
        )

    def of(self, plan: Plan) -> Heard:
        """With every variant of a plan played."""
        self.outcomes = {variant.name: variant.name for variant in plan.variants}
        return self


def estimates(prompt: str, found: Attribution, group: tuple[Unit, ...], predicted: Any = FORETOLD) -> Estimates:
    words = phrases_in(prompt, tiny.generator().read_text([prompt]))
    return Estimates(prompt, words, found, group, predicted)


def made(bare: str | None = None) -> Plan:
    group = grown((), attribution(), SETTINGS.strongest_share)
    return Plan.make(estimates("jazz fusion with piano", attribution(), group), SETTINGS, bare)


def test_every_word_that_can_be_left_out_is_foreseen_and_of_many_the_steepest(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, found = tiny.generator(), attribution()

    def ahead(prompt: str) -> list[str | None]:
        group, *words = verification_plan.to_predict(
            prompt, phrases_in(prompt, generator.read_text([prompt])), found, (Unit(MLP, 7),)
        )
        assert group.name == MUTED and group.edit == Edit((Unit(MLP, 7),))
        return [variant.prompt for variant in words]

    assert ahead("house") == [] and ahead("house piano") == ["piano", "house"]
    monkeypatch.setattr(verification_plan, "PREDICTED_WORDS", 1)
    prompt = "house piano jazz"
    middle = phrases_in(prompt, generator.read_text([prompt]))[1]
    found.tokens[:, list(middle.tokens)] = 0.5  # the sign does not matter
    assert ahead(prompt) == ["house jazz"]


def test_words_are_chosen_by_what_is_foreseen_without_them() -> None:
    prompt, found = "house piano jazz", attribution()
    text, settings = tiny.generator().read_text([prompt]), SETTINGS.model_copy(update={"tested_words": 1})
    words = phrases_in(prompt, text)
    found.tokens[:, list(words[0].tokens)] = -9.0
    predicted = FORETOLD | {
        verification_plan.word_name(word): [change] * 4 for word, change in zip(words, (1.0, -1.0, 0.0), strict=True)
    }
    group = (Unit(MLP, 7),)
    plan = Plan.make(estimates(prompt, found, group, predicted), settings, None)
    assert [word.name for word in plan.words] == ["piano", "jazz", "house"]
    assert [variant.prompt for variant in plan.variants if variant.prompt] == ["house jazz"]
    some = {name: changes for name, changes in predicted.items() if "house" not in name}
    # the first word has a gradient of -9 alone
    known = Plan.make(estimates(prompt, found, group, some), settings, None)
    assert [word.name for word in known.words] == ["piano", "jazz", "house"]
    only = Plan.make(estimates(prompt, found, group), settings, None)
    assert only.words[0].text == "house"
    drivers = plan.results(Heard().of(plan), None).words  # type: ignore[arg-type]
    assert [driver.estimated.mean for driver in drivers] == [-1.0, 0.0, 1.0]


def group_of(heard: Heard) -> GroupTest:
    plan = made()
    return plan.results(heard.of(plan), None).group  # type: ignore[arg-type]


def test_the_strongest_are_muted_together_and_controls_share_nothing_with_them() -> None:
    plan = made()
    strongest = plan.estimates.strongest
    assert [unit.location for unit in strongest] == [SELF] + [MLP] * 4
    assert {unit.index for unit in strongest[1:3]} == {7, 8}
    controls = next(variant.edit for variant in plan.variants if variant.name == CONTROL)
    assert isinstance(controls, tuple) and len(controls) == SETTINGS.takes and len(set(controls)) > 1
    for control in controls:
        assert len(control.targets) == 5 and not set(strongest) & set(control.targets)
    names = [variant.name for variant in plan.variants]
    assert names[:2] == [MUTED, CONTROL] and len(set(names)) == len(names) and BARE not in names
    assert BARE in [variant.name for variant in made("jazz fusion").variants]


def test_a_group_that_beats_its_control_convinces() -> None:
    group = group_of(Heard(muted=-3.0))
    assert group.convincing and group.difference.mean == pytest.approx(-3.0)
    assert group.q is not None and group.q < BELIEVED


def test_a_group_no_better_than_its_control_does_not() -> None:
    assert not group_of(Heard()).convincing
    assert not group_of(Heard(muted=-3.0, random_muted=-3.0)).convincing
    assert not group_of(Heard(muted=3.0)).convincing


@pytest.mark.parametrize("broken", [MUTED, CONTROL])
def test_a_broken_sound_on_either_side_proves_nothing(broken: str) -> None:
    assert not group_of(Heard(broken, muted=-3.0)).convincing


def test_too_few_random_units_convince_no_one() -> None:
    plan = replace(made(), control_units=4)
    assert not plan.results(Heard(muted=-3.0).of(plan), None).group.convincing  # type: ignore[arg-type]


def test_one_take_never_convinces() -> None:
    few = Heard(muted=-3.0)
    few.change = lambda *names: Heard.change(few, *names)[:1]  # type: ignore[method-assign]
    assert not group_of(few).convincing


def test_controls_are_not_counted_among_what_was_tested() -> None:
    plan = made("jazz fusion")
    found = plan.results(Heard().of(plan), None)  # type: ignore[arg-type]
    assert found.group.control.q is None and found.units[0].control is not None and found.units[0].control.q is None
    assert found.units[0].verified is not None and found.units[0].verified.q is not None
    assert found.bare is not None and found.bare.q is not None


def test_a_unit_counts_by_what_it_does_beyond_its_control() -> None:
    plan = made()
    harm = {verification_plan.unit_name(plan.singles[0]): -3.0, verification_plan.control_name(plan.singles[0]): -3.0}
    heard = Heard()
    heard.changes = {name.replace(" ", "_"): change for name, change in harm.items()}
    unit = plan.results(heard.of(plan), None).units[0]  # type: ignore[arg-type]
    assert unit.verified is not None and unit.verified.effect.mean == pytest.approx(-3.0)
    assert unit.difference is not None and unit.difference.mean == pytest.approx(0.0)
    assert unit.verified.q is not None and unit.verified.q > BELIEVED


@pytest.mark.parametrize("what", ["unit", "dose"])
def test_unit_and_dose_are_sure_only_beside_a_control_whose_sound_holds(what: str) -> None:
    plan = made()
    single = plan.singles[0]
    name, control = {
        "unit": (verification_plan.unit_name(single), verification_plan.control_name(single)),
        "dose": (verification_plan.dose_name(0.5), verification_plan.dose_control_name(0.5)),
    }[what]

    def found(broken: str | None, beside: float = 0.0) -> UnitDriver | Dose:
        heard = Heard(broken)
        heard.changes = {name.replace(" ", "_"): -3.0, control.replace(" ", "_"): beside}
        results = plan.results(heard.of(plan), None)  # type: ignore[arg-type]
        return results.units[0] if what == "unit" else next(dose for dose in results.group.doses if dose.scale == 0.5)

    def badge(row: UnitDriver | Dose) -> str:
        return (row.verified if isinstance(row, UnitDriver) else row.trial).badge  # type: ignore[union-attr]

    assert badge(found(None)) == "verified" and badge(found(None, beside=-3.0)) == "tested"
    row = found(control)
    assert badge(row) == "tested" and row.difference is not None and row.difference.mean == pytest.approx(-3.0)
    told = sentences.unit(row) if isinstance(row, UnitDriver) else sentences.dose(row)
    assert "whose sound broke" in told and "q" not in told


def test_the_unit_that_drives_is_tested_alone() -> None:
    plan = made()
    assert [unit.index for unit in plan.singles] == [7]


def test_what_refuses_is_left_out_whatever_was_estimated_for_it() -> None:
    prompt = "dark jazz with piano, no drums, no vocals, avoid polka"
    words = chunked(prompt)
    for count, refusing in ((0, 0), (1, 1), (2, 1), (4, 2), (6, 3), (9, 3)):
        chosen = to_leave_out(prompt, words, count)
        assert len(chosen) == min(count, len(words)) and sum(word.negates is not None for word in chosen) == refusing
    assert [word.name for word in to_leave_out(prompt, words, 2)] == ["dark", "no drums"]
    assert to_leave_out("no drums", chunked("no drums"), 3) == ()
