"""Steering is told of fresh takes beside random units, and is offered only where it beats both."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests import tiny
from tonescope.diagnose.intervene.verification import verify
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.repair import find_steering
from tonescope.diagnose.repair.find_steering import CHOSEN_IN, DOSES, PROVEN_IN, with_steering
from tonescope.diagnose.repair.suggest_schema import Suggestion
from tonescope.diagnose.repair.suggestion import SuggestEvidence, suggest
from tonescope.diagnose.repair.take_budget import FEWEST_TAKES
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share

REQUEST = Request("house with piano", Settings(seconds=0.3), "house")


@pytest.fixture(scope="module")
def made() -> tuple[Session, Suggestion, SuggestEvidence]:
    session = tiny.session()
    return session, *suggest(session, REQUEST, Watch(), budget=FEWEST_TAKES)


def steered(
    made: tuple[Session, Suggestion, SuggestEvidence],
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    sure: bool = True,
) -> tuple[Suggestion, SuggestEvidence]:
    session, found, evidence = made
    group = SimpleNamespace(names=names, convincing=sure)
    diagnosis = SimpleNamespace(drivers=SimpleNamespace(group=group))
    monkeypatch.setattr(Session, "diagnose", lambda *_, **__: (diagnosis, None))
    return with_steering(session, REQUEST, found, SuggestEvidence(dict(evidence.sounds)), Watch())


@pytest.mark.parametrize(
    ("names", "sure", "told"),
    [(["decoder.1.mlp:5"], False, "nothing to steer by"), (["text.0.mlp:3"], True, "lies in the text encoder")],
)
def test_without_a_sure_set_in_the_network_that_plays_there_is_no_steering(
    made: tuple[Session, Suggestion, SuggestEvidence],
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    sure: bool,
    told: str,
) -> None:
    found, _ = steered(made, monkeypatch, names, sure)
    assert found.steering is not None and found.steering.steering is None and told in found.steering.told


def test_doses_are_chosen_in_some_takes_and_proven_in_others_beside_random_units(
    made: tuple[Session, Suggestion, SuggestEvidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[tuple[int, ...]] = []

    def noted(context, contrast, prompt, seeds, variants, **about):
        played.append(tuple(seeds))
        return verify(context, contrast, prompt, seeds, variants, **about)

    monkeypatch.setattr(find_steering, "verify", noted)
    found, evidence = steered(made, monkeypatch, ["decoder.1.mlp:5", "decoder.2.cross:1"])
    assert [len(seeds) for seeds in played] == [CHOSEN_IN, PROVEN_IN] and not set(played[0]) & set(played[1])
    trial = found.steering
    assert trial is not None and set(trial.doses) == {f"{dose:g}" for dose in DOSES} and len(trial.random_doses) == 1
    assert len(evidence.sounds["steered"]) == PROVEN_IN


@pytest.mark.parametrize(("right", "offered"), [((1, 8, 2), True), ((8, 8, 2), False), ((1, 8, 8), False)])
def test_a_steering_is_offered_only_where_it_beats_the_model_as_it_is_and_random_units(
    made: tuple[Session, Suggestion, SuggestEvidence],
    monkeypatch: pytest.MonkeyPatch,
    right: tuple[int, int, int],
    offered: bool,
) -> None:
    counts = dict(zip(("untouched", "steered", "random_steered"), right, strict=True))
    monkeypatch.setattr(find_steering, "_matched", lambda outcome, _: share(counts.get(outcome.name, 0), PROVEN_IN))
    found, _ = steered(made, monkeypatch, ["decoder.1.mlp:5"])
    assert found.steering is not None and (found.steering.steering is not None) == offered
    if found.steering.steering is not None:
        assert found.steering.steering.generator == made[0].generator.fingerprint()
