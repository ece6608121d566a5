"""What is asked of the queue: a run of a page's own, and runs that are made of another one by one click."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.store.run_list import Run
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import edit_fields, pasted_line
from tonescope.ui.components.given_values import text_of
from tonescope.ui.components.kept_files import PARAMETERS, Given, Text, files_of, kept_files
from tonescope.ui.components.lenses import again, lens_jobs
from tonescope.ui.components.pasted_line import NAMED_FILES, OPEN_JOBS
from tonescope.ui.workshop import Workshop

FILES = ("known", *NAMED_FILES)  # of the machine
OF_THE_SERVER = (*FILES, "memory_gib", "second_judge", "engine", "ray_address", "workers")
"""Parameters that name files and models of this machine, or bound what is used of it: no visitor sets them."""
UNSEEN = (*OF_THE_SERVER, "clip", "design")  # parameters of runs that are not shown: where this machine keeps files
SHARED = ("prompt", "takes", "seconds", "seed", "guidance", "negative", "foil")  # what an edit has of a diagnosis
COMPARE = "compare"  # names models and folders of this machine
KINDS: dict[str, dict[str, Any]] = {
    "mute": {"kind": "mean"},
    "halve": {"kind": "scale", "value": 0.5},
    "double": {"kind": "scale", "value": 2.0},
}


def submitted(workshop: Workshop, owner: str, job: str, given: Mapping[str, Any], files: Sequence[Given] = ()) -> Run:
    """Put a run in the queue, as a visitor may.

    Args:
        owner: whose it will be.
        job: one of ``OPEN_JOBS``.
        given: its parameters by name; a field that was emptied stands for what is usual; a design is its YAML.
        files: what a visitor uploaded, which the run keeps.

    Raises:
        TonescopeError: it cannot be asked.
    """
    if job not in OPEN_JOBS:
        raise TonescopeError(f"“{job[:40]}” cannot be run from here; ask for one of {', '.join(OPEN_JOBS)}.")
    if refused := [name for name in OF_THE_SERVER if name in given]:
        raise TonescopeError(f"“{refused[0]}” is for who runs this server to set; leave it out.")
    filled = {name: value for name, value in given.items() if name == "prompt" or (value is not None and value != "")}
    row = job_registry.find(job)
    if row is not None and "memory_gib" in row.load().parameters.model_fields:
        filled["memory_gib"] = workshop.memory_gib
    if check := _CHECKS.get(job):
        files = [*files, *check(workshop, filled)]
    if not files:
        return workshop.queue.submit(job, filled, owner)
    with kept_files(workshop.workspace, job, files) as (name, folder):
        try:
            return workshop.queue.submit(job, filled | PARAMETERS[job](folder), owner, name=name)
        except TonescopeError as error:  # where the server keeps them is nobody's business
            raise TonescopeError(str(error).replace(str(folder), "what was uploaded")) from error


def derived(workshop: Workshop, owner: str, name: str, kind: str, value: str) -> Run:
    """Start a run that asks on from another one: the same takes, with one thing changed.

    Args:
        name: the other run.
        kind: ``next``, ``again``; of a forecast ``start``; of a diagnosis also ``foil``, ``word``, and as of an edit
            ``scale``, ``edit``, or one of ``KINDS``.
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
    files = files_of(workshop.workspace, name) if job in (before.job, "diagnose") and job in PARAMETERS else ()
    if job == before.job and not files and any(before.parameters.get(each) for each in (*FILES, "design")):
        raise TonescopeError("this run read files of the machine that it was started on; start it there, as before.")
    return submitted(workshop, owner, job, given, files)


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
    return {key: value for key, value in run.parameters.items() if key not in (*OF_THE_SERVER, "design")}


def _foil(_: Workshop, run: Run, __: str, label: str) -> Asked:
    return "diagnose", _own(run) | {"foil": label}


def _again(_: Workshop, run: Run, __: str, ___: str) -> Asked:
    return run.job, _own(run)


def _started(_: Workshop, run: Run, __: str, ___: str) -> Asked:
    """The audit that a forecast is of."""
    if not run.parameters.get("dry_run"):
        raise TonescopeError("this run is no forecast, so there is nothing to start; open the forecast of an audit.")
    return run.job, _own(run) | {"dry_run": False}


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


# --- refused while it can still be mended -----------------------------------------------------------------------------


def _check_units(workshop: Workshop, given: dict[str, Any]) -> Sequence[Given]:
    """Raise :class:`TonescopeError` for units that the model has not."""
    from tonescope.diagnose.jobs.experiment import targets

    if isinstance(where := given.get("where"), list):
        targets(workshop.session.generator, [str(name) for name in where])
    return ()


def _check_genres(workshop: Workshop, given: dict[str, Any]) -> Sequence[Given]:
    """Raise :class:`TonescopeError` for genres that the judge cannot hear."""
    names = str(given.get("genres") or "").split(",")
    _choose(workshop, [name.strip() for name in names if name.strip()])
    return ()


def _check_design(workshop: Workshop, given: dict[str, Any]) -> Sequence[Given]:
    """The design as a file, where one was typed. Raises :class:`TonescopeError` for one that cannot be asked."""
    from tonescope.diagnose.audit.design import LARGEST_FILE, design_of

    text = given.pop("design", None)
    if text is None:
        return ()
    if len(text := text_of("design", text)) > LARGEST_FILE:
        raise TonescopeError("the design is too long; write it in at most a million characters.")
    design = design_of(text, "the design")
    _choose(workshop, design.genres or ())
    return [Text(f"{design.name}.yaml", text)]


def _check_surrogate(workshop: Workshop, given: dict[str, Any]) -> Sequence[Given]:
    """Raise :class:`TonescopeError` for another generator than the one that is here: it would have to be loaded."""
    from tonescope.diagnose.elsewhere.surrogate_trace import check_surrogate

    named, own = given.get("surrogate"), workshop.session.generator
    if named is not None and named != own.name:
        raise TonescopeError(f"sound can be put through {own.name} alone here; name it, or leave the surrogate out.")
    if named is not None:
        check_surrogate(own)
    return ()


def _choose(workshop: Workshop, names: Sequence[str]) -> None:
    from tonescope.diagnose.judging.intent import choose_label

    for name in names:
        choose_label(name, workshop.session.taxonomy, workshop.session.judge.labels)


def _named(units: str) -> list[str]:
    """Names of units, with commas; raises :class:`TonescopeError` where there is none."""
    if not (names := [name.strip() for name in units.split(",") if name.strip()]):
        raise TonescopeError("no unit is named, so there is nothing to change; name one, such as decoder.3.mlp:117.")
    return names


_CHECKS: dict[str, Callable[[Workshop, dict[str, Any]], Sequence[Given]]] = {
    "edit": _check_units,
    "confusion": _check_genres,
    "audit": _check_design,
    "listen": _check_surrogate,
}
"""What is looked at before a run waits, and gives what it keeps of what was typed."""
_MADE: dict[str, Callable[[Workshop, Run, str, str], Asked]] = {
    "foil": _foil,
    "word": _word,
    "again": _again,
    "start": _started,
    "scale": _scaled,
    "edit": _whole,
    "next": _next,
}
OF_ANY = ("again", "next", "start")  # kinds that are asked of any run
OF_EDITS = frozenset((*KINDS, "scale", "edit"))
