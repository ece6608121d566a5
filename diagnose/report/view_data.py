"""Views as JSON and back: what a run showed is shown again, by a process that has no model.

What was written here is read as it was. What somebody else's file holds is held against the same forms, and
:func:`check_foreign` refuses what only looks like a view: a line for the shell that does more than start Tonescope, a
figure that fetches something.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter

from tonescope.diagnose.report.lanes import Lane
from tonescope.diagnose.report.matrix import Matrix, MatrixCell
from tonescope.diagnose.report.view import Cell, Command, Depth, Figure, Offer, Sound, Table, Tone, View
from tonescope.models.errors import TonescopeError

BADGES = ("observed", "estimated", "tested", "verified")
TRACES = ("bar", "scatter", "scattergl", "heatmap", "histogram", "box", "violin", "contour")
FETCHING = ("images", "source", "topojsonURL")  # keys of figures by which plotly loads something
LONGEST_COMMAND = 20_000  # characters

_KEY = re.compile(r"[A-Za-z][\w:-]{0,79}")
_TAG = re.compile(r"<(?!/?extra>|br ?/?>|/?b>|/?i>)")
# Words as :mod:`.pasteable` writes them: bare, or in quotation marks in which a shell reads nothing but text.
_WORD = r"""(?:[A-Za-z0-9_@%+=:,./-]|"[^"$`\\!\n\r]*"|'[^'\n\r]*'|\$'(?:[^'\\\n\r]|\\[^\n\r])*')+"""
_COMMAND = re.compile(rf"tonescope(?: {_WORD})*")

_LANES: TypeAdapter[tuple[Lane, ...]] = TypeAdapter(tuple[Lane, ...])
Part = TypeVar("Part")


def as_data(views: Sequence[View]) -> list[dict[str, Any]]:
    """Views as what JSON holds."""
    return [asdict(view) | {"sounds": [[_sound_data(sound) for sound in row] for row in view.sounds]} for view in views]


def _sound_data(sound: Sound) -> dict[str, Any]:
    lanes = [lane.model_dump(mode="json") for lane in sound.lanes]
    return asdict(replace(sound, lanes=())) | {"lanes": lanes}


def from_data(data: Any) -> list[View]:
    """Views from what JSON held. Raises ``ValueError`` for what :func:`as_data` does not give."""
    try:
        return _many(_view)(data)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not views: {error}") from error


def check_foreign(views: Sequence[View]) -> None:
    """Raise :class:`TonescopeError` for views that Tonescope would not have made."""
    keys = [view.key for view in views]
    if len(set(keys)) < len(keys) or not all(map(_KEY.fullmatch, keys)):
        raise _refused("its views have no keys of their own")
    for view in views:
        if not all(map(_has_numbers, view.tables)):
            raise _refused(f"“{view.title[:60]}” has words where shares belong")
        for command in view.commands:
            if command.line and not _starts_tonescope(command.line):
                raise _refused(f"“{view.title[:60]}” tells to paste something else than a line of Tonescope")
        for figure in view.figures:
            if not _draws_only(figure.plot):
                raise _refused(f"the figure “{figure.title[:60]}” would load something")


def _refused(why: str) -> TonescopeError:
    return TonescopeError(f"this run was not written by Tonescope ({why}); ask who sent it for another export.")


# --- reading ----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no number of something")
    return value


def _many(each: Callable[[Any], Part]) -> Callable[[Any], list[Part]]:
    def read(value: Any) -> list[Part]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} is no list")
        return [each(part) for part in value]

    return read


def _one_of(*allowed: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(map(str, allowed))}")
        return value

    return read


def _maybe(each: Callable[[Any], Part]) -> Callable[[Any], Part | None]:
    return lambda value: None if value is None else each(value)


_badge = _maybe(_one_of(*BADGES))


def _sentence(value: Any) -> tuple[str, Any]:
    text, badge = value
    return _text(text), _badge(badge)


def _table(value: Mapping[str, Any]) -> Table:
    return Table(
        columns=tuple(_many(_text)(value["columns"])),
        rows=tuple(tuple(row) for row in _many(_many(_text))(value["rows"])),
        badges=tuple(_many(_badge)(value["badges"])),
        kinds=tuple(_many(_one_of(*get_args(Cell)))(value["kinds"])),
        lead=_maybe(_count)(value["lead"]),
        title=_text(value["title"]),
    )


def _figure(value: Mapping[str, Any]) -> Figure:
    if not isinstance(value["plot"], dict):
        raise ValueError("a figure is no dictionary")
    return Figure(_text(value["title"]), value["plot"], _text(value["alt"]), _badge(value["badge"]))


def _sound(value: Mapping[str, Any]) -> Sound:
    lanes = _LANES.validate_python(tuple(value.get("lanes", ())))  # runs of before had none
    title, takes, of = _text(value["title"]), _text(value["takes"]), _text(value.get("of", ""))
    return Sound(title, takes, _count(value["row"]), _text(value["heard"]), lanes, of)


def _command(value: Mapping[str, Any]) -> Command:
    return Command(_text(value["told"]), _text(value["line"]))


def _offer(value: Mapping[str, Any]) -> Offer:
    settings = _many(_many(_text))(value["settings"])
    return Offer(_text(value["prompt"]), tuple((name, each) for name, each in settings))


def _cell(value: Mapping[str, Any]) -> MatrixCell:
    strength = value["strength"]
    if not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise ValueError(f"{strength!r} colours nothing")
    return MatrixCell(
        text=_text(value["text"]),
        strength=strength,
        told=_text(value["told"]),
        wanted=_one_of(True, False)(value["wanted"]),
        marked=_one_of(True, False)(value["marked"]),
        sound=_maybe(_sound)(value["sound"]),
    )


def _matrix(value: Mapping[str, Any]) -> Matrix:
    return Matrix(
        title=_text(value["title"]),
        corner=_text(value["corner"]),
        rows=tuple(_many(_text)(value["rows"])),
        columns=tuple(_many(_text)(value["columns"])),
        cells=tuple(tuple(row) for row in _many(_many(_cell))(value["cells"])),
    )


def _view(value: Mapping[str, Any]) -> View:
    return View(
        key=_text(value["key"]),
        title=_text(value["title"]),
        sentences=_many(_sentence)(value["sentences"]),
        tables=_many(_table)(value["tables"]),
        figures=_many(_figure)(value["figures"]),
        sounds=_many(_many(_sound))(value["sounds"]),
        commands=_many(_command)(value["commands"]),
        depth=_one_of(*get_args(Depth))(value["depth"]),
        tone=_maybe(_one_of(*get_args(Tone)))(value["tone"]),
        matrices=_many(_matrix)(value.get("matrices", [])),  # runs of before had none, and no offers
        offer=_maybe(_offer)(value.get("offer")),
    )


# --- what somebody else wrote -----------------------------------------------------------------------------------------


def _has_numbers(table: Table) -> bool:
    """Whether everything that a bar is drawn for is a number."""
    shares = [column for column in range(len(table.columns)) if table.kind(column) == "share"]
    try:
        return all(math.isfinite(float(row[column])) for row in table.rows for column in shares)
    except ValueError:
        return False


def _starts_tonescope(line: str) -> bool:
    """Whether a shell that is given the line starts Tonescope and nothing else."""
    return len(line) <= LONGEST_COMMAND and _COMMAND.fullmatch(line) is not None


def _draws_only(plot: Mapping[str, Any]) -> bool:
    data = plot.get("data", [])
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        return False
    return all(each.get("type", "scatter") in TRACES for each in data) and not _loads(plot)


def _loads(value: Any) -> bool:
    """Whether something in a figure is fetched, or is markup that could lead elsewhere."""
    if isinstance(value, Mapping):
        return any(name in FETCHING or _loads(str(name)) or _loads(inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return any(_loads(inner) for inner in value)
    return isinstance(value, str) and _TAG.search(value) is not None
