"""Feedback while a prompt is typed: any prompt, in one batch, and no prediction where nobody listened."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.diagnose.repair.word_states import predictor, session
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.lint_job import JOB, LintParameters
from tonescope.diagnose.repair.live_feedback import LiveFeedback, variants_without
from tonescope.models.errors import TonescopeError

WRONG = {"house": "techno"}


def live(wrong: dict[str, str] | None = None) -> LiveFeedback:
    made = session()
    return LiveFeedback(made.generator, made.judge, made.taxonomy, predictor=predictor(wrong))


def test_a_planted_confusion_is_foretold_and_the_word_that_makes_it_pulls_most() -> None:
    found = live(WRONG).on("house for a film")
    assert found.asked == "house" and found.prediction is not None
    assert found.prediction.genre == "techno" and "techno" in found.prediction.told("house")
    assert (found.prediction.intended or 0) < 0.2
    pull = found.prediction.pulls[0]
    assert (pull.phrase, pull.toward) == ("house", "techno") and pull.by > 0.2


def test_the_prompt_and_all_it_is_without_a_phrase_are_one_batch() -> None:
    made = live()
    calls: list[int] = []
    read = made.generator.read_text

    def counted(prompts, seconds=None):
        calls.append(len(prompts))
        return read(prompts, seconds)

    made.generator.read_text = counted  # type: ignore[method-assign]
    made.on("calm house with banjo, in the evening")
    phrases, variants = variants_without("calm house with banjo, in the evening")
    assert calls == [1, 1 + len(variants)] and len(phrases) == len(variants) >= 3


def test_case_a_model_without_an_audit_run_says_which_command_makes_one() -> None:
    made = tiny.session()
    found = made.lint("house with piano")
    assert found.prediction is None and "tonescope predictor" in found.no_prediction
    shown = JOB.views(JOB.run(made, LintParameters(prompt="house"), Watch()).result, None)
    assert any(command.line == "tonescope predictor" for view in shown for command in view.commands)


@pytest.mark.parametrize("prompt", ["a", "?!…", "x " * 10_000, "ジャズ", "Ω≈ç√", "\ud800 house", " , "])
def test_case_any_prompt_gets_feedback(prompt: str) -> None:
    found = live().on(prompt)
    assert found.findings or found.prediction
    assert JOB.views(found, None)


def test_case_a_prompt_longer_than_is_read_is_said_and_not_predicted() -> None:
    found = live().on("house with " + "piano " * 50)
    assert found.prediction is None and found.findings[0].rule == "unreadable"
    assert "40 are read" in found.findings[0].sentence


def test_case_an_intended_genre_that_the_judge_does_not_know_is_refused() -> None:
    with pytest.raises(TonescopeError, match="does not know “gamelan”"):
        live().on("house", "gamelan")


def test_without_pulls_only_the_prompt_itself_is_read() -> None:
    made, calls = live(WRONG), list[int]()
    read = made.generator.read_text

    def counted(prompts, seconds=None):
        calls.append(len(prompts))
        return read(prompts, seconds)

    made.generator.read_text = counted  # type: ignore[method-assign]
    found = made.on("calm house with banjo", pulls=False)
    assert found.prediction is not None and found.prediction.genre == "techno" and not found.prediction.pulls
    assert max(calls) == 1
