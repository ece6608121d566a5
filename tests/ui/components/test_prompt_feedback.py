"""Feedback as a page shows it: the prompt with what pulls, findings with reasons, any text as text."""

from __future__ import annotations

from typing import Any

import pytest

from tests import tiny
from tests.diagnose.repair.word_states import predictor, session
from tonescope.diagnose.repair.live_feedback import LiveFeedback, PhrasePull
from tonescope.models.errors import TonescopeError
from tonescope.models.vocabulary import Vocabulary
from tonescope.ui.components import prompt_feedback
from tonescope.ui.components.prompt_feedback import PromptFeedback, html, panel, pieces


def predicted(prompt: str) -> str:
    made = session()
    wrong = {"house": "techno"}
    return html(LiveFeedback(made.generator, made.judge, made.taxonomy, predictor=predictor(wrong)).on(prompt))


def test_what_will_be_heard_is_said_with_the_word_that_pulls_there_and_how_far_to_believe_it() -> None:
    shown = predicted("house for a film")
    assert "Techno will" in shown and "house, which is asked for, " in shown
    assert '<mark class="feedback-away">house <small>→ techno +' in shown
    assert "On prompts that it was not fitted on" in shown and "only listening proves a prompt" in shown


def test_a_finding_has_its_reason_its_effect_and_a_prompt_without_it() -> None:
    shown = PromptFeedback(tiny.session()).html("house, masterpiece")
    assert "says nothing about the music" in shown and "prompts for pictures" in shown
    assert "was not measured by listening" in shown
    assert 'data-prompt="house"' in shown


def test_case_a_model_without_an_audit_run_says_on_the_page_which_command_makes_one() -> None:
    assert "tonescope predictor" in PromptFeedback(tiny.session()).html("house")


def test_case_hostile_text_is_shown_as_text() -> None:
    shown = predicted("house <img src=x onerror=alert(1)>") + PromptFeedback(tiny.session()).html("no <b>drums</b>")
    assert "<img" not in shown and "<b>drums" not in shown
    assert "<option>&lt;b&gt;" in panel(["<b>"])


@pytest.mark.parametrize("prompt", ["a", "?!…", "x " * 10_000, "ジャズ", "\ud800 house", " , "])
def test_case_any_prompt_gets_feedback_on_the_page(prompt: str) -> None:
    assert "<p" in PromptFeedback(tiny.session()).html(prompt)


def test_of_an_empty_prompt_nothing_is_said() -> None:
    assert PromptFeedback(tiny.session()).html("  \n") == ""


def test_case_a_genre_that_the_judge_does_not_know_and_what_is_no_text_are_refused() -> None:
    feedback = PromptFeedback(tiny.session())
    with pytest.raises(TonescopeError, match="does not know “gamelan”"):
        feedback.html("house", "gamelan")
    for wrong in (3, None, ["house"]):
        with pytest.raises(TonescopeError, match="no text"):
            feedback.html(wrong)


def test_the_pieces_of_a_prompt_are_the_prompt() -> None:
    prompt = "calm house, with banjo"
    pulls = [_pull("banjo", 17, 22, 0.5), _pull("house", 5, 10, 0.2), _pull("calm", 0, 4, 0.01)]
    made = pieces(prompt, pulls)
    assert "".join(piece.text for piece in made) == prompt
    assert [(piece.text, piece.points) for piece in made if piece.pull] == [("house", 20), ("banjo", 50)]


def test_feedback_is_given_while_a_run_has_its_hooks_on_the_models() -> None:
    made = tiny.session()
    feedback = PromptFeedback(made)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    for module in (*made.generator.model.modules(), *made.judge.model.modules()):  # type: ignore[attr-defined]
        module.register_forward_pre_hook(stop)
    assert feedback.on("house with piano").asked == "house"


def test_of_a_word_that_may_not_be_finished_nothing_is_said() -> None:
    feedback = PromptFeedback(tiny.session())
    assert "leads to nothing" in feedback.html("house with")
    assert "leads to nothing" not in feedback.html("house with", settled=False)
    assert "refuses" in feedback.html("house, no drums", settled=False)


def test_a_word_that_another_rule_speaks_of_is_not_told_twice() -> None:
    made = tiny.session()
    made.vocabulary = Vocabulary(frozenset({"house"}))
    shown = PromptFeedback(made).html("house, zquorbl, masterpiece")
    assert shown.count("probably never learned") == 1 and "“zquorbl”" in shown and "says nothing" in shown


def test_where_phrases_take_long_they_wait_until_the_typing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    feedback = _predicting()
    asked: list[bool] = []
    on = feedback._live.on

    def noted(prompt: str, intended: str | None, *, pulls: bool) -> Any:
        asked.append(pulls)
        return on(prompt, intended, pulls=pulls)

    monkeypatch.setattr(feedback._live, "on", noted)
    monkeypatch.setattr(prompt_feedback, "PATIENCE", -1.0)
    shown = [feedback.html("house for a film", settled=settled) for settled in (False, True)]
    assert asked == [False, True]
    assert ["feedback-pieces" in one for one in shown] == [False, True] and all("Techno will" in one for one in shown)


def _predicting() -> PromptFeedback:
    feedback = PromptFeedback(session())
    feedback._live.predictor = predictor({"house": "techno"})
    return feedback


def _pull(phrase: str, start: int, end: int, by: float) -> PhrasePull:
    return PhrasePull(phrase=phrase, start=start, end=end, toward="polka", by=by, intended_by=None)


def test_case_a_phrase_that_takes_from_the_genre_asked_for_is_marked_though_it_pulls_nowhere_much() -> None:
    harmful = _pull("banjo", 11, 16, 0.01).model_copy(update={"intended_by": -0.58})
    piece = next(piece for piece in pieces("house with banjo", [harmful]) if piece.pull)
    assert (piece.text, piece.points, piece.harm) == ("banjo", 0, 58)
