"""Steering is told of fresh takes beside random units, and is offered only where it beats both."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tests import tiny
from tonescope.diagnose.intervene.verification import verify
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.repair import find_steering
from tonescope.diagnose.repair.find_steering import CHOSEN_IN, DOSES, PROVEN_IN, with_steering
from tonescope.diagnose.repair.steering import apply_steering
from tonescope.diagnose.repair.suggest_schema import Suggestion
from tonescope.diagnose.repair.suggestion import SuggestEvidence, suggest
from tonescope.diagnose.repair.take_budget import FEWEST_TAKES
from tonescope.diagnose.report import suggest_views
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share

WINS = [((1, 8, 2), True), ((8, 8, 2), False), ((1, 8, 8), False), ((3, 2, 2), False), ((0, 1, 0), False)]
"""Takes heard as meant as it is, steered, and with random units; whether a steering is offered."""
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
    assert trial is not None and set(trial.doses) == {f"{dose:g}" for dose in DOSES} and trial.random is not None
    assert trial.before is not None and trial.before.total == trial.random.total == PROVEN_IN
    assert len(evidence.sounds["steered"]) == len(evidence.sounds["unsteered"]) == PROVEN_IN
    assert evidence.sounds["steered"].seeds == evidence.sounds["unsteered"].seeds
    assert trial.takes == CHOSEN_IN * (1 + len(DOSES)) + 3 * PROVEN_IN and found.takes == made[1].takes + trial.takes


@pytest.mark.parametrize(
    ("right", "offered"),
    WINS,
)
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
    assert offered == found.steering.told.startswith("Steering plays house")
    if right[0] >= right[1]:
        assert "not surely better than playing without it" in found.steering.told
    if right[1] <= right[2]:
        assert "random units multiplied alike" in found.steering.told
    if found.steering.steering is not None:
        assert found.steering.steering.generator == made[0].generator.fingerprint()


def test_what_is_measured_is_what_the_file_does(
    made: tuple[Session, Suggestion, SuggestEvidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = made[0].generator
    weights = [weight.clone() for weight in generator.model.parameters()]
    monkeypatch.setattr(find_steering, "surely_more", lambda *_: True)
    found, evidence = steered(made, monkeypatch, ["decoder.1.mlp:5", "decoder.2.cross:1"])
    assert all(torch.equal(old, new) for old, new in zip(weights, generator.model.parameters(), strict=True))
    assert found.steering is not None and found.steering.steering is not None
    other = tiny.session()
    apply_steering(other.generator, found.steering.steering)
    takes = evidence.sounds["steered"]
    again = other.generator.generate(takes.prompts, takes.seeds, 0.3, REQUEST.sampling)
    assert torch.equal(again.waveform, takes.waveform)


def test_case_units_that_no_file_can_steer_are_told_and_nothing_is_written(
    made: tuple[Session, Suggestion, SuggestEvidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = steered(made, monkeypatch, ["decoder.1.residual:3"])
    assert found.steering is not None and found.steering.steering is None
    assert "cannot be steered by" in found.steering.told


def test_the_takes_of_choosing_and_of_proving_stand_in_tables_of_their_own(
    made: tuple[Session, Suggestion, SuggestEvidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, evidence = steered(made, monkeypatch, ["decoder.1.mlp:5"])
    view = next(view for view in suggest_views.views(found, evidence) if view.key == "steering")
    fresh, chosen = view.tables
    assert fresh.rows[0][0] == "as it is" and len(fresh.rows) == 3 and "fresh" in fresh.columns[0]
    assert all(f"of {PROVEN_IN} " in row[1] for row in fresh.rows)
    assert all(f"of {CHOSEN_IN} " in row[1] for row in chosen.rows) and len(chosen.rows) == len(DOSES)
    assert [sound.takes for sound in view.sounds[0]] == ["unsteered", "steered"]
