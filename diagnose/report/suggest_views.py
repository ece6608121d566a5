"""A repair as views: the finding, before and after to listen to, what was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.repair import suggest_sentences
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.pasteable import prompt_word, quoted
from tonescope.diagnose.report.view import Command, Sound, Table, Tone, View

if TYPE_CHECKING:
    from tonescope.diagnose.repair.suggest_schema import Conclusion, Suggestion, Verified
    from tonescope.diagnose.repair.suggestion import SuggestEvidence

LEAD = 6
TONES: dict[Conclusion, Tone] = {
    "plays as meant": "good",
    "fixed": "good",
    "better": "unclear",
    "no better": "unclear",
    "genre missing": "bad",
}


def views(found: Suggestion, evidence: SuggestEvidence) -> list[View]:
    """Everything that was found."""
    title = shared_views.headline(found.prompt)
    made = [
        View(
            "suggestion", title, [(found.sentence, found.original.badge)], depth="first", tone=TONES[found.conclusion]
        ),
        _listen(found, evidence),
    ]
    if found.best is not None and found.conclusion in ("fixed", "better"):
        told = [(line, found.best.badge) for line in suggest_sentences.beside(found.best)]
        made.append(View("beside", "What else changed", told, depth="first"))
    if found.steering is not None:
        made.append(_steering(found))
    return [*made, _heard(found), _tried(found), *_next(found), shared_views.caveats(found.caveats), _made(found)]


def _sets(found: Suggestion) -> list[tuple[str, str, Verified]]:
    named = [("untouched", "as it was typed", found.original), ("best", "the best rewrite", found.best)]
    named.append(("bare_genre_word", "the genre word alone", found.bare))
    return [(key, title, one) for key, title, one in named if one is not None]


def _listen(found: Suggestion, evidence: SuggestEvidence) -> View:
    """Before and after, on the same noise."""
    sets = [(key, title) for key, title, _ in _sets(found) if key in evidence.sounds]
    sets += [("steered", "steered")] if "steered" in evidence.sounds else []
    same = [(key, title) for key, title in sets if key != "steered"]
    rows = [[Sound(title, key, row) for key, title in same] for row in range(found.original.matched.total)]
    if len(sets) > len(same):
        rows += [[Sound("steered", "steered", row)] for row in range(len(evidence.sounds["steered"]))]
    return View("takes", "Listen", [("Each row has the same seed and noise.", None)], sounds=rows, depth="first")


def _heard(found: Suggestion) -> View:
    rows = tuple(
        (
            title,
            one.prompt,
            str(one.matched),
            ", ".join(f"{label} {count}" for label, count in one.heard.items()),
            "" if one.effect is None else str(one.effect),
        )
        for _, title, one in _sets(found)
    )
    columns = ("what", "prompt", f"heard as {found.intended}", "heard", "nats beside the prompt as it is")
    return View("fresh", "In fresh takes", tables=[Table(columns, rows)])


def _tried(found: Suggestion) -> View:
    rows = tuple(
        (
            one.told,
            one.prompt,
            "" if one.predicted is None else f"{one.predicted:.2f}",
            f"{one.heard} of {one.takes}",
        )
        for one in found.tried
    )
    screened = "by the predictor" if found.screened else "in turns, as nothing predicts"
    told = (
        f"{found.candidates} candidates, ordered {screened}; {len(found.tried)} were played, the better half of each "
        f"round in more takes. {found.takes} takes in all."
    )
    columns = ("change", "prompt", "predicted", "heard as meant in the race")
    return View("tried", "What was tried", [(told, None)], [Table(columns, rows, lead=LEAD)])


def _steering(found: Suggestion) -> View:
    trial = found.steering
    assert trial is not None
    told = [(trial.told, "tested")]
    rows = tuple((dose, str(share)) for dose, share in trial.doses.items())
    rows += tuple((f"{dose}, random units", str(share)) for dose, share in trial.random_doses.items())
    if trial.steering is not None and trial.steering.spectrum_db is not None:
        broke, spectrum = trial.steering.ruined, trial.steering.spectrum_db
        cost = f"What it costs: the sound broke in {broke} of {spectrum.takes} takes"
        told.append((f"{cost}, and the spectrum is {spectrum.mean:.1f} dB away.", "tested"))
    tables = [Table(("activations times", f"heard as {found.intended}"), rows)] if rows else []
    return View("steering", "Steering, as an alternative", told, tables, depth="first")  # type: ignore[arg-type]


def _next(found: Suggestion) -> list[View]:
    commands = []
    if found.best is not None and found.conclusion in ("fixed", "better"):
        intended = quoted(found.intended)
        line = f"tonescope contrast {prompt_word(found.prompt)} {prompt_word(found.best.prompt)}"
        commands.append(Command("Why it works better", line))
        commands.append(
            Command(
                "Diagnose the new prompt", f"tonescope diagnose {prompt_word(found.best.prompt)} --intended {intended}"
            )
        )
    if found.conclusion in ("no better", "genre missing") and found.steering is None:
        line = (
            f"tonescope suggest {prompt_word(found.prompt)} --intended {quoted(found.intended)} --steering --out FOLDER"
        )
        commands.append(Command("Look for units to steer by", line))
    if found.steering is not None and found.steering.steering is not None:
        line = f"tonescope diagnose {prompt_word(found.prompt)} --steer FOLDER/steering.json"
        commands.append(Command("Diagnose it steered", line))
    return [View("next", "What to do next", commands=commands, depth="first")] if commands else []


def _made(found: Suggestion) -> View:
    told = (
        f"{found.model.name}, heard by {found.judge.name}; takes of {found.settings.seconds:g} s; the fresh ones "
        f"have the seeds {found.seeds[0]} to {found.seeds[1]}; made on {found.made}."
    )
    return View("provenance", "How this was made", [(told, None)], depth="numbers")
