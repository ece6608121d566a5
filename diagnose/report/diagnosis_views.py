"""A diagnosis as views, in the order in which they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.variant_names import CONTROL, MUTED
from tonescope.diagnose.report import plots, sentences, shared_views
from tonescope.diagnose.report.labels import label
from tonescope.diagnose.report.view import Cell, Sound, Table, Tone, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tonescope.diagnose.jobs.diagnosis import Evidence
    from tonescope.diagnose.judging.verdict import Kind, Verdict
    from tonescope.diagnose.schema import Badge, Diagnosis, GroupTest

TONES: Mapping[Kind, Tone] = {
    "match": "good",
    "partial drift": "bad",
    "sibling drift": "bad",
    "family drift": "bad",
    "unclear": "unclear",
    "open": "open",
}
LEAD_WORDS, LEAD_UNITS = 8, 6  # rows that say enough where room is dear, if no more were tested
HEARD_WORDS = 4  # words that fresh takes can be heard without


def views(diagnosis: Diagnosis, evidence: Evidence) -> list[View]:
    """Everything that a diagnosis found."""
    test = diagnosis.drivers.group
    found = [
        verdict(diagnosis.prompt, diagnosis.verdict),
        _group(diagnosis, test) if test else None,
        _blame(diagnosis),
        _takes(diagnosis, evidence),
        View("timeline", "Over time", figures=[plots.timeline(diagnosis, evidence)]),
        _contrast(diagnosis),
        _words(diagnosis),
        _strengths(diagnosis, test) if test else None,
        _units(diagnosis),
        shared_views.audio_quality(test.muted, "strongest units, muted", test.control) if test else None,
        _fresh_takes(diagnosis, evidence),
        _seconds(diagnosis),
        shared_views.caveats(diagnosis),
        shared_views.provenance(diagnosis, diagnosis.settings.seed),
    ]
    return [view for view in found if view]


def verdict(prompt: str, found: Verdict) -> View:
    """The verdict, which is known long before what drove it."""
    title, told = shared_views.headline(prompt), found.sentence
    return View("verdict", title, [(told, "observed")], depth="first", tone=TONES[found.kind])


def _group(diagnosis: Diagnosis, test: GroupTest) -> View:
    told = sentences.group(diagnosis, test)
    return View("group", "The strongest units, muted", [(told, test.badge)], depth="first")


def _blame(diagnosis: Diagnosis) -> View | None:
    blame = diagnosis.blame
    if blame.where == "nowhere":
        return None
    return View("blame", "Where it happens", [(blame.sentence, blame.badge)], depth="first")


def _takes(diagnosis: Diagnosis, evidence: Evidence) -> View:
    asked = diagnosis.intended.label
    columns: dict[str, Cell] = {"seed": "text", "heard as": "text", "probability": "share"}
    rows: list[tuple[str, ...]] = [(str(take.seed), take.heard, f"{take.probability:.2f}") for take in diagnosis.takes]
    if asked:
        columns[f"{asked} (asked)"] = "text"
        rows = [(*row, f"{take.posterior[asked]:.2f}") for row, take in zip(rows, diagnosis.takes, strict=True)]
    table = Table(tuple(columns), tuple(rows), kinds=tuple(columns.values()), lead=shared_views.LEAD_TAKES)
    sounds = [
        [Sound(label("takes"), "takes", row, sentences.take(take, asked))] for row, take in enumerate(diagnosis.takes)
    ]
    told = sentences.takes_heard(diagnosis)
    return View("takes", "Listen", [(told, "observed")], [table], [plots.heard(diagnosis, evidence)], sounds)


def _contrast(diagnosis: Diagnosis) -> View:
    notes = [sentences.scale(diagnosis), sentences.badges(diagnosis), sentences.Q_VALUES]
    return View("contrast", sentences.contrast(diagnosis), [(note, None) for note in notes])


def _words(diagnosis: Diagnosis) -> View | None:
    words = diagnosis.drivers.words
    if not words:
        return None
    table = Table(
        ("word", "estimated", "left out, and played again"),
        tuple((sentences.word_name(word), str(word.estimated), sentences.word(word)) for word in words),
        tuple(word.badge for word in words),
        lead=max(LEAD_WORDS, sum(word.verified is not None for word in words)),
    )
    told: list[tuple[str, Badge | None]] = [
        (sentences.exclusion(word, found, diagnosis.judge.name), None if found.how == "unheard" else found.badge)
        for word in words
        for found in word.exclusions
    ]
    return View("words", "Words", told, [table], [plots.words(diagnosis)])


def _strengths(diagnosis: Diagnosis, test: GroupTest) -> View:
    figures, tables = [plots.group(diagnosis, test)], []
    if test.doses:
        figures.append(plots.doses(diagnosis, test))
        rows = [(f"times {dose.scale:g}", sentences.dose(dose)) for dose in test.doses]
        badges = tuple(dose.trial.badge for dose in test.doses)
        tables.append(Table(("the same units", "played again"), tuple(rows), badges))
    broke = [
        (f"At strength {dose.scale:g} the sound broke.", dose.trial.badge)
        for dose in test.doses
        if dose.trial.sound.broke
    ]
    return View("strengths", "The strongest units together", broke, tables, figures)


def _units(diagnosis: Diagnosis) -> View | None:
    units = diagnosis.drivers.units
    if not units:
        return None
    table = Table(
        ("unit", "muted alone in the search", "muted alone in fresh takes"),
        tuple((unit.unit, str(unit.searched or "–"), sentences.unit(unit)) for unit in units),
        tuple(unit.badge for unit in units),
        kinds=("unit", "text", "text"),
        lead=max(LEAD_UNITS, sum(unit.verified is not None for unit in units)),
    )
    return View("units", "Units", tables=[table], figures=[plots.units(diagnosis)])


def _fresh_takes(diagnosis: Diagnosis, evidence: Evidence) -> View:
    """The takes that everything was tested in: as they were, and with one thing changed."""
    words = [word.verified.variant for word in diagnosis.drivers.words if word.verified]
    outcomes = evidence.played.outcomes
    played = [name for name in (MUTED, CONTROL, *words[:HEARD_WORDS]) if name in outcomes]
    rows = [
        [
            Sound(label("tested"), "tested", row, take.heard),
            *(Sound(label(name), name, row, outcomes[name].heard[row]) for name in played),
        ]
        for row, take in enumerate(diagnosis.drivers.tested)
    ]
    test = diagnosis.drivers.group
    title = "Hear the proof" if test and test.convincing else "Hear the test"
    return View("fresh_takes", title, [(sentences.FRESH_TAKES, "observed")], sounds=rows)


def _seconds(diagnosis: Diagnosis) -> View:
    contrast, seconds = diagnosis.contrast, diagnosis.drivers.seconds
    table = Table(
        (
            "seconds",
            f"{contrast.target} (observed)",
            f"{contrast.other} (observed)",
            "if it is silent (estimated)",
            "silenced in fresh takes",
        ),
        tuple(
            (
                f"{part.start:.1f}–{part.end:.1f}",
                f"{part.target_probability:.2f}",
                f"{part.foil_probability:.2f}",
                str(part.estimated),
                sentences.second(part),
            )
            for part in seconds
        ),
        tuple(part.badge for part in seconds),
    )
    return View("seconds", "By the second", tables=[table])
