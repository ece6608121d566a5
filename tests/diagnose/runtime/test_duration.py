"""How much longer a job takes is foretold from its first takes, and corrected by the stages that have ended."""

from __future__ import annotations

import time

import pytest

from tonescope.diagnose.jobs import diagnosis, experiment
from tonescope.diagnose.runtime.duration import Course, course_of_diagnosis, course_of_experiment, foretelling
from tonescope.diagnose.settings import Settings

COURSE = Course("play", lambda played: {"search": 2 * played, "predict": played, "verify": 3 * played})


def left(monkeypatch: pytest.MonkeyPatch, *stages: tuple[str, float]) -> list[float]:
    """What is foretold where stages begin at these times."""
    told: list[float] = []
    seen: list[str] = []
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watched = foretelling(lambda what, _: seen.append(what), told.append, COURSE)
    for stage, at in stages:
        now[0] = at
        watched(stage, 0.1)
    assert seen == [stage for stage, _ in stages]
    return told


def test_the_first_takes_foretell_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [("means", 0.0), ("play", 10.0), ("play (about 3.0 GiB)", 12.0), ("search", 14.0), ("search", 17.0)]
    assert left(monkeypatch, *stages) == [6 * 4.0]


def test_stages_that_take_as_long_as_foretold_leave_what_was_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [("play", 0.0), ("search", 4.0), ("predict", 12.0), ("verify", 16.0), ("done", 28.0)]
    assert left(monkeypatch, *stages) == pytest.approx([24.0, 16.0, 12.0])


@pytest.mark.parametrize("pace", [0.5, 2.0])
def test_case_a_stage_that_ends_corrects_what_is_left(pace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    told = left(monkeypatch, ("play", 0.0), ("search", 4.0), ("predict", 4.0 + 8.0 * pace))
    assert told[0] == 24.0 and (told[1] > 16.0) == (pace > 1) and told[1] != 16.0


def test_a_stage_that_no_one_foretold_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [("play", 0.0), ("search", 4.0), ("clean up", 12.0), ("verify", 13.0)]
    assert left(monkeypatch, *stages) == pytest.approx([24.0, 12.0])


def seconds(settings: Settings, played: float = 4.0) -> float:
    return sum(course_of_diagnosis(settings).rest(played).values())


@pytest.mark.parametrize(
    "more", [{"rounds": 12}, {"careful": True}, {"two_point_units": 5}, {"doses": (0.0, 2.0, 3.0, 4.0)}]
)
def test_more_work_is_expected_to_take_longer(more: dict[str, object]) -> None:
    assert seconds(Settings.model_validate(more)) > seconds(Settings())
    assert seconds(Settings(), 8.0) == pytest.approx(2 * seconds(Settings(), 4.0))


def test_a_quick_look_is_expected_to_search_nothing_and_more_candidates_more() -> None:
    asked = (Settings(quick=True), Settings(), Settings(candidates=80))
    quick, usual, wide = (course_of_diagnosis(settings).rest(1.0) for settings in asked)
    assert "search" not in quick and 0.0 < usual["search"] < wide["search"] and quick["verify"] < usual["verify"]


def test_stages_are_called_as_the_jobs_call_them() -> None:
    course = course_of_diagnosis(Settings())
    assert [course.first, *course.rest(1.0)] == [name for name, *_ in diagnosis.STAGES]
    for has_source in (True, False):
        edit = course_of_experiment(3, has_source)
        stages = [name for name in experiment.STAGES if has_source or name != "play the source"]
        assert [edit.first, *edit.rest(1.0)] == stages
