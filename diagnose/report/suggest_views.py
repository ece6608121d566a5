"""A repair as views: the finding, a card for each prompt to use instead, what was tried."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tonescope.diagnose.repair import suggest_sentences
from tonescope.diagnose.report import pasteable, shared_views
from tonescope.diagnose.report.view import Command, Offer, Sound, Table, Tone, View
from tonescope.diagnose.report.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

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
PLAYED_WITH = ("guidance", "temperature", "top_k", "negative")  # settings that a rewrite may change


def early(prompt: str, intended: str, heard: Sequence[str]) -> View:
    """What is known after the first takes of the prompt as it is."""
    counts = ", ".join(f"{label} in {count}" for label, count in Counter(heard).most_common())
    told = f"As it was typed: {counts} of {len(heard)} takes. Meant is {intended}; other words are tried now."
    return View("heard_first", shared_views.headline(prompt), [(told, "observed")], depth="first", tone="open")


def views(found: Suggestion, evidence: SuggestEvidence) -> list[View]:
    """Everything that was found."""
    title = shared_views.headline(found.prompt)
    cards = [_card(found, key, one, evidence) for key, one in _offered(found)]
    made = [
        View(
            "suggestion", title, [(found.sentence, found.original.badge)], depth="first", tone=TONES[found.conclusion]
        ),
        *(cards or [_listen(found, evidence)]),
    ]
    if found.steering is not None:
        made.append(_steering(found, evidence))
    return [*made, *_next(found), _heard(found), _tried(found), shared_views.caveats(found.caveats), _made(found)]


def _sets(found: Suggestion) -> list[tuple[str, str, Verified]]:
    named = [("untouched", "as it was typed", found.original), ("best", "the best rewrite", found.best)]
    named.append(("complete", "the best that keeps all", found.complete))
    named.append(("bare_genre_word", "the genre word alone", found.bare))
    return [(key, title, one) for key, title, one in named if one is not None]


def _offered(found: Suggestion) -> list[tuple[str, Verified]]:
    """What was heard to be better than the prompt as it is: the one that the finding names, then by how often."""
    if found.conclusion not in ("fixed", "better"):
        return []
    better = [(key, one) for key, _, one in _sets(found) if key != "untouched" and one.surely_better(found.original)]
    named = suggest_sentences.best_of(found)
    return sorted(better, key=lambda row: (row[1] is not named, -row[1].matched.count))


def _card(found: Suggestion, key: str, one: Verified, evidence: SuggestEvidence) -> View:
    """A prompt to use instead: how often it plays what is meant, what else changes, before and after to listen to."""
    told = [(line, one.badge) for line in suggest_sentences.card(found, one)]
    told += [(line, "tested") for line in suggest_sentences.beside(one)]
    beside = [(line, None) for line in [*suggest_sentences.unheard(one), suggest_sentences.cost(found)]]
    there = key in evidence.sounds and "untouched" in evidence.sounds
    rows = [
        [Sound("before", "untouched", row), Sound("after", key, row)]
        for row in range(one.matched.total if there else 0)
    ]
    changed = tuple(
        (name, f"{value:g}" if isinstance(value, float) else str(value))
        for name in PLAYED_WITH
        if (value := getattr(one, name)) != getattr(found.original, name)
    )
    title = f"“{one.prompt}”" + (f", with {one.told}" if changed else "")
    offer = Offer(one.prompt, changed)
    return View(f"card-{key}", title, [*told, *beside], sounds=rows, depth="first", offer=offer)


def _listen(found: Suggestion, evidence: SuggestEvidence) -> View:
    """Everything in the same fresh takes, on the same noise."""
    sets = [(key, _as_heard(found, key, one)) for key, _, one in _sets(found) if key in evidence.sounds]
    heard = evidence.heard
    rows = [
        [Sound(title, key, row, heard[key][row] if key in heard else "") for key, title in sets]
        for row in range(found.original.matched.total)
    ]
    return View("takes", "Listen", [(shared_views.SAME_START, None)], sounds=rows, depth="first")


def _as_heard(found: Suggestion, key: str, one: Verified) -> str:
    """What a player is called: the words that it plays, or the settings."""
    if key == "untouched":
        return "as it was typed"
    return f"“{shortened(one.prompt)}”" if one.prompt != found.prompt else one.told


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
    columns = ("what", "prompt", f"heard as {found.intended}", "heard", "log-odds beside the prompt as it is (nats)")
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
        f"round in more takes. {found.takes} takes in all{_not_counted(found)}."
    )
    columns = ("change", "prompt", "predicted", "heard as meant in the race")
    return View("tried", "What was tried", [(told, None)], [Table(columns, rows, lead=LEAD)])


def _not_counted(found: Suggestion) -> str:
    return " (those of the diagnosis that looked for units to steer by not counted)" if found.steering else ""


def _steering(found: Suggestion, evidence: SuggestEvidence) -> View:
    trial = found.steering
    assert trial is not None
    told = [(trial.told, "tested")]
    if trial.steering is not None and trial.steering.spectrum_db is not None:
        broke, spectrum = trial.steering.ruined, trial.steering.spectrum_db
        cost = f"What it costs: the sound broke in {broke} of {spectrum.takes} takes"
        told.append((f"{cost}, and the spectrum is {spectrum.mean:.1f} dB away.", "tested"))
    heard = f"heard as {found.intended}"
    proven = (
        ("as it is", trial.before, ""),
        (f"activations times {trial.factor or 0:g}", trial.after, str(trial.effect or "")),
        ("random units, alike", trial.random, ""),
    )
    rows = tuple((what, str(share), change) for what, share, change in proven if share is not None)
    tables = [Table(("in the same fresh takes", heard, "log-odds beside as it is (nats)"), rows)] if rows else []
    if trial.doses:
        doses = tuple((dose, str(share)) for dose, share in trial.doses.items())
        tables.append(Table(("activations times", heard), doses, title="In the takes that the factor was chosen by"))
    there = len(evidence.sounds.get("steered", ())) if "unsteered" in evidence.sounds else 0
    sounds = [[Sound("before", "unsteered", row), Sound("steered", "steered", row)] for row in range(there)]
    title = "Steering, as an alternative"
    return View("steering", title, told, tables, sounds=sounds, depth="first")  # type: ignore[arg-type]


def _next(found: Suggestion) -> list[View]:
    commands = []
    intended = ("--intended", found.intended)
    if offered := [one for _, one in _offered(found) if one.prompt != found.prompt][:1]:
        (best,) = offered
        line = pasteable.line("contrast", found, [found.prompt, best.prompt])
        commands.append(Command("Why it works better", line))
        line = pasteable.line("diagnose", found, [best.prompt], pasteable.PLAYED_WITH, *intended)
        commands.append(Command("Diagnose the new prompt", line))
    if found.conclusion in ("no better", "genre missing") and found.steering is None:
        line = pasteable.line("suggest", found, [found.prompt], pasteable.PLAYED_WITH, *intended, "--steering")
        commands.append(Command("Look for units inside the model to steer it by instead", line))
    if found.steering is not None and found.steering.steering is not None:
        more = (*intended, "--steer", f"FOLDER/{pasteable.STEERED_BY}")
        line = pasteable.line("diagnose", found, [found.prompt], pasteable.PLAYED_WITH, *more)
        commands.append(Command("Diagnose it steered", line))
    return [View("next", "What to do next", commands=commands, depth="first")] if commands else []


def _made(found: Suggestion) -> View:
    told = (
        f"{found.model.name}, heard by {found.judge.name}; takes of {found.settings.seconds:g} s; the fresh ones "
        f"have the seeds {found.seeds[0]} to {found.seeds[1]}; made on {found.made}."
    )
    return View("provenance", "How this was made", [(told, None)], depth="numbers")
