"""The views that all techniques have in common."""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.microscope.microscope import Heard
from tonescope.diagnose.microscope.technique_result import TechniqueResult
from tonescope.diagnose.report.view import Table, View


def sound_table(names: Sequence[str], heard: Sequence[Heard]) -> Table:
    """What the judge hears in sounds, and their numbers."""
    columns = ("sound", "heard", "level dB", "flatness", "onsets a second", "percussive", "bass")
    rows = [
        (
            name,
            f"{one.heard}, {one.probability:.2f}",
            f"{one.sound.level_db:.1f}",
            f"{one.sound.flatness:.3f}",
            f"{one.sound.onsets:.1f}",
            f"{one.sound.percussive:.2f}",
            f"{one.sound.bass:.2f}",
        )
        for name, one in zip(names, heard, strict=True)
    ]
    return Table(columns, tuple(rows))


def numbers(names: Sequence[str], heard: Sequence[Heard]) -> View:
    """The sound in numbers."""
    how = "Flatness is near 0 for tones and 0.5 for white noise; percussive and harmonic energy add up to 1."
    return View("numbers", "The sound in numbers", [(how, None)], [sound_table(names, heard)])


def provenance(found: TechniqueResult) -> View:
    """What it was made with."""
    asked = ", ".join(f"{name} {value}" for name, value in sorted(found.asked.items()))
    kept = "was there from before" if found.from_store else "was rendered now"
    told = [
        f"{found.model.name} ({found.model.description}), heard by {found.judge.name} ({found.judge.description}"
        f"{f', {found.judge.calibration}' if found.judge.calibration else ''}).",
        f"Asked: {asked}.",
        f"The artifact {found.artifact} {kept}; rendering took {found.render_seconds:.1f} s.",
        f"Made on {found.made} with {', '.join(f'{name} {number}' for name, number in found.versions.items())}.",
    ]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")


def times(value: float) -> str:
    """How many times, as people write it."""
    return f"{value:.1f} times" if value >= 0.1 else f"{value:.2f} times"
