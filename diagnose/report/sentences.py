"""Findings as sentences, the same in the terminal, on the page and in the report. Plain text, nothing escaped."""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.diagnose.report import wording
from tonescope.diagnose.schema import (
    Contrast,
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
from tonescope.diagnose.stats import BELIEVED, Effect, signed

Q_VALUES = (
    f"q says how sure a number is: below {BELIEVED:g} counts as sure, for then at most one in twenty such findings is "
    "false (Benjamini-Hochberg)."
)
FRESH_TAKES = (
    "New takes, on other seeds than those of the verdict. Each is played again on its seed with one thing changed, "
    "which the button names."
)
ESTIMATES = "An estimate only says where to look, and can be far off: believe what was played."
FRESH_ALONE = "The takes of the verdict, then fresh ones: all as the model played them, with nothing changed."
DONE = {
    "mean": "muted (held at its average over prompts)",
    "zero": "set to zero",
    "scale": "multiplied by {0}",
    "set": "set to {0}",
    "patch": "as “{1}” makes them",
    "resample": "as in a random other take",
}
"""What an edit of each kind does, by its value and the prompt of its source."""
SHOWN_TARGETS = 4
FEW_TAKES = 4  # the interval of fewer is so wide that next to nothing can be told from it


def contrast(diagnosis: Diagnosis) -> str:
    """What everything below is about."""
    target, foil = diagnosis.contrast.target, diagnosis.contrast.foil
    return f"Why {target} rather than {foil}?" if foil else f"What makes it {target}?"


def below_zero(found: Diagnosis | Experiment) -> str:
    """What the sign of an effect means, in short."""
    target, foil = found.contrast.target, found.contrast.foil
    way = f"{foil} rather than {target}" if foil else f"anything but {target}"
    return f"Below zero: heard more as {way} without it; further below is stronger"


def scale(found: Diagnosis | Experiment) -> str:
    """How effects are to be read."""
    label, foil = found.contrast.target, found.contrast.foil
    odds = f"{label} over {foil}" if foil else label
    way = f"towards {foil}" if foil else f"away from {label}"
    changed = "when edited" if isinstance(found, Experiment) else "without it"
    return (
        f"Effects say how the music moves: below zero, {way} {changed}, and the further the stronger; above zero, the "
        f"other way. They are changes of the judge’s log-odds of {odds}: −0.7 halves the odds, −2.3 divides them "
        "by ten. Ranges are 95 % intervals: one that holds zero says nothing for sure."
    )


def badges(diagnosis: Diagnosis) -> str:
    """What the badges mean."""
    search = "" if diagnosis.settings.quick else ", in which the search mutes units, too"
    return (
        f"Observed: measured in these takes{search}. Estimated: computed from gradients, "
        "or predicted without playing. Tested: played again with one thing changed, in "
        f"{len(diagnosis.drivers.tested)} fresh takes beside the same takes untouched. Verified: tested, and sure."
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
    """What muting the set did, beside random units: takes first, then in numbers."""
    return (
        f"Muted, {wording.turned(test.muted, diagnosis)} ({wording.beside_random(test)}). In numbers: "
        f"{test.muted.effect}, random {test.control.effect}, apart by {test.difference}{_sure(test.q)}. "
        f"{conclusion(test)}"
    )


def conclusion(test: GroupTest) -> str:
    """What follows from the test of the set."""
    if test.muted.sound.broke or test.control.sound.broke:
        return "The sound broke, so this proves nothing."
    if test.convincing:
        return "That is more than chance, and more than random units do."
    return "This proves nothing: chance could do it."


def edit(experiment: Experiment) -> str:
    """What was done to which units, and when."""
    row, told = experiment.edit, edited(experiment)
    told += f" by {_number(row.strength)} of the way" * (row.strength != 1)
    told += f", {row.seconds[0]:g} to {row.seconds[1]:g} s" if row.seconds else ""
    told += f", denoising steps {row.steps[0]} to {row.steps[1] - 1}" if row.steps else ""
    return told + f", {row.branch} half of guidance only" * (row.branch != "both") + "."


def edited(experiment: Experiment) -> str:
    """What was done to which units, in short."""
    row = experiment.edit
    named = ", ".join(row.targets[:SHOWN_TARGETS])
    if len(row.targets) > SHOWN_TARGETS:
        named += f" and {len(row.targets) - SHOWN_TARGETS} more"
    return f"{named} {DONE[row.kind].format(_number(row.value), row.source)}"


def experiment(found: Experiment) -> str:
    """What an edit did, counted in takes beside random units: first of all, whether that can be told."""
    trial, control = found.trial, found.control
    told = _became(found)
    if _too_few(found.difference or trial.effect) and trial.flippable:
        told = f"Too few takes to tell: {told[:1].lower()}{told[1:]}"
    if trial.sound.broke:
        told += " The sound broke, so that says nothing of the music."
    elif control and control.sound.broke:
        told += f" With random {_kind(found)[1]} the sound broke, so there is nothing to compare it with."
    return " ".join(filter(None, [told, _outdone(found)]))


def in_numbers(found: Experiment) -> str:
    """The same as effects: what the edit did, what random units did, and how sure the difference is."""
    trial, control, difference = found.trial, found.control, found.difference
    about, random = _moved(found.contrast), f"{_random(found)} changed alike"
    if _too_few(difference or trial.effect):
        takes = f"{trial.effect.takes} new take{'s' * (trial.effect.takes != 1)}"
        told = f"In {takes} it moves {about} by {signed(trial.effect.mean)}"
        told += f", and {random} by {signed(control.effect.mean)}" if control else ""
        return f"{told}; these are too few for an interval."
    told = f"It moves {about} by {trial.effect}"
    if control is None:
        return f"{told}{_sure(trial.q)}."
    return f"{told}; {random} by {control.effect}; the difference is {difference}{_sure(trial.q)}."


def _outdone(found: Experiment) -> str:
    """What follows where random units did more than those that were edited."""
    if found.control is None or abs(found.control.effect.mean) <= abs(found.trial.effect.mean):
        return ""
    one, several = _kind(found)
    if len(found.edit.targets) == 1:
        return f"A random {one} in its stead moved it further, so nothing points to this {one} in particular."
    return f"Random {several} in their stead moved it further, so nothing points to these {several} in particular."


def _moved(contrast: Contrast) -> str:
    """What effects are effects on."""
    return f"“{contrast.target}” over “{contrast.foil}”" if contrast.foil else f"“{contrast.target}”"


def _random(found: Experiment) -> str:
    """What an edit is compared with."""
    one, several = _kind(found)
    return f"{found.control_units} random {one if found.control_units == 1 else several}"


def _kind(found: Experiment) -> tuple[str, str]:
    """What was edited, one and several: whole places, or units."""
    return wording.UNIT if any(":" in name for name in found.edit.targets) else wording.PLACE


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _too_few(effect: Effect) -> bool:
    """Whether takes are so few that their interval, if there is one, tells nothing."""
    interval = effect.interval
    return effect.takes < FEW_TAKES and (interval is None or interval.low <= 0 <= interval.high)


def _became(found: Experiment) -> str:
    """How many of the new takes that are heard as the target no longer are, and how many are what was asked for."""
    trial, control, target, foil = found.trial, found.control, found.contrast.target, found.contrast.foil
    if not trial.flippable:
        return f"No new take is heard as {target} as it is, so none can stop being so."
    which = (
        "" if trial.flippable == len(found.untouched) else f" that {'is' if trial.flippable == 1 else 'are'} {target}"
    )
    if trial.flippable == 1:
        told = f"The one new take{which} {'stops' if trial.flips else 'does not stop'} being {target}"
    else:
        count = trial.flips or "none"
        told = f"{count} of {trial.flippable} new takes{which} {'stop' if trial.flips > 1 else 'stops'} being {target}"
    there = trial.heard.get(foil or "", 0)
    if foil and trial.flips and sum(trial.heard.values()) == trial.flippable:
        told += f", and {there} {wording.are(there)} {foil}" if there else f", but none is {foil}"
    if control:
        told += f" (with {_random(found)} changed alike: {control.flips or 'none'})"
    return f"{told[:1].upper()}{told[1:]}."


def sureness(found: Experiment) -> str:
    """What the badges of an experiment mean, and its q."""
    told = f"Tested: played in fresh takes. Verified: tested, and sure, which is a q below {BELIEVED:g}."
    if found.trial.q is None:
        return f"{told} There is no q: with these takes, and what they are compared with, nothing can be sure."
    random = f"random {_kind(found)[1]} changed alike"
    return f"{told} q is how often chance alone would bring so large a difference from {random}."


def fresh_takes(found: Experiment) -> str:
    """Which takes were edited, and of what they are a fair test."""
    first, takes = found.settings.seed, found.settings.takes
    fresh = _seeds([take.seed for take in found.untouched])
    return (
        f"New takes ({fresh}), each as it is and with the change, all else the same. A diagnosis finds its causes in "
        f"others ({_seeds(range(first, first + takes))}), so these test them fairly."
    )


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {seeds[0]} {'and' if len(seeds) == 2 else 'to'} {seeds[-1]}"


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
        return f"{said}: listen whether it worked: the judge {judge} knows genres alone, and cannot hear “{thing}”."
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
    calibration = f", {judge.calibration}" if judge.calibration else ""
    return f"Model {model.name} ({model.description}); judge {judge.name} ({judge.description}{calibration})."


def sampling(found: Diagnosis | Experiment, seed: int) -> str:
    """How takes were sampled; the first of them has ``seed``."""
    asked = found.settings
    return (
        f"{asked.takes} takes of {asked.seconds:g} s from seed {seed}, guidance {asked.guidance or 3.0:g}, "
        f"temperature {asked.temperature:g}, top-k {asked.top_k}."
    )


def made(found: Diagnosis | Experiment) -> str:
    """When, and with which versions."""
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    return f"Made {found.made} with {versions}. Schema {found.schema_version}."
