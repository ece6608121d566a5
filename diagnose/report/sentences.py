"""Findings as sentences, the same in the terminal, on the page and in the report. Plain text: whoever shows it escapes it."""

from __future__ import annotations

from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.diagnose.schema import Diagnosis, Dose, GroupTest, SecondDriver, Trial, UnitDriver, WordDriver
from tonescope.diagnose.stats import BELIEVED, Effect


def contrast(diagnosis: Diagnosis) -> str:
    """What everything below is about."""
    return f"Why {diagnosis.contrast.target} rather than {diagnosis.contrast.other}?"


def scale(diagnosis: Diagnosis | Experiment) -> str:
    """How effects are to be read."""
    label, foil = diagnosis.contrast.target, diagnosis.contrast.other
    return (
        f"Effects are changes of the judge’s log-odds of {label} over {foil}: below zero, the music moves towards {foil} without it; "
        f"−0.7 halves the odds, −2.3 divides them by ten. Ranges are 95 % intervals."
    )


def badges(diagnosis: Diagnosis) -> str:
    """What the badges mean."""
    return (
        f"Observed: measured in these takes. Estimated: computed from gradients, or predicted without playing. Tested: played again with one thing changed, in "
        f"{len(diagnosis.drivers.tested)} fresh takes beside the same takes untouched. Verified: tested, and sure."
    )


def group(diagnosis: Diagnosis) -> str:
    """What muting the strongest units did, beside random ones."""
    test, asked = diagnosis.drivers.group, diagnosis.contrast
    if test is None:
        return ""
    return (
        f"Muting the {test.units} strongest of {diagnosis.estimated_units} units moves “{asked.target}” over “{asked.other}” "
        f"by {test.muted.effect} (estimated: {test.estimated}); {test.control_units} random units like them by {test.control.effect}; "
        f"the difference is {test.difference}{_sure(test.q)}. {_flips(test.muted, test.control, asked.target)} {conclusion(test)}"
    )


def conclusion(test: GroupTest) -> str:
    """What follows from the group test."""
    if test.muted.sound.broke or test.control.sound.broke:
        return "The sound broke, so this proves nothing."
    return "These units drive it." if test.convincing else "This does not prove that these units drive it."


DONE = {
    "mean": "put back to their mean", "zero": "set to zero", "scale": "multiplied by {0:g}", "set": "set to {0:g}",
    "patch": "as “{1}” makes them", "resample": "as in a random other take",
}  # fmt: skip
SHOWN_TARGETS = 4


def edit(experiment: Experiment) -> str:
    """What was done to which units."""
    row = experiment.edit
    named = ", ".join(row.targets[:SHOWN_TARGETS])
    if len(row.targets) > SHOWN_TARGETS:
        named += f" and {len(row.targets) - SHOWN_TARGETS} more"
    told = f"{named} {DONE[row.kind].format(row.value, row.source)}"
    told += f" by {row.strength:g} of the way" * (row.strength != 1)
    told += f", {row.seconds[0]:g} to {row.seconds[1]:g} s" if row.seconds else ""
    return told + f", {row.branch} half of guidance only" * (row.branch != "both")


def experiment(found: Experiment) -> str:
    """What an edit did, beside random units."""
    asked, trial, control = found.contrast, found.trial, found.control
    told = f"That moves “{asked.target}” over “{asked.other}” by {outcome(trial) if control is None else trial.effect}"
    if control:
        told += f"; {found.control_units} random units edited alike by {control.effect}; the difference is {found.difference}{_sure(trial.q)}"
        told += ", but the sound broke" * (trial.sound.broke or control.sound.broke)
    return f"{told}. {_flips(trial, control, asked.target)}"


def _flips(trial: Trial, control: Trial | None, label: str) -> str:
    beside = f"; with random units, {control.flipped}" if control else ""
    return f"{trial.flipped} fresh takes are then no longer heard as {label}{beside}."


def outcome(trial: Trial | None) -> str:
    """A trial in a table cell: effect, q, and whether the sound broke."""
    if trial is None:
        return "–"
    return f"{trial.effect}{_sure(trial.q)}" + (", sound broke" if trial.sound.broke else "")


def unit(driver: UnitDriver) -> str:
    """A unit's own trial beside its control."""
    return _beside(driver.verified, driver.control, driver.difference, "a random unit")


def dose(played: Dose) -> str:
    """The group at another strength, beside its control."""
    return _beside(played.trial, played.control, played.difference, "random units")


def _beside(trial: Trial | None, control: Trial | None, difference: Effect | None, who: str) -> str:
    """A trial and its control; the q of the two is that of their difference."""
    if trial is None or control is None:
        return outcome(trial)
    told = [
        f"{trial.effect}" + ", sound broke" * trial.sound.broke,
        f"{who} {control.effect}" + ", whose sound broke" * control.sound.broke,
    ]
    return "; ".join([*told, f"difference {difference}{_sure(trial.q)}"])


def word(driver: WordDriver) -> str:
    """A word's trial, and what was played for it."""
    if driver.verified is None:
        return "–"
    return f"{outcome(driver.verified)}; played “{driver.verified.prompt}”"


def second(driver: SecondDriver) -> str:
    """A stretch's test."""
    return f"{driver.verified}{_sure(driver.q)}"


def _sure(q: float | None) -> str:
    return "" if q is None else f", q {q:.2g}" + (" (not clear)" if q >= BELIEVED else "")


def sound(trial: Trial) -> str:
    """How the sound itself changed."""
    change = trial.sound
    return f"level {change.level_db:.1f} dB, spectrum {change.spectrum_db:.1f} dB apart, {change.onsets:.1f} onsets a second"
