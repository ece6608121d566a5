"""Feedback on a prompt, as views: what will probably be heard, what the linter found, which phrase pulls where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.pasteable import quoted
from tonescope.diagnose.report.view import Command, Table, View
from tonescope.diagnose.stats import signed

if TYPE_CHECKING:
    from tonescope.diagnose.prompts.linter import LintFinding
    from tonescope.diagnose.repair.live_feedback import Feedback, Prediction

SHOWN_PROMPT = 200  # characters
LEAD_FINDINGS = 6
FOLLOWS = 0.05  # of probability; a phrase that moves less pulls nowhere


def views(found: Feedback) -> list[View]:
    """All that can be said without playing."""
    prompt = found.prompt if len(found.prompt) <= SHOWN_PROMPT else f"{found.prompt[:SHOWN_PROMPT]}…"
    told = [(found.prediction.sentence, "estimated") if found.prediction else (found.no_prediction, None)]
    made = [
        View("prediction", shared_views.headline(prompt), told, depth="first", tone="open"),  # type: ignore[arg-type]
        _findings(found.findings),
    ]
    if found.prediction:
        made += [_pulls(found.prediction, found.asked), _record(found.prediction, found.judge)]
    return [*made, *_next(found)]


def _findings(findings: list[LintFinding]) -> View:
    if not findings:
        return View("findings", "The words", [("No word here is known to fail by itself.", None)], depth="first")
    sentences = [(f"{one.sentence} {one.reason}", None) for one in findings[:LEAD_FINDINGS]]
    rows = tuple((one.level, one.rule, one.what[:60], one.effect, one.instead or "") for one in findings)
    columns = ("level", "rule", "what", "what is known of its effect", "without it")
    return View("findings", "The words", sentences, [Table(columns, rows, lead=LEAD_FINDINGS)], depth="first")


def _pulls(prediction: Prediction, asked: str | None) -> View:
    """Which phrase pulls where."""
    rows = tuple(
        (
            pull.phrase,
            pull.toward if pull.by >= FOLLOWS else "nowhere",
            signed(100 * pull.by, ".0f"),
            "" if pull.intended_by is None else signed(100 * pull.intended_by, ".0f"),
        )
        for pull in prediction.pulls
    )
    columns = ("phrase", "pulls toward", "points", f"points for {asked}" if asked else "points as asked")
    genres = tuple((genre, f"{value:.2f}") for genre, value in prediction.genres.items())
    tables = [Table(columns, rows, title="Phrases"), Table(("genre", "probability"), genres, kinds=("text", "share"))]
    strongest = next((pull for pull in prediction.pulls if pull.by >= FOLLOWS), None)
    told = (
        f"“{strongest.phrase}” pulls most: toward {strongest.toward}, by {100 * strongest.by:.0f} points."
        if strongest
        else "No single phrase pulls much: leaving out any changes little."
    )
    against = min(prediction.pulls, key=lambda pull: pull.intended_by or 0.0, default=None)
    if against and (against.intended_by or 0.0) <= -FOLLOWS:
        lost = 100 * abs(against.intended_by or 0.0)
        told += (
            f" “{against.phrase}” takes most from {asked}: it is {lost:.0f} points less likely with it than without."
        )
    return View("pulls", "Which phrase pulls where", [(told, "estimated")], tables, depth="first")


def _record(prediction: Prediction, judge: str) -> View:
    told = [(prediction.record.sentence, "observed"), ("Nothing was played: only listening proves a prompt.", None)]
    if prediction.other_judge:
        told.append(
            (f"It was fitted on what {prediction.record.judge_name} heard, and {judge} may hear otherwise.", None)
        )
    return View("record", "How far to believe it", told)  # type: ignore[arg-type]


def _next(found: Feedback) -> list[View]:
    commands = []
    if not found.prediction and found.no_prediction.endswith("takes)."):
        commands.append(Command("Make a predictor for this model", "tonescope predictor"))
    if any(character.isalnum() for character in found.prompt) and len(found.prompt) <= SHOWN_PROMPT:
        intended = f" --intended {quoted(found.asked)}" if found.asked else ""
        commands.append(
            Command("Look for a better prompt, by listening", f"tonescope suggest {quoted(found.prompt)}{intended}")
        )
    return [View("next", "What to do next", commands=commands, depth="first")] if commands else []
