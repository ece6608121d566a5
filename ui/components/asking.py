"""What is asked of the queue: a run of a page's own, and runs that are made of another one by one click."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import chunked
from tonescope.diagnose.store.run_list import Run
from tonescope.models.errors import TonescopeError
from tonescope.ui.workshop import Workshop

OPEN_JOBS = ("diagnose", "edit")  # others read files of this machine
OF_THE_SERVER = ("known", "memory_gib")  # parameters that no visitor sets by name
SHARED = ("takes", "seconds", "seed", "guidance", "foil")  # that an edit takes over from a diagnosis
KINDS: dict[str, dict[str, Any]] = {
    "mute": {"kind": "mean"},
    "halve": {"kind": "scale", "value": 0.5},
    "double": {"kind": "scale", "value": 2.0},
}


def submitted(workshop: Workshop, owner: str, job: str, given: Mapping[str, Any]) -> Run:
    """Put a run in the queue, as a visitor may.

    Args:
        owner: whose it will be.
        job: one of ``OPEN_JOBS``.
        given: its parameters by name; a field that was emptied stands for what is usual.

    Raises:
        TonescopeError: it cannot be asked.
    """
    if job not in OPEN_JOBS:
        raise TonescopeError(f"“{job[:40]}” cannot be run from here; ask for one of {', '.join(OPEN_JOBS)}.")
    if refused := [name for name in OF_THE_SERVER if name in given]:
        raise TonescopeError(f"“{refused[0]}” is for who runs this server to set; leave it out.")
    filled = {name: value for name, value in given.items() if name == "prompt" or (value is not None and value != "")}
    return workshop.queue.submit(job, filled | {"memory_gib": workshop.memory_gib}, owner)


def derived(workshop: Workshop, owner: str, name: str, kind: str, value: str) -> Run:
    """Start a run that asks on from another one: the same takes, with one thing changed.

    Args:
        name: the other run, a diagnosis.
        kind: ``foil``, ``word``, ``again``, or one of ``KINDS``.
        value: the label; ``start:end`` of a word in the prompt; units, with commas.

    Raises:
        TonescopeError: there is no such run, or this cannot be asked of it.
    """
    before = workshop.workspace.runs.get(name)
    made = _MADE.get(kind, _edited if kind in KINDS else None)
    if made is None or (before.job != "diagnose" and kind != "again"):
        raise TonescopeError(
            f"“{kind[:40]}” cannot be asked of this run; open a diagnosis, and choose one of its words."
        )
    job, given = made(before, kind, value)
    return submitted(workshop, owner, job, given)


def _own(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.parameters.items() if key not in OF_THE_SERVER}


def _foil(run: Run, _: str, label: str) -> tuple[str, dict[str, Any]]:
    return "diagnose", _own(run) | {"foil": label}


def _again(run: Run, _: str, __: str) -> tuple[str, dict[str, Any]]:
    return run.job, _own(run)


def _word(run: Run, _: str, place: str) -> tuple[str, dict[str, Any]]:
    prompt = str(run.parameters["prompt"])
    start, _, end = place.partition(":")
    phrase = next((each for each in chunked(prompt) if (str(each.start), str(each.end)) == (start, end)), None)
    if phrase is None or not (left := without(prompt, phrase)):
        raise TonescopeError("this word cannot be left out of the prompt alone; type the prompt as you want it.")
    return "diagnose", _own(run) | {"prompt": left}


def _edited(run: Run, kind: str, units: str) -> tuple[str, dict[str, Any]]:
    shared = {name: run.parameters[name] for name in SHARED if run.parameters.get(name) is not None}
    return "edit", shared | {"prompt": run.parameters["prompt"], "where": units.split(",")} | KINDS[kind]


_MADE: dict[str, Callable[[Run, str, str], tuple[str, dict[str, Any]]]] = {
    "foil": _foil,
    "word": _word,
    "again": _again,
}
