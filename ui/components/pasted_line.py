"""Lines for a shell, read back: what a report tells people to paste, a page does by one click."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_origin

from pydantic.fields import FieldInfo

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.parameters import Flag, Positional, fields, marked
from tonescope.diagnose.report.pasteable import STEERED_BY

# What visitors may start; other jobs read files of this machine.
OPEN_JOBS = ("diagnose", "edit", "suggest", "contrast", "confusion", "audit", "listen")
NAMED_FILES = ("library", "files", "metadata", "variants", "shards")  # parameters that name files of this machine
OF_MODELS = frozenset(
    ("--model", "--adapter", "--device", "--dtype", "--denoising-steps", "--shift", "--labels", "--calibration")
)
"""Options that say which models; those of the server hold."""
OF_FOLDERS = frozenset(("--out",))  # options that say where it is written; a page keeps all in any case
UNREADABLE = "$'"  # how a shell's words are written that hold what cannot be seen


@dataclass(frozen=True)
class PastedLine:
    """What a line asks for: a job, and its parameters by name."""

    job: str
    parameters: dict[str, Any]


def read(line: str, judge: str = "") -> PastedLine | None:
    """What a line as of :mod:`tonescope.diagnose.report.pasteable` asks for.

    Args:
        line: it; one of ``OPEN_JOBS`` may be asked for.
        judge: the name of the one that listens here; a line that wants another is not for this server.

    Returns:
        ``None`` for a line that asks for anything else.
    """
    try:
        program, job, *words = [] if UNREADABLE in line else shlex.split(line)
    except ValueError:
        return None
    row = job_registry.find(job) if program == "tonescope" and job in OPEN_JOBS else None
    if row is None:
        return None
    about = fields(row.load().parameters)
    given = _given(words, about, judge)
    return None if given is None or {*NAMED_FILES, "design"} & given.keys() else PastedLine(job, given)


def _given(words: Iterable[str], about: dict[str, FieldInfo], judge: str) -> dict[str, Any] | None:
    flags = {flag: name for name, field in about.items() for flag in _flags(name, field)}
    places = [name for name, field in about.items() if marked(field, Positional)]
    here = (("--judge", judge), ("--steer", STEERED_BY))
    found: dict[str, Any] = {}
    coming, is_text = iter(words), False
    for word in coming:
        if word == "--" and not is_text:
            is_text = True
        elif word.startswith("--") and not is_text:
            name = flags.get(word)
            if name is not None and about[name].annotation is bool:
                found[name] = True
                continue
            value = next(coming, None)
            left_out = word in OF_MODELS | OF_FOLDERS or (word, value) in here
            if value is None or (name is None and not left_out):
                return None
            if name is not None:
                _put(found, name, value, about[name])
        else:
            name = next((place for place in places if place not in found or _is_listed(about[place])), None)
            if name is None:
                return None
            _put(found, name, word, about[name])
    return found


def _flags(name: str, field: FieldInfo) -> tuple[str, ...]:
    written = marked(field, Flag)
    return written.names if written and written.names else ("--" + name.replace("_", "-"),)


def _put(found: dict[str, Any], name: str, value: str, field: FieldInfo) -> None:
    if _is_listed(field):
        found.setdefault(name, []).append(value)
    else:
        found[name] = value


def _is_listed(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (list, tuple)
