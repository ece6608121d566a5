"""Who is next, and how long runs take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.diagnose.runtime import toy_run
from tests.diagnose.runtime.toy_run import ToyParameters
from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.diagnosis_job import DiagnosisParameters
from tonescope.diagnose.jobs.experiment_job import ExperimentParameters
from tonescope.diagnose.runtime.waiting import Durations, Effort, fair_order
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace


def test_one_of_each_owner_in_turn_and_first_come_within_one() -> None:
    waiting = [(name, name[0]) for name in ("a1", "a2", "b1", "a3", "c1", "c2")]
    assert fair_order(waiting, {"a": 3.0, "b": 1.0, "c": 2.0}) == ["b1", "c1", "a1", "c2", "a2", "a3"]
    assert fair_order([], {}) == []


def test_the_order_stays_as_it_was_told_while_it_is_worked_off() -> None:
    waiting = [(f"{owner}{at}", owner) for at in range(3) for owner in "abcd"][1:-2]
    turns, now = {"a": 1.0, "b": 4.0, "c": 2.0, "d": 3.0}, 10.0
    order = fair_order(waiting, turns)
    for served in range(len(order)):
        assert fair_order(waiting, turns) == order[served:]
        name = order[served]
        waiting = [each for each in waiting if each[0] != name]
        turns, now = turns | {name[0]: now}, now + 1


def test_who_comes_anew_does_not_pass_those_who_wait() -> None:
    waiting = [("a1", "a"), ("new1", "new"), ("newer1", "newer")]
    assert fair_order(waiting, {"a": 1.0, "new": 2.0, "newer": 3.0}) == ["a1", "new1", "newer1"]


def effort(**about: Any) -> Effort:
    return Effort.of("toy_run", "m", ToyParameters(**({"prompt": "polka"} | about)))


@pytest.fixture
def durations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Durations:
    monkeypatch.setattr(job_registry, "ROWS", [*job_registry.ROWS, toy_run.ROW])
    workspace = Workspace.open(tmp_path / "w")
    for seconds in (40.0, 10.0, 11.0, 12.0, 13.0, 90.0):  # the last five count
        parameters = ToyParameters(prompt=f"prompt of {seconds}", steps=5).model_dump(mode="json")
        about: dict[str, Any] = {"state": "done", "created": 1.0, "started": 2.0, "ended": 2.0 + seconds}
        workspace.runs.add(Run(new_name(), "toy_run", parameters, "m", worker="here", **about))
        workspace.runs.add(Run(new_name(), "toy_run", parameters, "m", **about | {"ended": 900.0}))  # it was imported
    workspace.runs.add(Run(new_name(), "toy_run", {"gone": 1}, "m", state="done", started=2.0, ended=500.0))
    return Durations(workspace.runs)


def test_runs_of_the_same_settings_are_expected_to_take_what_they_took(durations: Durations) -> None:
    assert durations.expected(effort(prompt="another", steps=5, seed=9)) in (12.0, 13.0, 11.0)
    for _ in range(5):
        durations.learn(effort(steps=5), 20.0)
    assert durations.expected(effort(steps=5)) == 20.0


def test_what_is_played_longer_is_expected_to_take_longer(durations: Durations) -> None:
    once, twice = durations.expected(effort(takes=1, steps=6)), durations.expected(effort(takes=2, steps=6))
    assert once is not None and twice == pytest.approx(2 * once)


def test_nothing_is_expected_of_what_never_ran(durations: Durations) -> None:
    other = Effort.of("toy_run", "another model", ToyParameters(prompt="polka"))
    assert durations.expected(other) is None
    assert durations.expected(other, (other, 7.0)) == 7.0  # what the run under way says of itself
    assert durations.expected(other, (effort(), 7.0)) is None


def test_what_is_asked_about_does_not_change_the_effort_and_how_does() -> None:
    def diagnosis(**about: Any) -> Effort:
        return Effort.of("diagnose", "m", DiagnosisParameters(**({"prompt": "a"} | about)))

    assert diagnosis() == diagnosis(prompt="b", seed=7)
    assert diagnosis(foil="polka") == diagnosis(foil="waltz") != diagnosis()
    assert len({diagnosis(**about) for about in ({}, {"quick": True}, {"takes": 5}, {"doses": (2.0,)})}) == 4

    def edit(**about: Any) -> Effort:
        return Effort.of("edit", "m", ExperimentParameters(**({"prompt": "a", "where": ["decoder.mlp"]} | about)))

    assert edit() == edit(where=["decoder.0.mlp:1"]) != edit(kind="patch", source="b")
    assert edit(kind="patch", source="b") == edit(kind="patch", source="c")
