"""What is asked of the queue: a run of a page's own, and runs that are made of another one by one click."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.store.run_list import Run
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import edit_fields, pasted_line
from tonescope.ui.components.known_clips import clips_of, kept_clips
from tonescope.ui.components.lenses import again, lens_jobs
from tonescope.ui.components.pasted_line import OPEN_JOBS
from tonescope.ui.workshop import Workshop

OF_THE_SERVER = ("known", "memory_gib", "second_judge")  # name files and models, or bounds: no visitor sets them
UNSEEN = (*OF_THE_SERVER, "clip")  # parameters of runs that are not shown: where this machine keeps files
SHARED = ("prompt", "takes", "seconds", "seed", "guidance", "negative", "foil")  # what an edit has of a diagnosis
COMPARE = "compare"  # names models and folders of this machine
KINDS: dict[str, dict[str, Any]] = {
    "mute": {"kind": "mean"},
    "halve": {"kind": "scale", "value": 0.5},
    "double": {"kind": "scale", "value": 2.0},
}


def submitted(workshop: Workshop, owner: str, job: str, given: Mapping[str, Any], clips: Sequence[Path] = ()) -> Run:
    """Put a run in the queue, as a visitor may.

    Args:
        owner: whose it will be.
        job: one of ``OPEN_JOBS``.
        given: its parameters by name; a field that was emptied stands for what is usual.
        clips: files that a visitor uploaded, which the run keeps.

    Raises:
        TonescopeError: it cannot be asked.
    """
    if job not in OPEN_JOBS:
        raise TonescopeError(f"“{job[:40]}” cannot be run from here; ask for one of {', '.join(OPEN_JOBS)}.")
    if refused := [name for name in OF_THE_SERVER if name in given]:
        raise TonescopeError(f"“{refused[0]}” is for who runs this server to set; leave it out.")
    filled = {name: value for name, value in given.items() if name == "prompt" or (value is not None and value != "")}
    filled["memory_gib"] = workshop.memory_gib
    if job == "edit" and isinstance(where := filled.get("where"), list):
        _check_units(workshop, [str(name) for name in where])
    if not clips:
        return workshop.queue.submit(job, filled, owner)
    with kept_clips(workshop.workspace, clips) as (name, folder):
        try:
            return workshop.queue.submit(job, filled | {"known": folder}, owner, name=name)
        except TonescopeError as error:  # where the server keeps them is nobody's business
            raise TonescopeError(str(error).replace(str(folder), "what was uploaded")) from error


def derived(workshop: Workshop, owner: str, name: str, kind: str, value: str) -> Run:
    """Start a run that asks on from another one: the same takes, with one thing changed.

    Args:
        name: the other run.
        kind: ``next``, ``again``; of a diagnosis also ``foil``, ``word``, and as of an edit ``scale``, ``edit``, or one
            of ``KINDS``.
        value: the label; ``start:end`` of a word in the prompt; units, with commas, and for ``scale`` a factor after
            them; for ``edit``, its parameters as :func:`.edit_fields.read` takes them; for ``next``, the key of a view
            and which of its commands, as ``next:0``.

    Raises:
        TonescopeError: there is no such run, or this cannot be asked of it.
    """
    before = workshop.workspace.runs.get(name)
    made = _MADE.get(kind, _edited if kind in KINDS else None)
    if made is None or not (before.job == "diagnose" or kind in OF_ANY or (before.job == "edit" and kind in OF_EDITS)):
        raise TonescopeError(
            f"“{kind[:40]}” cannot be asked of this run; open a diagnosis, and choose one of its words."
        )
    if kind == "again" and before.job == COMPARE:
        return compared(workshop, owner, before.parameters)
    if kind == "again" and before.job in lens_jobs() and before.job not in OPEN_JOBS:
        return again(workshop, owner, before)
    job, given = made(workshop, before, kind, value)
    clips = clips_of(workshop.workspace, name) if job == "diagnose" else ()
    return submitted(workshop, owner, job, given, clips)


def compared(workshop: Workshop, owner: str, given: Mapping[str, Any]) -> Run:
    """Start a comparison of two models, or of two folders, for who has the machine.

    Raises:
        TonescopeError: others are served, or it cannot be asked.
    """
    if not workshop.is_for_one:
        raise TonescopeError("models and folders of this machine are compared on its command line: tonescope compare.")
    return workshop.queue.submit(COMPARE, given, owner)


Asked = tuple[str, dict[str, Any]]
"""A job, and its parameters."""


def _own(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.parameters.items() if key not in OF_THE_SERVER}


def _foil(_: Workshop, run: Run, __: str, label: str) -> Asked:
    return "diagnose", _own(run) | {"foil": label}


def _again(_: Workshop, run: Run, __: str, ___: str) -> Asked:
    return run.job, _own(run)


def _word(workshop: Workshop, run: Run, _: str, place: str) -> Asked:
    prompt = str(run.parameters["prompt"])
    start, _, end = place.partition(":")
    phrase = next(
        (each for each in workshop.feedback.phrases(prompt) if (str(each.start), str(each.end)) == (start, end)), None
    )
    if phrase is None or not (left := without(prompt, phrase)):
        raise TonescopeError("this word cannot be left out of the prompt alone; type the prompt as you want it.")
    found = workshop.workspace.content(run.name).result or {}
    meant = run.parameters.get("intended") or found.get("intended", {}).get("label")  # which the prompt may not say now
    return "diagnose", _own(run) | {"prompt": left, "intended": meant}


def _edited(_: Workshop, run: Run, kind: str, units: str) -> Asked:
    return "edit", shared(run) | {"where": _named(units)} | KINDS[kind]


def _scaled(_: Workshop, run: Run, __: str, asked: str) -> Asked:
    units, factor = asked.strip().rpartition(" ")[::2]
    return "edit", shared(run) | {"where": _named(units), "kind": "scale", "value": factor}


def _whole(_: Workshop, run: Run, __: str, fields: str) -> Asked:
    given = edit_fields.read(fields)
    return "edit", given | {"prompt": run.parameters["prompt"], "where": _named(",".join(given.get("where") or []))}


def _next(workshop: Workshop, run: Run, _: str, place: str) -> Asked:
    """What a view of the run tells to do; the line stays on the server."""
    key, _, index = place.partition(":")
    views = [view for view in workshop.workspace.content(run.name).views if view.key == key]
    lines = [command.line for view in views for command in view.commands]
    line = lines[int(index)] if index.isdecimal() and int(index) < len(lines) else ""
    asked = pasted_line.read(line, workshop.session.judge.name)
    if asked is None:
        raise TonescopeError("this step cannot be done from here; paste its line into a terminal.")
    return asked.job, {name: value for name, value in asked.parameters.items() if name not in OF_THE_SERVER}


def shared(run: Run) -> dict[str, Any]:
    """What an edit takes over from a diagnosis, so that it plays the same takes."""
    return {name: run.parameters[name] for name in SHARED if run.parameters.get(name) is not None}


def _check_units(workshop: Workshop, names: Sequence[str]) -> None:
    """Raise :class:`TonescopeError` for what the model has not, while its name can still be mended."""
    from tonescope.diagnose.jobs.experiment import targets

    targets(workshop.session.generator, names)


def _named(units: str) -> list[str]:
    """Names of units, with commas; raises :class:`TonescopeError` where there is none."""
    if not (names := [name.strip() for name in units.split(",") if name.strip()]):
        raise TonescopeError("no unit is named, so there is nothing to change; name one, such as decoder.3.mlp:117.")
    return names


_MADE: dict[str, Callable[[Workshop, Run, str, str], Asked]] = {
    "foil": _foil,
    "word": _word,
    "again": _again,
    "scale": _scaled,
    "edit": _whole,
    "next": _next,
}
OF_ANY = ("again", "next")  # kinds that are asked of any run
OF_EDITS = frozenset((*KINDS, "scale", "edit"))
