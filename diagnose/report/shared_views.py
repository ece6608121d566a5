"""The views that jobs have in common, and those that only a diagnosis and an experiment share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report import sentences
from tonescope.diagnose.report.labels import TOTALS, stage_told
from tonescope.diagnose.report.view import Table, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tonescope.diagnose.jobs.experiment import Experiment
    from tonescope.diagnose.judging.judge_agreement import Agreement
    from tonescope.diagnose.schema import Badge, Diagnosis, Trial

LEAD_DISAGREEMENTS = 6
SAME_START = "The versions of a take start from the same random numbers: what differs comes of the words."
SOUND = "Zero is no change"
SOUND_BESIDE = "; where it did no more than random units did, it changed the sound no more than any units would"
LEAD_TAKES = 8  # rows of takes that say enough where room is dear


def headline(prompt: str) -> str:
    """The title of the view that stands above all others."""
    return f"“{prompt}”"


def audio_quality(changed: Trial, what: str, control: Trial | None) -> View:
    """What a change did to the sound itself, beside random units."""
    told = [f"{what[:1].upper()}{what[1:]}: {sentences.sound(changed)}."]
    if control:
        told.append(f"Random units: {sentences.sound(control)}.")
    found: list[tuple[str, Badge | None]] = [(text, "tested") for text in told]
    return View(
        "audio_quality",
        "What it did to the sound itself",
        [*found, (f"{SOUND}{SOUND_BESIDE * bool(control)}.", None)],
        depth="numbers",
    )


def caveats(told: Sequence[str]) -> View:
    """What to keep in mind."""
    return View("caveats", "To keep in mind", [(text, None) for text in told or ["No caveats."]])


def agreement(found: Agreement | None, what: str) -> View | None:
    """How far two judges agree, over files or takes; nothing where only one listened."""
    if found is None:
        return None
    table = Table((what, found.first, found.second), tuple(found.disagreements), lead=LEAD_DISAGREEMENTS)
    tables = [table] if found.disagreements else []
    about: list[tuple[str, Badge | None]] = [(found.about_second, None)] if found.about_second else []
    return View("agreement", "Two listeners", [(found.sentence, "observed"), *about], tables)


def provenance(found: Diagnosis | Experiment, seed: int) -> View:
    """What the result was made with; ``seed`` is that of the first take."""
    told = [sentences.sources(found), sentences.sampling(found, seed), sentences.made(found)]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")


def timings(seconds: Mapping[str, float]) -> View:
    """Where the time went: seconds by stage, then what they come to."""
    ordered = sorted(seconds.items(), key=lambda item: item[0] in TOTALS)
    rows = tuple((stage_told(name), f"{spent:.1f}") for name, spent in ordered)
    return View("timings", "Where the time went", tables=[Table(("stage", "seconds"), rows)], depth="numbers")
