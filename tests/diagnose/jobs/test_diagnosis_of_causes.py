"""Diagnoses of generators whose cause is known: it is found, verified and blamed; where there is none, none is made
up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.diagnose.causes.known_cause import (
    FIRST,
    FOIL,
    PLAYS,
    READER,
    SECONDS,
    TARGET,
    NearestJudge,
    known,
)
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.attribution.greedy_group_search import Search
from tonescope.diagnose.causes import interchange, muting_trials
from tonescope.diagnose.causes.search import SearchResult
from tonescope.diagnose.context import MOST_ROUNDS, SeedPlan
from tonescope.diagnose.intervene import verification
from tonescope.diagnose.intervene.mean_activations import measure
from tonescope.diagnose.jobs import diagnosis, further_takes, strongest_units
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.jobs.variant_names import PUT_IN_CONTROL
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.generator import Sampling
from tonescope.models.units import Location, Unit

SETTINGS = Settings(takes=4, seconds=SECONDS, candidates=8, tested_words=1, rounds=1)


@cache
def found(unit: Unit = FIRST) -> Diagnosis:
    return known((unit,)).diagnose(SETTINGS)


def verified_units(result: Diagnosis) -> list[str]:
    return [row.unit for row in result.drivers.units if row.badge == "verified"]


def blames_no_unit(result: Diagnosis) -> bool:
    group = result.drivers.group
    return (group is None or not group.turns) and not verified_units(result) and result.blame.location is None


# --- a cause that is there --------------------------------------------------------------------------------------------


def test_a_planted_neuron_is_the_set_is_first_and_is_verified() -> None:
    group, (first, *_) = found().drivers.group, found().drivers.units
    assert found().perceived.label == TARGET and "drift" in found().verdict.kind
    assert group is not None and (group.names, group.found_by) == ([str(FIRST)], "alone")
    assert group.convincing and group.turns and group.muted.flips == group.muted.flippable == 4
    assert group.control.flips == 0 and group.control_units == 1
    assert (first.unit, first.role, first.badge) == (str(FIRST), "member", "verified")
    assert first.brings is not None and first.brings.count == first.brings.total > 0


def test_the_blame_is_laid_where_the_neuron_is() -> None:
    assert (found().blame.where, found().blame.location) == ("decoder", str(PLAYS))
    assert found(READER).blame.where == "text encoder"


def test_from_which_second_on_muting_helps_is_told_for_what_plays_alone() -> None:
    cuts = found().drivers.cut_points
    assert [cut.second for cut in cuts] == [0.125, 0.25, 0.5]
    assert all(cut.trial.effect.mean < 0 for cut in cuts)
    effects = [cut.trial.effect.mean for cut in cuts]
    assert effects == sorted(effects)  # later is less
    text = found(READER).drivers
    assert text.group is not None and text.group.turns and text.cut_points == []
    assert {Location.parse(name.partition(":")[0]).network for name in text.group.names} == {"text"}


def test_the_set_is_told_of_the_takes_that_it_was_tested_in(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, ...]] = []

    def of_the_set(_: Any, plan: Any, played: verification.Played, blocks: Any) -> verification.Played:
        given.extend(blocks)
        return played.rows([0, 2])

    monkeypatch.setattr(further_takes, "of_the_set", of_the_set)
    result = known().diagnose(SETTINGS)
    group, first = result.drivers.group, result.drivers.units[0]
    assert group is not None and first.verified is not None
    assert group.muted.flippable == group.control.flippable == group.difference.takes == first.verified.flippable == 2
    assert all(cut.trial.flippable == 4 for cut in result.drivers.cut_points)
    played = {take.seed for takes in (result.takes, result.drivers.tested) for take in takes}
    assert len(given) == strongest_units.MORE_BLOCKS and not played & {seed for block in given for seed in block}
    assert any("what was found to do it was tested in" in caveat for caveat in result.caveats)


def test_put_into_another_prompt_the_cause_moves_it_towards_the_target() -> None:
    for unit in (FIRST, READER):
        enough = found(unit).drivers.sufficiency
        assert enough is not None and enough.effect.mean > 0 and enough.before.count < enough.before.total
        assert enough.random is not None and enough.random.count < enough.put_in.total
        assert enough.control is not None and enough.control.variant == PUT_IN_CONTROL


def test_what_the_search_did_is_told() -> None:
    search = found().drivers.search
    assert search is not None and 2 <= search.candidates <= SETTINGS.candidates + 3
    assert search.generations >= 2 * search.candidates and search.largest_share == 1.0


def test_what_is_tried_first_is_tried_in_shorter_takes_where_those_are_long_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[float | None] = []

    def searched(*_: Any, short: muting_trials.MutingTrials | None, **more: Any) -> SearchResult:
        lengths.append(short.length if short else None)
        return SearchResult()

    monkeypatch.setattr(diagnosis, "search_causes", searched)
    for seconds in (SECONDS, 2 * SECONDS):
        known().diagnose(SETTINGS.model_copy(update={"seconds": seconds}))
    assert lengths == [None, 0.5]


def test_whatever_the_verdict_every_location_is_searched_and_what_is_played_after_the_search_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places: list[int] = []

    def searched(trials: Any, ranked: Any, others: Any, locations: Any, **_: Any) -> SearchResult:
        places.append(len(locations))
        return SearchResult(rows=1000)

    monkeypatch.setattr(diagnosis, "search_causes", searched)
    monkeypatch.setattr(strongest_units, "greedy_group_search", lambda *_, **__: (FIRST,))
    for intended in (FOIL, TARGET):
        result = known().diagnose(SETTINGS, intended)
        assert result.drivers.search is not None and result.drivers.search.generations > 1000
    assert len(set(places)) == 1 and places[0] > 0


def test_the_result_survives_its_json() -> None:
    again = Diagnosis.model_validate_json(found().model_dump_json())
    assert again.drivers.group == found().drivers.group and again.drivers.units == found().drivers.units


def test_a_diagnosis_is_reproducible() -> None:
    once_more = known().diagnose(SETTINGS)
    assert once_more.drivers == found().drivers and once_more.blame == found().blame


def test_a_quick_diagnosis_edits_no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    edits: list[Any] = []
    for module in (muting_trials, interchange, verification):
        plain = module.play

        def noted(*given: Any, plain: Any = plain, **more: Any) -> Any:
            edits.extend(given[3] if len(given) > 3 and given[3] else [])
            return plain(*given, **more)

        monkeypatch.setattr(module, "play", noted)
    quick = known().diagnose(SETTINGS.model_copy(update={"quick": True}))
    drivers = quick.drivers
    assert not [edit for edit in edits if edit is not None]
    assert (drivers.group, drivers.search, drivers.units, drivers.cut_points) == (None, None, [], [])
    assert drivers.sufficiency is None and drivers.words and drivers.tested
    assert quick.verdict == found().verdict and quick.perceived == found().perceived


# --- seeds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [1, 4, 8])
def test_takes_of_the_two_searches_are_no_takes_that_were_explored_or_are_tested(takes: int) -> None:
    first, later = SeedPlan(5, takes), SeedPlan(5, takes, skipped=strongest_units.MORE_BLOCKS)
    more = [first.round(number) for number in range(1, strongest_units.MORE_BLOCKS + 1)]
    rounds = [later.round(number) for number in range(1, 4)]
    last = later.round(MOST_ROUNDS - strongest_units.MORE_BLOCKS)
    further = [later.further(number) for number in range(1, strongest_units.MORE_BLOCKS + 1)]
    blocks = [first.explore, first.test, *more, *rounds, last, *further]
    assert len({seed for block in blocks for seed in block}) == takes * len(blocks)
    assert (later.explore, later.test) == (first.explore, first.test)
    for number in (0, MOST_ROUNDS - strongest_units.MORE_BLOCKS + 1):
        with pytest.raises(ValueError, match="rounds"):
            later.round(number)


def test_a_diagnosis_plays_on_seeds_of_its_plan_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def fill(self: Any, blocks: Any, fewest: int = 4) -> None:
        given["more"] = [tuple(block) for block in blocks]

    def anew(self: Any, blocks: Any) -> Any:
        given["anew"] = [tuple(block) for block in blocks]
        return self

    def strongest(
        context: Any, takes: Any, target: str, found: Any, search: Search, *, seeds: SeedPlan, **_: Any
    ) -> Any:
        given["rounds"] = [seeds.round(number) for number in range(1, search.rounds + 1)]
        return (FIRST,)

    monkeypatch.setattr(muting_trials.MutingTrials, "fill", fill)
    monkeypatch.setattr(muting_trials.MutingTrials, "anew", anew)
    monkeypatch.setattr(strongest_units, "greedy_group_search", strongest)
    monkeypatch.setattr(diagnosis, "search_causes", lambda *_, **__: SearchResult())
    result = known().diagnose(SETTINGS.model_copy(update={"rounds": 3}))
    explored, tested = ([take.seed for take in takes] for takes in (result.takes, result.drivers.tested))
    blocks = [explored, tested, *given["more"], *given["rounds"], *given["anew"]]
    assert len(blocks) == 2 + 3 + 2 * strongest_units.MORE_BLOCKS
    assert len({seed for block in blocks for seed in block}) == 4 * len(blocks)
    assert result.drivers.group is not None and result.drivers.group.found_by == "gradients"


@pytest.mark.parametrize("breaks", [False, True])
def test_of_the_strongest_the_first_that_turn_all_takes_back_are_verified_if_their_sound_is_intact(
    monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    other = Unit(FIRST.location, FIRST.index + 1)
    groups, asked = [(other,), (FIRST,), (FIRST, other)], list[Any]()

    def strongest(*_: Any, until: Any, **__: Any) -> Any:
        for group in groups:
            asked.append(group)
            if until(group):
                break
        return asked[-1]

    monkeypatch.setattr(strongest_units, "greedy_group_search", strongest)
    monkeypatch.setattr(diagnosis, "search_causes", lambda *_, **__: SearchResult())
    if breaks:
        intact = property(lambda muted: muted.group != (FIRST,))
        monkeypatch.setattr(muting_trials.Muted, "sounds", intact)
    group = known().diagnose(SETTINGS).drivers.group
    assert asked == groups[:2] and group is not None
    assert group.names == [str(other if breaks else FIRST)]


# --- no cause to be found ---------------------------------------------------------------------------------------------


@dataclass
class Fickle(NearestJudge):
    """Hears something else in every take, whatever is changed in it."""

    labels: tuple[str, ...] = (TARGET, FOIL, "polka", "blues")
    name: str = "fickle"

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        waves = torch.randn(len(self.labels), waveform.shape[-1], generator=torch.Generator().manual_seed(3))
        return 8 * torch.cos(200 * waveform @ waves.T)


def heard_by(judge: NearestJudge, settings: Settings = SETTINGS) -> Diagnosis:
    return known().heard_by(judge).diagnose(settings)


def nearest() -> NearestJudge:
    judge = known().context.judge
    assert isinstance(judge, NearestJudge)
    return judge


def test_case_every_take_is_heard_differently_and_no_unit_is_blamed() -> None:
    result = heard_by(Fickle(nearest().centres))
    assert len({take.heard for take in [*result.takes, *result.drivers.tested]}) > 2
    assert blames_no_unit(result)


def test_case_a_judge_that_is_never_sure_blames_no_unit() -> None:
    three = torch.cat([nearest().centres, nearest().centres[:1]])
    unsure = replace(nearest(), sharpness=0.0, centres=three, labels=(TARGET, FOIL, "polka"))
    result = heard_by(unsure)
    assert result.perceived.unsure == 4 and not result.perceived.counts
    assert blames_no_unit(result) and any("no clear genre" in caveat for caveat in result.caveats)
    group = result.drivers.group
    assert group is not None and group.found_by == "gradients" and not group.convincing
    assert result.drivers.search is not None and result.drivers.search.largest_share == 0.0


def test_case_a_group_that_breaks_the_sound_is_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(edited: Tensor, clean: Tensor, rate: int, usual: float) -> Tensor:
        return (edited != clean).any(-1)

    monkeypatch.setattr(audio_quality, "broken", broken)
    result = known().diagnose(SETTINGS)
    assert blames_no_unit(result)
    assert result.drivers.search is not None and result.drivers.search.largest_share == 0.0


def test_case_muted_units_whose_sound_is_no_number_end_no_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (muting_trials, interchange, verification):
        plain = module.play

        def ruined(*given: Any, plain: Any = plain, **more: Any) -> Any:
            takes = plain(*given, **more)
            edits = given[3] if len(given) > 3 and given[3] else [None] * len(takes)
            rows = torch.tensor([edit is not None and FIRST in edit.targets for edit in edits])
            return replace(takes, waveform=takes.waveform.masked_fill(rows[:, None], float("nan")))

        monkeypatch.setattr(module, "play", ruined)
    result = known().diagnose(SETTINGS)
    group = result.drivers.group
    assert str(FIRST) not in verified_units(result) and group is not None and str(FIRST) not in group.names
    assert Diagnosis.model_validate_json(result.model_dump_json()).drivers == result.drivers


# --- another family ---------------------------------------------------------------------------------------------------


def test_a_diffusion_model_is_searched_like_any_other() -> None:
    generator, judge = ToyDiffusion(ToyModel()), ToyJudge()
    means = measure(generator, 0.5, Sampling(), rows=18)
    taxonomy = from_rows([{"label": label, "family": "sound", "aliases": []} for label in judge.labels])
    request = Request("bright drums with piano", SETTINGS, intended="quiet")
    result, _ = diagnose(request, Models(generator, judge, taxonomy, None), means)
    group, search = result.drivers.group, result.drivers.search
    assert group is not None and search is not None and search.candidates >= 2
    places = {Location.parse(name.partition(":")[0]) for name in group.names}
    assert {place.network for place in places} <= {"text", "denoiser"}
    assert {Unit.parse(row.unit).location.network for row in result.drivers.units} <= {"text", "denoiser"}
    assert result.drivers.sufficiency is not None
    assert len(result.drivers.cut_points) == (0 if {place.network for place in places} & {"text"} else 3)
