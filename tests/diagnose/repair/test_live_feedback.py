"""Feedback while a prompt is typed: any prompt, in one batch, and no prediction where nobody listened."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.diagnose.repair.word_states import predictor, session
from tests.models.families.ace_step import tiny_ace_step
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
    lines = [command.line for view in shown for command in view.commands]
    assert any(line.startswith('tonescope predictor --model "tiny mono"') for line in lines)


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


def test_case_lyrics_are_neither_linted_nor_read_as_what_is_asked_for() -> None:
    made = tiny_ace_step.generator()
    live = LiveFeedback(made, tiny.judge(), tiny.session().taxonomy)
    found = live.on("smooth jazz, piano\n[verse] no drums, masterpiece, techno and house\n" + "la la " * 500)
    assert found.asked == "smooth jazz" or found.asked is None
    assert not {"negation", "superstition", "two-genres", "too-long"} & {one.rule for one in found.findings}
    assert any("What is sung" in caveat for caveat in found.caveats)
    tags = live.on("smooth jazz, female vocals, masterpiece\n[verse] la").findings
    assert [one.instead for one in tags if one.rule == "superstition"] == ["smooth jazz, female vocals\n[verse] la"]


def test_case_a_voice_asked_of_a_model_that_sings_is_said_not_to_be_judged() -> None:
    live = LiveFeedback(tiny_ace_step.generator(), tiny.judge(), tiny.session().taxonomy)
    found = live.on("smooth jazz, female vocals")
    assert any("“female vocals”" in caveat and "is not judged" in caveat for caveat in found.caveats)
    assert "vocals" not in {one.rule for one in found.findings}
    assert not live.on("smooth jazz, piano").caveats
