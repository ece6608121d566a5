"""Feedback on a prompt, in words: what was asked stands in the headline, what harms it first, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from tonescope.diagnose.prompts.linter import lint
from tonescope.diagnose.prompts.rules.lint_rules import rule_book
from tonescope.diagnose.prompts.rules.rule_checks import Reading
from tonescope.diagnose.repair.genre_predictor import PredictorRecord
from tonescope.diagnose.repair.live_feedback import Feedback, PhrasePull, Prediction
from tonescope.diagnose.report.lint_views import views
from tonescope.diagnose.taxonomy import common
from tonescope.models.vocabulary import Vocabulary

UNCLEAR = {"house": 0.32, "polka": 0.21, "techno": 0.2, "lo-fi hip hop": 0.16}


def pull(phrase: str, toward: str, by: float, intended_by: float | None) -> PhrasePull:
    return PhrasePull(phrase=phrase, start=0, end=1, toward=toward, by=by, intended_by=intended_by)


def prediction(genres: dict[str, float], intended: float | None, *pulls: PhrasePull) -> Prediction:
    genre, probability = next(iter(genres.items()))
    return Prediction.model_construct(
        genre=genre,
        probability=probability,
        genres=genres,
        intended=intended,
        pulls=list(pulls),
        record=PredictorRecord.model_construct(judge_name="a judge"),
        other_judge=False,
    )


def found(prompt: str, asked: str | None, predicted: Prediction | None, findings: Any = ()) -> Feedback:
    return Feedback.model_construct(
        prompt=prompt,
        model="m",
        judge="j",
        asked=asked,
        findings=list(findings),
        prediction=predicted,
        no_prediction="Nothing is known.",
    )


@pytest.fixture(autouse=True)
def _record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PredictorRecord, "sentence", "It was right before.")
    monkeypatch.setattr(PredictorRecord, "holds_for", "It predicts takes of 4 s.")


def shown(feedback: Feedback) -> dict[str, Any]:
    return {view.key: view for view in views(feedback)}


@pytest.mark.parametrize(
    ("genres", "intended", "asked", "told"),
    [
        (
            UNCLEAR,
            0.16,
            "lo-fi hip hop",
            "Not clear what will be heard: house 32 %, polka 21 %; lo-fi hip hop, which is asked for, 16 %.",
        ),
        (UNCLEAR, 0.21, "polka", "Not clear what will be heard: house 32 %; polka, which is asked for, 21 %."),
        (UNCLEAR, None, None, "Not clear what will be heard: house 32 %, polka 21 %."),
        (
            {"polka": 0.6, "house": 0.1},
            0.1,
            "house",
            "polka will probably be heard (60 %); house, which is asked for, 10 %.",
        ),
        ({"polka": 0.9}, 0.9, "polka", "polka will most likely be heard, as asked (90 %)."),
        ({"polka": 0.9}, None, None, "polka will most likely be heard (90 %)."),
    ],
)
def test_the_headline_says_how_likely_it_is_what_was_asked(
    genres: dict[str, float], intended: float | None, asked: str | None, told: str
) -> None:
    assert prediction(genres, intended).told(asked) == told


def test_case_what_harms_the_genre_asked_for_comes_first() -> None:
    pulls = (pull("lo-fi", "lo-fi hip hop", 0.5, 0.5), pull("accordion", "house", 0.3, -0.58))
    view = shown(found("lo-fi with accordion", "lo-fi hip hop", prediction(UNCLEAR, 0.16, *pulls)))["pulls"]
    told, table = view.sentences[0][0], view.tables[0]
    assert told.startswith("“accordion” takes most from lo-fi hip hop, which is asked for")
    assert "58 percentage points less likely" in told and "likelier" not in told
    assert [row[:2] for row in table.rows] == [("accordion", "−58"), ("lo-fi", "+50")]
    assert "percentage points" in table.title


def test_where_nothing_is_asked_for_the_strongest_phrase_is_told() -> None:
    view = shown(found("calm", None, prediction(UNCLEAR, None, pull("calm", "ambient", 0.2, None))))["pulls"]
    assert view.sentences[0][0] == "“calm” does most: it makes ambient 20 percentage points likelier."
    assert view.tables[0].columns == ("phrase", "what it makes likelier most")
    small = shown(found("calm", None, prediction(UNCLEAR, None, pull("calm", "ambient", 0.01, None))))["pulls"]
    assert small.tables[0].rows == (("calm", "none by much"),)


def test_case_no_words_are_listed_twice_and_rules_have_plain_names() -> None:
    reading = Reading(
        "house, no vocals, masterpiece", common(), common().labels, None, "", Vocabulary(frozenset({"house"}))
    )
    view = shown(found("house", "house", None, lint(reading)))["findings"]
    words = [row[1] for row in view.tables[0].rows]
    assert len(set(words)) == len(words) and "masterpiece" in words
    cells = " ".join(" ".join(row) for row in view.tables[0].rows)
    assert not any(rule.id in cells for rule in rule_book().rules if "-" in rule.id or rule.id == "superstition")
    assert "says nothing of the music" in cells


def test_case_what_was_not_measured_is_said_once() -> None:
    some = lint(Reading("house, no drums, masterpiece", common(), common().labels, None))
    view = shown(found("house", "house", None, some))["findings"]
    told = " ".join([*(text for text, _ in view.sentences), *(" ".join(row) for row in view.tables[0].rows)])
    assert told.count("not measured") == 1
    known = [some[0].model_copy(update={"effect": "Measured on this model: it harms."}), *some[1:]]
    measured = shown(found("house", "house", None, known))["findings"]
    assert "measured effect" in measured.tables[0].columns


@pytest.mark.parametrize(
    ("genres", "asked", "line"),
    [
        ({"techno": 0.97}, "techno", 'tonescope diagnose "slow techno"'),
        ({"techno": 0.6}, "techno", 'tonescope suggest "slow techno" --intended techno'),
        ({"techno": 0.97}, "house", 'tonescope suggest "slow techno" --intended house'),
        ({"techno": 0.97}, None, ""),
    ],
)
def test_case_no_better_prompt_is_offered_where_the_genre_asked_for_is_clear(
    genres: dict[str, float], asked: str | None, line: str
) -> None:
    command = shown(found("slow techno", asked, prediction(genres, genres.get(asked or ""))))["next"].commands[0]
    assert command.line.startswith(line) and ("--intended" in command.told) == (asked is None)
    assert ("tonescope listen" in command.told) == line.startswith("tonescope diagnose")


def test_what_may_not_work_can_be_left_out_and_heard() -> None:
    some = lint(Reading("techno without drums", common(), common().labels, None))
    leave = shown(found("techno without drums", "techno", prediction({"techno": 0.83}, 0.83), some))["next"].commands[
        -1
    ]
    assert "without drums" in leave.told and leave.line == "tonescope diagnose techno"


def test_findings_of_the_same_words_say_which_was_measured() -> None:
    some = lint(Reading("爵士乐", common(), common().labels, None))
    one, other = [finding.model_copy(update={"start": 0, "end": 3}) for finding in [*some, *some][:2]]
    known = [one, other.model_copy(update={"effect": "Measured on this model: it harms.", "name": "no genre"})]
    (row,) = shown(found("爵士乐", None, None, known))["findings"].tables[0].rows
    assert "No genre: Measured" in " ".join(row) and ";" not in row[0]


def test_nothing_is_said_of_phrases_where_none_was_left_out() -> None:
    pulls = shown(found("house", "house", prediction({"house": 0.9}, 0.9)))["pulls"]
    assert not pulls.sentences and [table.title for table in pulls.tables] == ["What will be heard"]
    missed = shown(found("jazz fusion", "jazz fusion", prediction({"smooth jazz": 0.9}, 0.0)))["pulls"]
    ((told, badge),) = missed.sentences
    assert told.startswith("As it seems, this model plays jazz fusion so") and badge == "estimated"


def test_every_rule_has_a_name_of_its_own() -> None:
    names = [rule.name for rule in rule_book().rules]
    assert all(names) and len(set(names)) == len(names)
