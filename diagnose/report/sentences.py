"""Findings as sentences, the same in the terminal, on the page and in the report. Plain text, nothing escaped."""

from __future__ import annotations

from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.diagnose.schema import (
    Diagnosis,
    Dose,
    Exclusion,
    GroupTest,
    SecondDriver,
    TakeResult,
    Trial,
    UnitDriver,
    WordDriver,
)
from tonescope.diagnose.stats import BELIEVED, Effect

Q_VALUES = "q is the share of false findings if everything that sure were believed (Benjamini-Hochberg)."
FRESH_TAKES = "Fresh takes, each played again with one thing changed and everything else the same."
DONE = {
    "mean": "put back to their mean",
    "zero": "set to zero",
    "scale": "multiplied by {0:g}",
    "set": "set to {0:g}",
    "patch": "as “{1}” makes them",
    "resample": "as in a random other take",
}
"""What an edit of each kind does, by its value and the prompt of its source."""
SHOWN_TARGETS = 4


def contrast(diagnosis: Diagnosis) -> str:
    """What everything below is about."""
    return f"Why {diagnosis.contrast.target} rather than {diagnosis.contrast.other}?"


def scale(found: Diagnosis | Experiment) -> str:
    """How effects are to be read."""
    label, foil = found.contrast.target, found.contrast.other
    return (
        f"Effects are changes of the judge’s log-odds of {label} over {foil}: below zero, the music moves towards "
        f"{foil} without it; −0.7 halves the odds, −2.3 divides them by ten. Ranges are 95 % intervals."
    )


def badges(diagnosis: Diagnosis) -> str:
    """What the badges mean."""
    return (
        "Observed: measured in these takes. Estimated: computed from gradients, or predicted without playing. Tested: "
        f"played again with one thing changed, in {len(diagnosis.drivers.tested)} fresh takes beside the same takes "
        "untouched. Verified: tested, and sure."
    )


def takes_heard(diagnosis: Diagnosis) -> str:
    """What the takes are heard as, most of them first."""
    heard = diagnosis.perceived
    parts = [f"{label} in {count}" for label, count in heard.counts.items()]
    parts += [f"no clear genre in {heard.unsure}"] if heard.unsure else []
    total = heard.share.total
    return f"Heard in {total} take{'s' * (total != 1)}: {', '.join(parts)}."


def take(played: TakeResult, asked: str | None) -> str:
    """What one take is heard as, beside what was asked."""
    told = f"{played.heard}, {percent(played.probability)}"
    if asked and asked != played.heard:
        told += f" ({asked} {percent(played.posterior[asked])})"
    return told


def group(diagnosis: Diagnosis, test: GroupTest) -> str:
    """What muting the strongest units did, beside random ones."""
    asked = diagnosis.contrast
    return (
        f"Muting the {test.units} strongest of {diagnosis.estimated_units} units moves “{asked.target}” over "
        f"“{asked.other}” by {test.muted.effect} (estimated: {test.estimated}); {test.control_units} random units like "
        f"them by {test.control.effect}; the difference is {test.difference}{_sure(test.q)}. "
        f"{_flips(test.muted, test.control, asked.target)} {conclusion(test)}"
    )


def conclusion(test: GroupTest) -> str:
    """What follows from the group test."""
    if test.muted.sound.broke or test.control.sound.broke:
        return "The sound broke, so this proves nothing."
    return "These units drive it." if test.convincing else "This does not prove that these units drive it."


def edit(experiment: Experiment) -> str:
    """What was done to which units."""
    row = experiment.edit
    named = ", ".join(row.targets[:SHOWN_TARGETS])
    if len(row.targets) > SHOWN_TARGETS:
        named += f" and {len(row.targets) - SHOWN_TARGETS} more"
    told = f"{named} {DONE[row.kind].format(row.value, row.source)}"
    told += f" by {row.strength:g} of the way" * (row.strength != 1)
    told += f", {row.seconds[0]:g} to {row.seconds[1]:g} s" if row.seconds else ""
    told += f", denoising steps {row.steps[0]} to {row.steps[1] - 1}" if row.steps else ""
    return told + f", {row.branch} half of guidance only" * (row.branch != "both") + "."


