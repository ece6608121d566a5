"""An experiment as views, in the order in which they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.experiment import CONTROL, EDITED
from tonescope.diagnose.report import sentences, shared_views
from tonescope.diagnose.report.labels import label
from tonescope.diagnose.report.take_lanes import Reading
from tonescope.diagnose.report.view import Sound, Table, View

if TYPE_CHECKING:
    from tonescope.diagnose.intervene.verification import Played
    from tonescope.diagnose.jobs.experiment import Experiment
    from tonescope.diagnose.report.lanes import Lane
    from tonescope.diagnose.schema import Badge

LEAD_TARGETS = 12


def views(experiment: Experiment, played: Played) -> list[View]:
    """Everything that an experiment found."""
    title, told = shared_views.headline(experiment.prompt), sentences.experiment(experiment)
    return [
        View("edit", title, [(sentences.edit(experiment), None)], depth="first", tone="open"),
        View("effect", "What that does", [(told, experiment.trial.badge)], depth="first"),
        _takes(experiment, played),
        View("numbers", "In numbers", [(sentences.in_numbers(experiment), experiment.trial.badge), *_read(experiment)]),
        shared_views.audio_quality(experiment.trial, "edited", experiment.control),
        _targets(experiment),
        shared_views.caveats(experiment.caveats),
        shared_views.provenance(experiment, experiment.untouched[0].seed),
    ]


def _read(experiment: Experiment) -> list[tuple[str, Badge | None]]:
    """How the numbers are to be read."""
    return [(sentences.scale(experiment), None), (sentences.sureness(experiment), None)]


def _takes(experiment: Experiment, played: Played) -> View:
    """The same takes untouched, edited, and with random units edited."""
    pairs = list(zip(experiment.untouched, experiment.edited, strict=True))
    rows = [
        (str(before.seed), *(f"{take.heard}, {take.probability:.2f}" for take in (before, after)))
        for before, after in pairs
    ]
    columns = ("seed", label(played.clean.name), label(EDITED))
    table = Table(columns, tuple(rows), lead=shared_views.LEAD_TAKES)
    heard = {played.clean.name: played.clean.heard}
    heard |= {name: played.outcomes[name].heard for name in (EDITED, CONTROL) if name in played.outcomes}
    sounds = [
        [_sound(experiment, played, name, row, said[row]) for name, said in heard.items()] for row in range(len(pairs))
    ]
    return View(
        "takes", "Listen", [(sentences.fresh_takes(experiment), "observed")], [table], sounds=sounds, depth="first"
    )


def _sound(experiment: Experiment, played: Played, name: str, row: int, heard: str) -> Sound:
    """One take with what is drawn over it: of an edit, when it was in force."""
    lanes: tuple[Lane, ...] = ()
    if played.tracks is not None:
        reading = Reading(played.tracks, experiment.contrast.target, experiment.contrast.foil, played.clean.name)
        what = "random units edited alike" if name == CONTROL else sentences.edited(experiment)
        changed = name != played.clean.name
        lanes = reading.changed(name, row, what, experiment.edit.seconds) if changed else reading.untouched(row)
    return Sound(label(name), name, row, heard, lanes)


def _targets(experiment: Experiment) -> View:
    targets = tuple((target,) for target in experiment.edit.targets)
    table = Table(("edited",), targets, kinds=("unit",), lead=LEAD_TARGETS)
    return View("targets", "What was edited", tables=[table], depth="numbers")
