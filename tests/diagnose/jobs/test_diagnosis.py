"""The main job on random models: what is asked, on which takes it is tested, and what a reader is warned of."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution import gradients, greedy_group_search, integrated_gradients, metrics
from tonescope.diagnose.attribution.greedy_group_search import Search
from tonescope.diagnose.attribution.metrics import Metric
from tonescope.diagnose.causes import muting_trials
from tonescope.diagnose.causes.search import SearchResult
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs import contrasting, diagnosis, strongest_units, verification_plan
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.jobs.contrasting import choose_contrast
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.judging.verdict import Heard, Verdict
from tonescope.diagnose.report import sentences
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Contrast, Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Location, Unit

LABELS = tuple(row["label"] for row in tiny.ROWS)
QUICK = Settings(takes=2, seconds=0.5, candidates=4, tested_words=1, tested_units=1, doses=(2.0,), rounds=2)


@pytest.fixture(scope="module")
def session() -> Session:
    return tiny.session()


@pytest.fixture(scope="module")
def found(session: Session) -> Diagnosis:
    return session.diagnose("house house piano", QUICK)[0]


def test_what_is_found_in_some_takes_is_tested_in_others(found: Diagnosis) -> None:
    assert [take.seed for take in found.takes] == [1, 2]
    assert [take.seed for take in found.drivers.tested] == [3, 4]
    assert found.drivers.group is not None and found.drivers.group.muted.effect.takes == 2


def test_the_genre_asked_for_is_in_every_take(found: Diagnosis) -> None:
    assert all("house" in take.posterior for take in found.takes)


def test_a_word_is_shown_with_what_was_played_without_it(found: Diagnosis) -> None:
    tested = [word for word in found.drivers.words if word.verified]
    assert len(tested) == 1 and tested[0].verified is not None
    assert tested[0].verified.prompt in ("house piano", "house house") and "played “house" in sentences.word(tested[0])


def test_a_badge_says_verified_only_where_it_is_clear(found: Diagnosis) -> None:
    word = next(word for word in found.drivers.words if word.verified).model_copy(deep=True)
    assert word.verified is not None
    cases = ((0.01, False, "verified"), (0.2, False, "tested"), (0.01, True, "tested"), (None, False, "tested"))
    for q, broke, badge in cases:
        word.verified.q, word.verified.sound.broke = q, broke
        assert word.badge == badge
    assert word.model_copy(update={"verified": None}).badge == "estimated"
    second = found.drivers.seconds[0]
    assert second.model_copy(update={"q": 0.01}).badge == "verified"
    assert second.model_copy(update={"q": 0.3}).badge == "tested"
    assert found.drivers.group is not None and not found.drivers.group.convincing
    assert found.drivers.group.badge == "tested"


def test_a_judge_of_another_world_gives_no_verdict() -> None:
    session = tiny.session()
    session.judge.domain = "the pieces of a composer"
    result = session.diagnose("house", QUICK)[0]
    assert result.verdict.kind == "unclear" and result.verdict.sentence.startswith("No verdict")
    assert any("larger_clap_music" in caveat for caveat in result.caveats)


def test_what_is_heard_is_not_compared_with_itself(session: Session, found: Diagnosis) -> None:
    heard = found.perceived.label
    intended = next(label for label in LABELS if label != heard)
    result = session.diagnose("house house piano", QUICK.model_copy(update={"foil": heard}), intended=intended)[0]
    assert result.contrast.target == heard and result.contrast.foil == intended
    assert any(f"compared with {intended}" in caveat for caveat in result.caveats)


def test_seconds_are_tested_in_fresh_takes_and_share_the_family_of_q_values(found: Diagnosis) -> None:
    second = found.drivers.seconds[0]
    assert second.verified.takes == 2 and second.q is not None and second.verified.p is not None
    assert second.q >= second.verified.p


def test_where_the_prompt_was_met_the_question_is_why_this_and_nothing_else(found: Diagnosis, session: Session) -> None:
    heard = found.perceived.label
    met = session.diagnose("house house piano", QUICK, intended=heard)[0]
    assert (met.contrast.target, met.contrast.foil) == (heard, None)
    assert sentences.contrast(met) == f"What makes it {heard}?"
    assert met.drivers.seconds[0].foil_probability == pytest.approx(1 - met.drivers.seconds[0].target_probability)
    probability = met.takes[0].probability
    assert met.takes[0].margin == pytest.approx(math.log(probability / (1 - probability)), abs=1e-3)


@pytest.mark.parametrize("kind", ["match", "family drift"])
def test_units_are_chosen_in_shorter_takes_and_sets_looked_for_only_where_it_is_not_played_right(
    session: Session, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    seen: dict[str, Any] = {}
    plain_search, plain_judged = greedy_group_search.greedy_group_search, contrasting.judged

    def chosen(context: Context, *given: Any, **more: Any) -> tuple[Unit, ...]:
        seen["seconds"] = context.seconds
        return plain_search(context, *given, **more)

    def looked(*_: Any, **more: Any) -> SearchResult:
        seen["several"] = more["several"]
        return SearchResult()

    def judged(*given: Any) -> tuple[Heard, Verdict, Contrast]:
        heard, verdict, contrast = plain_judged(*given)
        return heard, verdict.model_copy(update={"kind": kind}), contrast

    monkeypatch.setattr(strongest_units, "greedy_group_search", chosen)
    monkeypatch.setattr(diagnosis, "search_causes", looked)
    monkeypatch.setattr(diagnosis, "judged", judged)
    monkeypatch.setattr(muting_trials, "SHORTEST_SECONDS", 0.2)
    monkeypatch.setattr(muting_trials, "MOST", 0.0)  # whatever is heard in shorter takes
    session.diagnose("house house piano", QUICK)
    assert seen == {"seconds": QUICK.seconds / 2, "several": kind != "match"}


def test_takes_are_handed_out_before_anybody_has_listened_and_the_verdict_before_its_causes(session: Session) -> None:
    told: list[str] = []
    session.diagnose(
        "house house piano",
        QUICK.model_copy(update={"quick": True}),
        progress=lambda stage, _: told.append(stage),
        announce=lambda verdict, takes: told.append(f"verdict of {len(takes)}"),
        hand_out=lambda takes: told.append(f"{len(takes)} takes"),
    )
    order = [told.index(each) for each in (f"{QUICK.takes} takes", "listen", f"verdict of {QUICK.takes}", "verify")]
    assert order == sorted(order)


def test_estimates_follow_a_few_denoising_steps(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first, and that by which the strongest units are chosen."""
    asked, plain = list[bool](), gradients.attribute

    def attribute(*given: Any, **more: Any) -> gradients.Attribution:
        asked.append(more.get("few_steps", False))
        return plain(*given, **more)

    for module in (diagnosis, strongest_units):
        monkeypatch.setattr(module, "attribute", attribute)
    monkeypatch.setattr(diagnosis, "search_causes", lambda *_, **__: SearchResult())
    session.diagnose("house house piano", QUICK)
    assert asked == [True, True]


