"""The views of the units of a diagnosis: the set and its members, single units, when it is decided, whether it is
enough, other strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.variant_names import GOOD, PUT_IN
from tonescope.diagnose.report import plots, sentences, why, wording
from tonescope.diagnose.report.view import Cell, Sound, Table, View

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.evidence import Evidence
    from tonescope.diagnose.schema import Badge, Diagnosis, GroupTest, Trial, UnitDriver

LEAD_UNITS = 6  # rows that say enough where room is dear, if no more were tested
UNKNOWN = "–"
ROLES = {"member": "in the set", "alternate": "stands in for one of it", "candidate": UNKNOWN}
FOUND_BY = {
    "alone": "It was found by muting the likeliest units one by one, and putting what they do into another prompt.",
    "together": "None of the likeliest units did it alone; it was found by muting more of them together, and leaving "
    "out each that was not needed.",
    "location": "No few units did it; it was found by muting one whole place after another.",
    "gradients": "Nothing small did it; these are the units with the strongest estimates.",
}


def set_view(diagnosis: Diagnosis, test: GroupTest) -> View:
    """The set: every unit of it by name, what each does alone, and whether the set needs it."""
    rows = {unit.unit: unit for unit in diagnosis.drivers.units}
    shown = [*test.names, *(name for name, unit in rows.items() if unit.role == "alternate")]
    target = diagnosis.contrast.target
    members = _without_empty_columns(
        (
            "unit",
            "muted alone",
            "a random one instead",
            "the others without it",
            "needed",
            "in the place of one",
            "brings it to another prompt",
        ),
        [_member(name, rows.get(name), test) for name in shown],
        tuple(_badge(rows.get(name), test) for name in shown),
        title=f"How many takes stop being {target}, of those that were: more is stronger",
    )
    told: list[tuple[str, Badge | None]] = [(sentences.group(diagnosis, test), test.badge)]
    told += [
        (f"{name} {ROLES['alternate']}{_in_its_place(rows[name])}.", _badge(rows[name], test))
        for name in shown
        if name not in test.names
    ]
    told += [(sentence, None) for sentence in (FOUND_BY[test.found_by], _searched(diagnosis)) if sentence]
    title = "What does it" if test.turns else "What was muted together, and is not sure to do it"
    return View("set", f"{title}: {wording.set_named(test)}", told, [members], [plots.turned(diagnosis)])


def _in_its_place(unit: UnitDriver) -> str:
    """What came of it in fresh takes, or in those of the search."""
    if (trial := unit.in_place or unit.verified) is None:
        return ": muted in its place it did the same, in the takes of the search"
    return f": muted in its place, {trial.flips} of {trial.flippable} takes turn back"


def _searched(diagnosis: Diagnosis) -> str:
    """How much was tried."""
    searched = diagnosis.drivers.search
    if searched is None:
        return ""
    together = f", and up to {searched.largest_group} together" if searched.largest_group > 1 else ""
    left_out = "" if searched.several else " Small sets are looked for where a prompt is not played right."
    return (
        f"{searched.candidates} units were muted one by one{together}, in {searched.generations} takes that were "
        f"played for it.{left_out}"
    )


def _without_empty_columns(
    columns: tuple[str, ...],
    rows: list[tuple[str, ...]],
    badges: tuple[Badge | None, ...],
    *,
    title: str,
    lead: int = LEAD_UNITS,
) -> Table:
    """A table of units by name, without the columns that nothing is known for."""
    kept = [at for at in range(len(columns)) if any(row[at] != UNKNOWN for row in rows)]
    kinds: list[Cell] = ["text"] * len(kept)
    kinds[0] = "unit"
    return Table(
        tuple(columns[at] for at in kept),
        tuple(tuple(row[at] for at in kept) for row in rows),
        badges,
        tuple(kinds),
        lead=lead,
        title=title,
    )


def _member(name: str, unit: UnitDriver | None, test: GroupTest) -> tuple[str, ...]:
    """A row: counts of takes that stop being the target."""
    alone, control = (unit.verified, unit.control) if unit else (None, None)
    if len(test.names) == 1 and name in test.names:
        alone, control = test.muted, test.control
    needed = {None: UNKNOWN, True: "yes", False: "no"}[unit.needed if unit else None]
    brings = f"{unit.brings.count} of {unit.brings.total}" if unit and unit.brings else UNKNOWN
    others, swapped = (unit.set_without, unit.in_place) if unit else (None, None)
    return name, _counted(alone), _counted(control), _counted(others), needed, _counted(swapped), brings


def _badge(unit: UnitDriver | None, test: GroupTest) -> Badge | None:
    return test.badge if unit is None and len(test.names) == 1 else unit.badge if unit else None


def _counted(trial: Trial | None) -> str:
    if trial is None:
        return UNKNOWN
    return f"{trial.flips} of {trial.flippable}" + ", sound broke" * trial.sound.broke


def units(diagnosis: Diagnosis) -> View | None:
    """What was muted alone, with what it did in numbers."""
    rows = diagnosis.drivers.units
    if not rows:
        return None
    table = _without_empty_columns(
        ("unit", "part", "muted in the search", "muted in fresh takes", "takes that stop being so"),
        [
            (unit.unit, ROLES[unit.role], str(unit.searched or UNKNOWN), sentences.unit(unit), _counted(unit.verified))
            for unit in rows
        ],
        tuple(unit.badge for unit in rows),
        title=sentences.below_zero(diagnosis),
        lead=max(LEAD_UNITS, sum(unit.verified is not None for unit in rows)),
    )
    target = diagnosis.contrast.target
    idle: list[tuple[str, Badge | None]] = [
        (f"{unit.unit} is not enough: {why.brought_alone(unit, target)}. It may hold the whole prompt.", "observed")
        for unit in rows
        if unit.role == "candidate" and why.idle(unit)
    ]
    return View("units", "Units, each muted alone", idle, [table], [plots.units(diagnosis)])


def cut_points(diagnosis: Diagnosis, test: GroupTest) -> View | None:
    """From which second on muting no longer helps."""
    cuts = diagnosis.drivers.cut_points
    if not cuts:
        return None
    table = Table(
        ("muted", "takes that stop being so"),
        (
            ("from the start", _counted(test.muted)),
            *((f"from {cut.second:g} s on", _counted(cut.trial)) for cut in cuts),
        ),
        (test.badge, *(cut.trial.badge for cut in cuts)),
    )
    decided = why.decided(diagnosis)
    note = "A take is as it was until muting begins. Where late muting changes nothing, it was decided before."
    return View(
        "cut_points",
        "When it is decided",
        [*([decided] if decided else []), (note, None)],
        [table],
        [plots.cut_points(diagnosis, test)] if any(cut.trial.flippable for cut in cuts) else (),
    )


def sufficiency(diagnosis: Diagnosis, test: GroupTest, evidence: Evidence) -> View | None:
    """Whether the set is enough to bring it: put into a prompt that is played otherwise."""
    row, outcomes = diagnosis.drivers.sufficiency, evidence.played.outcomes
    if row is None:
        return None
    target = diagnosis.contrast.target
    table = Table(
        ("played", f"heard as {target}"),
        (
            (f"“{row.prompt}” as it is", f"{row.before.count} of {row.before.total}"),
            (f"with {wording.set_again(test)} as in “{diagnosis.prompt}”", f"{row.put_in.count} of {row.put_in.total}"),
            *(
                [
                    (
                        f"with {wording.random_in_place(test)} as in “{diagnosis.prompt}”",
                        f"{row.random.count} of {row.random.total}",
                    )
                ]
                if row.random
                else []
            ),
        ),
    )
    sounds = []
    if GOOD in outcomes and PUT_IN in outcomes:
        sounds = [
            [
                Sound(f"“{row.prompt}” as it is", GOOD, at, before),
                Sound(f"with {wording.set_again(test)} put in", PUT_IN, at, after),
            ]
            for at, (before, after) in enumerate(zip(outcomes[GOOD].heard, outcomes[PUT_IN].heard, strict=True))
        ]
    return View("sufficiency", "Is it enough?", [(why.brings(row, test, diagnosis), row.badge)], [table], sounds=sounds)


def strengths(diagnosis: Diagnosis, test: GroupTest) -> View | None:
    """The same units turned down and up."""
    if not test.doses:
        return None
    rows = [(f"times {dose.scale:g}", sentences.dose(dose)) for dose in test.doses]
    table = Table(
        ("the same units", "played again"),
        tuple(rows),
        tuple(dose.trial.badge for dose in test.doses),
        title=sentences.below_zero(diagnosis),
    )
    broke = [
        (f"At strength {dose.scale:g} the sound broke.", dose.trial.badge)
        for dose in test.doses
        if dose.trial.sound.broke
    ]
    return View("strengths", "The same units turned down and up", broke, [table], [plots.doses(diagnosis, test)])


def bookmarks(diagnosis: Diagnosis) -> View | None:
    """Units among the causes that somebody saved before."""
    if not diagnosis.bookmarks:
        return None
    told = [
        (f"{met.unit} is your bookmark “{met.name}”" + (f": {met.notes}" if met.notes else "."), None)
        for met in diagnosis.bookmarks
    ]
    return View("bookmarks", "Units that you know", told)
