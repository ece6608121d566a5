"""The output folder of any job: its sound, tensors, trace, JSON, report and card.

What goes where follows from names. Every set of takes of the evidence becomes sound. A
:class:`~tonescope.diagnose.schema.Trial` anywhere in the result gets the files of the set that its ``variant`` names; a
list of :class:`~tonescope.diagnose.schema.TakeResult` those of the set that bears the name of its field.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from safetensors.torch import save_file

from tonescope.diagnose.report import render_markdown
from tonescope.diagnose.report.atomic_folder import whole_folder
from tonescope.diagnose.report.card import card, png
from tonescope.diagnose.report.render_html import page
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.schema import TakeResult, Trial

if TYPE_CHECKING:
    from tonescope.diagnose.report.view import View
    from tonescope.models.generator import Takes

LONGEST_SLUG = 60  # bytes
ESTIMATES, CARD = "estimates.safetensors", "card.png"

Result = TypeVar("Result", bound=BaseModel)


def write(folder: Path, name: str, result: Result, evidence: Any, views: Sequence[View], sounds: Sounds) -> Result:
    """Write everything about a result, whole or not at all.

    Args:
        folder: where to; see :func:`.atomic_folder.claimed_folder`.
        name: what was done (``diagnosis``): the name of the JSON file, and the title of the page.
        result: what was found.
        evidence: what is behind it. Its ``sounds`` are written as audio; so are, where it has any, its ``tensors``
            (by name) and its ``trace``; its ``save`` is given the folder, for files of its own,
            and with ``markdown`` the views are written as Markdown too.
        views: what the page shows.
        sounds: how takes become sound.

    Returns:
        The result with the names of its audio files filled in.

    Raises:
        TonescopeError: the disk refuses.
    """
    sets: Mapping[str, Takes] = getattr(evidence, "sounds", {})
    named = result.model_copy(deep=True)
    files = _files(named, sets)
    _fill_in(named, files)
    with whole_folder(folder) as filling:
        if sets:
            (filling / "audio").mkdir()
        for key, takes in sets.items():
            for row, file in enumerate(files[key]):
                sounds.write(filling / file, takes, row)
        if tensors := getattr(evidence, "tensors", None):
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, filling / ESTIMATES)
        if trace := getattr(evidence, "trace", None):
            trace.save(filling / "trace")
        if save := getattr(evidence, "save", None):
            save(filling)
        data = filling / f"{name}.json"
        data.write_text(named.model_dump_json(indent=2), encoding="utf-8")
        for tensor_file in filling.glob("*.safetensors"):  # that library keeps files to their owner
            tensor_file.chmod(data.stat().st_mode)
        players = Players(sounds, sets)
        (filling / "report.html").write_text(page(f"Tonescope {name}", views, players), encoding="utf-8")
        if shown := card(views, players):
            (filling / CARD).write_bytes(png(shown))
        if getattr(evidence, "markdown", False):
            (filling / "report.md").write_text(render_markdown.page(f"Tonescope {name}", views), encoding="utf-8")
    return named


def slug(name: str) -> str:
    """A name as part of a file name: letters, digits and hyphens of any script, nothing that leads elsewhere.

    A long one is cut, and what was cut off tells it apart by its digest.
    """
    plain = "-".join("".join(char if char.isalnum() else " " for char in name).split())
    if len(plain.encode()) <= LONGEST_SLUG:
        return plain
    return f"{plain.encode()[:LONGEST_SLUG].decode(errors='ignore')}-{_digest(name)}"


def trials(result: BaseModel) -> list[Trial]:
    """Every trial of a result, however deep."""
    return [value for _, value in _walk(result) if isinstance(value, Trial)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _walk(value: object, field: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a result with the name of the field that holds it."""
    yield field, value
    if isinstance(value, BaseModel):
        for name, inner in value:
            yield from _walk(inner, name)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _walk(inner, field)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner, field)


def _rows(result: BaseModel) -> dict[str, list[TakeResult]]:
    """Lists of takes by the name of their field."""
    found: dict[str, list[TakeResult]] = {}
    for field, value in _walk(result):
        if isinstance(value, TakeResult):
            found.setdefault(field, []).append(value)
    return found


def _files(result: BaseModel, sets: Mapping[str, Takes]) -> dict[str, list[str]]:
    """A file for every take of every set. The seed alone names it where the result lists no other take of that seed."""
    listed = [key for key in _rows(result) if key in sets]
    often = Counter(seed for key in listed for seed in sets[key].seeds)
    taken: set[str] = set()
    files: dict[str, list[str]] = {}
    for key, takes in sets.items():
        files[key] = []
        for row, seed in enumerate(takes.seeds):
            stem = f"take-{seed}" if key in listed and often[seed] == 1 else f"take-{seed}-{slug(key)}"
            if stem in taken:  # two keys that differ in signs only, or a seed that comes twice
                stem += f"-{_digest(f'{key}/{row}')}"
            taken.add(stem)
            files[key].append(f"audio/{stem}.wav")
    return files


def _fill_in(result: BaseModel, files: Mapping[str, list[str]]) -> None:
    """Put the names of files where a result has room for them."""
    for trial in trials(result):
        trial.audio = list(files.get(trial.variant, []))
    for field, rows in _rows(result).items():
        if field not in files:
            continue
        if len(files[field]) != len(rows):
            raise ValueError(
                f"the result lists {len(rows)} takes as {field}, and there are {len(files[field])} of that name"
            )
        for take, file in zip(rows, files[field], strict=True):
            take.audio = file
