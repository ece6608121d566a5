"""Feedback on a prompt, as views: what will probably be heard, what the linter found, what each phrase does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tonescope.diagnose.prompts.linter import said_once
from tonescope.diagnose.repair.live_feedback import FOLLOWS, MAKE_ONE, NOTHING_FOUND, SURE
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.next_steps import FOLDER
from tonescope.diagnose.report.pasteable import quoted
from tonescope.diagnose.report.view import Command, Table, View
from tonescope.diagnose.stats import signed

if TYPE_CHECKING:
    from tonescope.diagnose.prompts.linter import LintFinding
    from tonescope.diagnose.repair.live_feedback import Feedback, Prediction

SHOWN_PROMPT = 200  # characters
LEAD_FINDINGS = 6
MARKS = {"problem": "Will not work", "warning": "May not work", "note": "Good to know"}


def views(found: Feedback) -> list[View]:
    """All that can be said without playing."""
    prompt = found.prompt if len(found.prompt) <= SHOWN_PROMPT else f"{found.prompt[:SHOWN_PROMPT]}…"
    told = [(found.prediction.told(found.asked), "estimated") if found.prediction else (found.no_prediction, None)]
    made = [
        View("prediction", shared_views.headline(prompt), told, depth="first", tone="open"),  # type: ignore[arg-type]
        _findings(said_once(found.findings), bool(found.prediction and found.prediction.pulls)),
    ]
    if found.prediction:
        made += [_pulls(found.prediction, found.asked), _record(found.prediction, found.judge)]
    if found.caveats:
        made.append(shared_views.caveats(found.caveats))
    return [*made, *_next(found)]


def _findings(findings: list[LintFinding], predicted: bool) -> View:
    if not findings:
        return View("findings", "The words", [(NOTHING_FOUND, None)], depth="first")
    sentences = [(f"{one.sentence} {one.reason}", None) for one in findings[:LEAD_FINDINGS]]
    measured = any(one.measured for one in findings)
    if not measured:
        below = " (what is predicted of each phrase stands below)" * predicted
        sentences.append((f"What these words do was not measured by listening to this model{below}.", None))
    rows = tuple(
        (
            MARKS[some[0].level].lower(),  # the first matters most
            some[0].what[:60],
            "; ".join(one.name or one.rule for one in some),
            *([_effects(some)] if measured else []),
            next((one.instead for one in some if one.instead), ""),
        )
        for some in _by_words(findings)
    )
    known = ("measured effect",) * measured
    columns = ("how much it matters", "words", "what about them", *known, "the prompt without them")
    return View("findings", "The words", sentences, [Table(columns, rows, lead=LEAD_FINDINGS)], depth="first")


def _effects(some: Sequence[LintFinding]) -> str:
    """What findings of the same words do, each once, with its name where they differ."""
    if len({one.effect for one in some}) == 1:
        return some[0].effect
    return " ".join(f"{(one.name or one.rule).capitalize()}: {one.effect}" for one in some)


def _by_words(findings: list[LintFinding]) -> list[list[LintFinding]]:
    """Findings of the same words together, in the order of the first of each."""
    together: dict[tuple[int, int], list[LintFinding]] = {}
    for one in findings:
        together.setdefault((one.start, one.end), []).append(one)
    return list(together.values())


def _pulls(prediction: Prediction, asked: str | None) -> View:
    """What each phrase does to what will be heard, the most harmful first where a genre is asked for."""
    known = asked if prediction.intended is not None else None
    pulls = sorted(prediction.pulls, key=lambda pull: pull.intended_by or 0.0) if known else prediction.pulls
    rows = tuple(
        (
            pull.phrase,
            *([signed(100 * (pull.intended_by or 0.0), ".0f")] if known else []),
            f"{pull.toward} {signed(100 * pull.by, '.0f')}" if pull.by >= FOLLOWS else "none by much",
        )
        for pull in pulls
    )
    columns = ("phrase", *([f"{known}, which is asked for"] if known else []), "what it makes likelier most")
    genres = tuple((genre, f"{value:.2f}") for genre, value in prediction.genres.items())
    pulled = Table(columns, rows, title="With each phrase rather than without, in percentage points of probability")
    heard = Table(("genre", "probability"), genres, kinds=("text", "share"), title="What will be heard")
    tables = [pulled, heard] if rows else [heard]
    most = _most(prediction, known)
    told = [(most, "estimated")] if most else []
    return View("pulls", "What each phrase does", told, tables, depth="first")  # type: ignore[arg-type]


def _most(prediction: Prediction, asked: str | None) -> str:
    """Which phrase takes most from the genre that is asked for, or else does most."""
    strongest = next((pull for pull in prediction.pulls if pull.by >= FOLLOWS), None)
    likelier = f"{strongest.toward} {100 * strongest.by:.0f} percentage points likelier" if strongest else ""
    harmful = prediction.harm() if asked else None
    if harmful:
        lost = f"{100 * abs(harmful.intended_by or 0.0):.0f} percentage points less likely"
        told = f"“{harmful.phrase}” takes most from {asked}, which is asked for: with it, that is {lost} than without"
        return f"{told}, and {likelier}." if harmful is strongest else f"{told}."
    if strongest:
        return f"{_spared(prediction, asked)}“{strongest.phrase}” does most: it makes {likelier}."
    return prediction.no_pull_told(asked)


def _spared(prediction: Prediction, asked: str | None) -> str:
    """That no phrase takes the genre that is asked for away."""
    if asked is None:
        return ""
    if prediction.genre != asked and (prediction.intended or 0.0) < FOLLOWS:
        return f"{asked[:1].upper()}{asked[1:]}, which is asked for, is not predicted without any one phrase either. "
    return f"No phrase takes much from {asked}, which is asked for. "


def _record(prediction: Prediction, judge: str) -> View:
    told = [(prediction.record.sentence, "observed"), (prediction.record.holds_for, None)]
    told.append(("Nothing was played: only listening proves a prompt.", None))
    if prediction.other_judge:
        told.append(
            (f"It was fitted on what {prediction.record.judge_name} heard, and {judge} may hear otherwise.", None)
        )
    return View("record", "How far to believe it", told)  # type: ignore[arg-type]


def _next(found: Feedback) -> list[View]:
    commands = []
    if not found.prediction and MAKE_ONE in found.no_prediction:
        commands.append(Command("Make a predictor for this model", " ".join([MAKE_ONE, *found.opened_with])))
    if any(character.isalnum() for character in found.prompt) and len(found.prompt) <= SHOWN_PROMPT:
        commands.append(_play(found) if _is_clearly_as_asked(found) else _look_for_another(found))
        commands += _without(found)
    return [View("next", "What to do next", commands=commands, depth="first")] if commands else []


def _is_clearly_as_asked(found: Feedback) -> bool:
    """Whether no other words are needed for the genre."""
    predicted = found.prediction
    return predicted is not None and predicted.genre == found.asked and predicted.probability >= SURE


def _play(found: Feedback) -> Command:
    told = (
        f"{found.asked} is predicted clearly, so no other words are needed for it. What else is asked for "
        "(instruments, tempo, key, what is to be missing) is not predicted: play takes, and listen (tonescope listen "
        "tells their tempo and key)"
    )
    return Command(told, _line("diagnose", found, "--out", FOLDER))


def _without(found: Feedback) -> Iterator[Command]:
    """The prompt without what may not work, where leaving it out is enough."""
    for one in found.findings:
        if one.instead and one.level != "note":
            shorter = found.model_copy(update={"prompt": one.instead})
            yield Command(f"Leave “{one.what[:60]}” out, and listen", _line("diagnose", shorter))
            return


def _look_for_another(found: Feedback) -> Command:
    if not found.asked:
        return Command("Say which genre is meant, and a better prompt can be looked for: tonescope suggest, --intended")
    return Command("Look for a better prompt, by listening", _line("suggest", found, "--intended", found.asked))


def _line(job: str, found: Feedback, *more: str) -> str:
    """The line of a job on the prompt and the same models."""
    options = [*(word if word.startswith("--") else quoted(word) for word in more), *found.opened_with]
    if found.prompt.startswith("-"):
        return " ".join(["tonescope", job, *options, "--", quoted(found.prompt)])
    return " ".join(["tonescope", job, quoted(found.prompt), *options])