def test_units_inside_a_location_are_looked_for_by_what_is_screened(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[Any]()

    def looked(*_: Any, **more: Any) -> SearchResult:
        seen.append(more["within"](Location("decoder", 1, "mlp")))
        return SearchResult()

    monkeypatch.setattr(diagnosis, "search_causes", looked)
    session.diagnose("house house piano", QUICK)
    assert seen[0] and {unit.location for unit in seen[0]} == {Location("decoder", 1, "mlp")}


def test_where_no_small_set_does_it_a_group_is_chosen_by_what_is_heard_in_as_many_rounds_as_asked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    plain_margin, plain_search = metrics.margin, greedy_group_search.greedy_group_search

    def margin(judge: Judge, target: str, foil: str | None = None, *, smoothgrad_samples: int = 1) -> Metric:
        asked.append((target, foil, smoothgrad_samples))
        return plain_margin(judge, target, foil, smoothgrad_samples=smoothgrad_samples)

    def searched(*given: Any, **more: Any) -> tuple[Unit, ...]:
        search: Search = given[4]
        asked.append((given[2], search.rounds, (search.smoothgrad_samples, search.rollout_steps)))
        return plain_search(*given, **more)

    for module in (diagnosis, strongest_units):
        monkeypatch.setattr(module, "margin", margin)
    monkeypatch.setattr(strongest_units, "greedy_group_search", searched)
    monkeypatch.setattr(diagnosis, "search_causes", lambda *_, **__: SearchResult())
    found = session.diagnose("house house piano", QUICK.model_copy(update={"rounds": 3}))[0]
    heard = found.contrast
    assert heard.foil is not None
    assert asked == [
        (heard.target, heard.foil, 1),
        (heard.target, heard.foil, 1),
        (heard.target, None, 1),
        (heard.target, 3, (1, 0)),
    ]
    asked.clear()
    careful = session.diagnose("house house piano", QUICK.model_copy(update={"careful": True}))[0]
    assert asked == [
        (heard.target, heard.foil, 1),
        (heard.target, heard.foil, 4),
        (heard.target, None, 4),
        (heard.target, 2, (4, 1)),
    ]
    assert [take.margin for take in careful.takes] == pytest.approx([take.margin for take in found.takes], abs=1e-4)


def test_the_strongest_units_are_estimated_by_a_second_slope_where_that_is_asked(
    session: Session, found: Diagnosis
) -> None:
    told: list[str] = []
    closer, evidence = session.diagnose(
        "house house piano", QUICK.model_copy(update={"two_point_units": 2}), progress=lambda what, _: told.append(what)
    )
    plain = session.diagnose("house house piano", QUICK)[1].attribution
    changed = {
        str(Unit(place, index))
        for place, effects in evidence.attribution.units.items()
        for index in (effects - plain.units[place])
        .abs()
        .amax(0)
        .gt(1e-4 * effects.abs().amax())
        .nonzero()[:, 0]
        .tolist()
    }
    wanted = {str(unit) for unit in integrated_gradients.strongest(plain, 2)}
    assert changed <= wanted and changed and len(wanted) == 4
    assert closer.drivers.group is not None and found.drivers.group is not None
    assert (
        closer.drivers.group.muted.effect == found.drivers.group.muted.effect
    )  # the group is chosen by the gradients at the clean takes
    assert told.count("attribute") > 4


def test_words_are_predicted_in_the_takes_they_were_chosen_by(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def jacobi_prediction(*arguments: Any, **_: Any) -> torch.Tensor:
        given.extend(arguments)
        return torch.tensor([[float(-place)] * 2 for place, _ in enumerate(arguments[2])])

    monkeypatch.setattr(diagnosis, "predicted_changes", jacobi_prediction)
    found, evidence = session.diagnose("house house piano", QUICK.model_copy(update={"temperature": 0.9, "top_k": 40}))
    assert given[1] is evidence.takes and all(variant.edit is None for variant in given[2])
    assert [variant.prompt for variant in given[2]] == ["house piano", "house piano", "house house"]
    assert [(word.word, word.start, word.estimated.mean) for word in found.drivers.words] == [
        ("piano", 12, -2),
        ("house", 6, -1),
        ("house", 0, 0),
    ]
    assert given[3] == found.contrast
    assert given[0].sampling == Sampling(3.0, temperature=0.9, top_k=40)


def test_a_judge_of_one_sound_world_warns_of_clips_from_elsewhere() -> None:
    own, clips = tiny.session(), [Clip(torch.randn(8000) * 0.1, 16000)]
    told = [own.diagnose("house", QUICK, clips=clips)[0].caveats]
    own.judge.domain, own.generator.name = "the pieces of a composer", "embedded"
    told.append(own.diagnose("house", QUICK, clips=clips)[0].caveats)
    assert [any("may mishear the known clips" in caveat for caveat in caveats) for caveats in told] == [False, True]


def test_words_beyond_those_that_are_predicted_are_said_to_be(
    session: Session, found: Diagnosis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("predicted" in caveat for caveat in found.caveats)
    monkeypatch.setattr(verification_plan, "PREDICTED_WORDS", 2)
    result = session.diagnose("house piano jazz", QUICK)[0]
    assert any(caveat.startswith("Of 3 words the 2 with the steepest") for caveat in result.caveats)


def test_a_fine_tune_of_the_embedded_model_keeps_its_judge(session: Session) -> None:
    own = tiny.session()
    own.judge.domain = "the pieces of a composer"
    for name, apart in (("embedded", False), ("embedded + lora", False), ("other", True)):
        own.generator.name = name
        assert foreign(own.models) == apart


@pytest.mark.parametrize(
    "update", [{"temperature": 0.0}, {"top_k": 1}, {"doses": (1.0,)}, {"doses": (0.5, 0.5)}, {"doses": (-1.0,)}]
)
def test_settings_that_could_prove_nothing_are_refused(session: Session, update: dict[str, object]) -> None:
    with pytest.raises(TonescopeError):
        session.diagnose("house", QUICK.model_copy(update=update))


def test_one_take_is_said_to_give_no_interval(session: Session) -> None:
    result = session.diagnose("house", QUICK.model_copy(update={"takes": 1}))[0]
    assert any(caveat.startswith("1 take shows nothing for sure") for caveat in result.caveats)
    assert result.drivers.group is not None and not result.drivers.group.convincing


def test_a_partial_drift_asks_why_some_takes_strayed() -> None:
    heard = Heard(
        label="house",
        family="electronic",
        share=share(10, 16),
        mean_probability=0.6,
        counts={"house": 10, "smooth jazz": 6},
        unsure=0,
    )
    verdict = Verdict(kind="partial drift", sentence="", matched=None, judge_error=None)
    intent = Intent(label="house", how="named", confidence=1.0)
    asked = choose_contrast(intent, heard, verdict, None)
    assert (asked.target, asked.foil) == ("smooth jazz", "house")
    match = verdict.model_copy(update={"kind": "match"})
    assert choose_contrast(intent, heard, match, None).target == "house"
