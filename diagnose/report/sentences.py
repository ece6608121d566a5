"""Findings as sentences, the same in the terminal, on the page and in the report. Plain text: whoever shows it escapes it."""

from __future__ import annotations

from ..plan import BELIEVED
from ..result import Diagnosis, GroupTest, Trial, UnitDriver


def group(diagnosis: Diagnosis) -> str:
    """What muting the strongest units did, beside random ones."""
    test, question = diagnosis.drivers.group, diagnosis.question
    if test is None:
        return ""
    return (
        f"Muting the {test.units} strongest of {diagnosis.estimated_units} units moves “{question.label}” over “{question.against}” "
        f"by {test.muted.effect}; {test.control_units} random units like them by {test.control.effect}. {test.muted.flips} of {test.muted.flippable} takes are then "
        f"no longer heard as {question.label} (random: {test.control.flips}). {conclusion(test)}"
    )


def conclusion(test: GroupTest) -> str:
    """What follows from the group test."""
    if test.muted.sound.broke or test.control.sound.broke:
        return "The sound broke, so this proves nothing."
    return "These units drive it." if test.convincing else "This does not prove that these units drive it."


def outcome(trial: Trial | None) -> str:
    """A trial in a table cell: effect, q, and whether the sound broke."""
    if trial is None:
        return "–"
    q = "" if trial.q is None else f", q {trial.q:.2g}" + (" (not clear)" if trial.q >= BELIEVED else "")
    return f"{trial.effect}{q}" + (", sound broke" if trial.sound.broke else "")


def unit(driver: UnitDriver) -> str:
    """A unit's own trial beside its control."""
    beside = f"; a random unit {driver.control.effect}" if driver.control else ""
    return outcome(driver.verified) + beside
