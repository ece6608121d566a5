"""A diagnosis as views, in the order in which they are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.variant_names import CONTROL, MUTED
from tonescope.diagnose.report import (
    denoising_time,
    next_steps,
    plots,
    sentences,
    settings_view,
    shared_views,
    unit_views,
    why,
    wording,
)
from tonescope.diagnose.report.labels import label
from tonescope.diagnose.report.lanes import Stretch
from tonescope.diagnose.report.take_lanes import Reading
from tonescope.diagnose.report.view import Cell, Sound, Table, Tone, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tonescope.diagnose.jobs.evidence import Evidence
    from tonescope.diagnose.judging.verdict import Kind, Verdict
    from tonescope.diagnose.schema import CutPoint, Diagnosis

TONES: Mapping[Kind, Tone] = {
    "match": "good",
    "partial drift": "bad",
    "sibling drift": "bad",
    "family drift": "bad",
    "unclear": "unclear",
    "open": "open",
}
FIRST = "takes"  # in the evidence, those of the verdict
LEAD_WORDS = 8  # rows that say enough where room is dear, if no more were tested
HEARD_WORDS = 2  # words that fresh takes can be heard without


def views(diagnosis: Diagnosis, evidence: Evidence) -> list[View]:
    """Everything that a diagnosis found: what everybody wants to know, then how it was found."""
    test = diagnosis.drivers.group
    found = [
        *told_first(diagnosis),
        _hear(diagnosis, evidence),
        _words(diagnosis),
        unit_views.set_view(diagnosis, test) if test else None,
        unit_views.cut_points(diagnosis, test) if test else None,
        denoising_time.view(diagnosis, test) if test else None,
        unit_views.sufficiency(diagnosis, test, evidence) if test else None,
        unit_views.units(diagnosis),
        unit_views.strengths(diagnosis, test) if test else None,
        unit_views.bookmarks(diagnosis),
        _takes(diagnosis, evidence),
        View("timeline", "Heard over time", figures=[plots.timeline(diagnosis, evidence)]),
        _seconds(diagnosis),
        _blame(diagnosis),
        shared_views.agreement(diagnosis.agreement, "seed"),
        _scale(diagnosis),
        shared_views.caveats(diagnosis.caveats),
        shared_views.audio_quality(test.muted, "the set muted", test.control) if test else None,
        shared_views.provenance(diagnosis, diagnosis.settings.seed),
    ]
    return [view for view in found if view]


def told_first(diagnosis: Diagnosis) -> list[View]:
    """What everybody wants to know, but for the sound."""
    settings = settings_view.view(diagnosis)
    return [
        verdict(diagnosis.prompt, diagnosis.verdict),
        *([settings] if settings else []),
        View("why", sentences.contrast(diagnosis), why.why(diagnosis), depth="first"),
        View("next", "What to try next", commands=next_steps.next_steps(diagnosis), depth="first"),
    ]


def verdict(prompt: str, found: Verdict) -> View:
    """The verdict, which is known long before what drove it."""
    title, told = shared_views.headline(prompt), found.sentence
    return View("verdict", title, [(told, "observed")], depth="first", tone=TONES[found.kind])


def _blame(diagnosis: Diagnosis) -> View | None:
    blame = diagnosis.blame
    if blame.where == "nowhere":
        return None
    return View("blame", "Was it misread, misplayed or misheard?", [(blame.sentence, blame.badge)])


def _takes(diagnosis: Diagnosis, evidence: Evidence) -> View:
    asked = diagnosis.intended.label
    columns: dict[str, Cell] = {"seed": "text", "heard as": "text", "probability": "share"}
    rows: list[tuple[str, ...]] = [(str(take.seed), take.heard, f"{take.probability:.2f}") for take in diagnosis.takes]
    if asked:
        columns[f"{asked} (asked)"] = "text"
        rows = [(*row, f"{take.posterior[asked]:.2f}") for row, take in zip(rows, diagnosis.takes, strict=True)]
    table = Table(tuple(columns), tuple(rows), kinds=tuple(columns.values()), lead=shared_views.LEAD_TAKES)
    sounds = _first_takes(diagnosis, _reading(diagnosis, evidence))
    told = sentences.takes_heard(diagnosis)
    return View(
        "takes",
        "The takes that were heard first",
        [(told, "observed")],
        [table],
        [plots.heard(diagnosis, evidence)],
        sounds,
    )


def _first_takes(diagnosis: Diagnosis, reading: Reading | None) -> list[list[Sound]]:
    """Those of the verdict, each by itself."""
    asked = diagnosis.intended.label
    return [
        [
            Sound(
                label(FIRST),
                FIRST,
                row,
                sentences.take(take, asked),
                reading.heard_alone(FIRST, row) if reading else (),
            )
        ]
        for row, take in enumerate(diagnosis.takes)
    ]


def _scale(diagnosis: Diagnosis) -> View:
    notes = [sentences.scale(diagnosis), sentences.badges(diagnosis), sentences.Q_VALUES]
    return View("scale", "How to read the numbers", [(note, None) for note in notes])


def _words(diagnosis: Diagnosis) -> View | None:
    words = diagnosis.drivers.words
    if not words:
        return None
    table = Table(
        ("word", "estimated", "left out, and played again"),
        tuple((sentences.word_name(word), str(word.estimated), sentences.word(word)) for word in words),
        tuple(word.badge for word in words),
        lead=max(LEAD_WORDS, sum(word.verified is not None for word in words)),
        title=sentences.below_zero(diagnosis),
    )
    told = [*why.refused(diagnosis), (sentences.ESTIMATES, None)] if any(word.verified for word in words) else []
    return View("words", "Words", told, [table], [plots.words(diagnosis)])


def _hear(diagnosis: Diagnosis, evidence: Evidence) -> View:
    """The takes that everything was tested in: as they were, and with one thing changed, side by side."""
    outcomes, test = evidence.played.outcomes, diagnosis.drivers.group
    refusing = [word for word in diagnosis.drivers.words if word.exclusions]
    likely = why.causing_words(diagnosis) or diagnosis.drivers.words
    words = [word for word in (*refusing, *(word for word in likely if word not in refusing)) if word.verified]
    words = words[:HEARD_WORDS]
    changed = {MUTED: (f"with {wording.set_again(test)} muted", f"{wording.set_again(test)} muted")} if test else {}
    changed |= {
        word.verified.variant: (f"without “{word.word}”", f"“{word.word}” left out of the prompt")
        for word in words
        if word.verified
    }
    if test:
        random = wording.random_in_place(test)
        changed |= {CONTROL: (f"with {random} muted instead", f"{random} muted")}
    cuts = diagnosis.drivers.cut_points if test and test.turns else []
    reading, moments = _reading(diagnosis, evidence), [_moment(diagnosis, cut) for cut in cuts]
    rows = [
        [
            Sound("as it is", "tested", row, take.heard, reading.untouched(row, moments) if reading else ()),
            *(
                Sound(told, name, row, outcomes[name].heard[row], reading.changed(name, row, what) if reading else ())
                for name, (told, what) in changed.items()
                if name in outcomes
            ),
        ]
        for row, take in enumerate(diagnosis.drivers.tested)
    ]
    told = sentences.FRESH_TAKES
    if len(rows[0]) == 1:  # then those of the verdict come first
        told, rows = sentences.FRESH_ALONE, [*_first_takes(diagnosis, reading), *rows]
    return View("hear", "Hear it", [(told, None)], sounds=rows, commands=[next_steps.to_hear(diagnosis)], depth="first")


def _reading(diagnosis: Diagnosis, evidence: Evidence) -> Reading | None:
    """How what is known over time is read; ``None`` where nothing is."""
    played, asked = evidence.played, diagnosis.intended.label
    if played.tracks is None:
        return None
    tracks = replace(played.tracks, heard={**played.tracks.heard, FIRST: evidence.timeline})
    return Reading(tracks, diagnosis.contrast.target, asked, played.clean.name)


def _moment(diagnosis: Diagnosis, cut: CutPoint) -> Stretch:
    """A second from which on the set was muted, and what came of it."""
    counted = f"{cut.trial.flips} of {cut.trial.flippable}"
    more = f"muted only from here on, {counted} takes stop being {diagnosis.contrast.target}"
    return Stretch(start=cut.second, end=cut.second, text=counted, more=more, meant="edit")


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
        title=sentences.below_zero(diagnosis),
    )
    return View("seconds", "By the second", tables=[table])