def experiment(found: Experiment) -> str:
    """What an edit did, beside random units."""
    asked, trial, control = found.contrast, found.trial, found.control
    moved = outcome(trial) if control is None else trial.effect
    told = f"That moves “{asked.target}” over “{asked.other}” by {moved}"
    if control:
        told += f"; {found.control_units} random units edited alike by {control.effect}"
        told += f"; the difference is {found.difference}{_sure(trial.q)}"
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


def word_name(driver: WordDriver) -> str:
    """A word, and whether the generator ever met it."""
    return driver.word + ("" if driver.known else " (never learned)")


def word(driver: WordDriver) -> str:
    """A word's trial, and what was played for it."""
    if driver.verified is None:
        return "–"
    return f"{outcome(driver.verified)}; played “{driver.verified.prompt}”"


def exclusion(driver: WordDriver, found: Exclusion, judge: str) -> str:
    """Whether naming a thing to exclude it brought it."""
    said, thing = f"“{driver.word}”", found.thing
    if found.how == "unheard" or found.named is None:
        told = f"the judge {judge} knows genres alone, so it cannot tell whether naming “{thing}” brought it"
        return f"{said}: {told}: listen."
    if found.how == "likeness":
        nearer = f"{found.named.count} of {found.named.total} takes are nearer to “{thing}” with the words than without"
        return f"{said}: {nearer}, {judge} finds (how well it hears that was not measured){_brought(found, thing)}."
    heard = f"{found.label} is heard in {found.named.count} of {found.named.total} takes"
    if found.left_out is None:
        return f"{said}: {heard} all the same; the prompt was not played without the words."
    without = f"without the words in {found.left_out.count} of {found.left_out.total}"
    return f"{said}: {heard}; {without}{_brought(found, found.label or thing)}."


def _brought(found: Exclusion, thing: str) -> str:
    """What follows from how often a thing is heard with the words that refuse it and without."""
    if found.named is None or found.p is None:
        return ""
    half = found.left_out.count if found.left_out else found.named.total / 2
    if found.p < BELIEVED:
        return f". Naming it {'brought' if found.named.count > half else 'kept away'} {thing}"
    if found.named.count > half:
        return f". Naming it may have brought {thing}; these takes are too few to be sure"
    return f". Naming it did not bring {thing} in these takes"


def second(driver: SecondDriver) -> str:
    """A stretch's test."""
    return f"{driver.verified}{_sure(driver.q)}"


def _sure(q: float | None) -> str:
    return "" if q is None else f", q {q:.2g}" + (" (not clear)" if q >= BELIEVED else "")


def sound(trial: Trial) -> str:
    """How the sound itself changed."""
    change = trial.sound
    level, spectrum = f"level {change.level_db:.1f} dB", f"spectrum {change.spectrum_db:.1f} dB apart"
    return f"{level}, {spectrum}, {change.onsets:.1f} onsets a second"


def percent(share: float) -> str:
    """A share from 0 to 1."""
    return f"{100 * share:.0f} %"


def sources(found: Diagnosis | Experiment) -> str:
    """Who played and who listened."""
    model, judge = found.model, found.judge
    return f"Model {model.name} ({model.description}); judge {judge.name} ({judge.description})."


def sampling(found: Diagnosis | Experiment, seed: int) -> str:
    """How takes were sampled; the first of them has ``seed``."""
    asked = found.settings
    return (
        f"{asked.takes} takes of {asked.seconds:g} s from seed {seed}, guidance {asked.guidance:g}, "
        f"temperature {asked.temperature:g}, top-k {asked.top_k}."
    )


def made(found: Diagnosis | Experiment) -> str:
    """When, and with which versions."""
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    return f"Made {found.made} with {versions}. Schema {found.schema_version}."
