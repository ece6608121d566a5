"""An artifact that is kept, as a view: its sounds and what was found, without asking a model anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tonescope.diagnose.microscope import figures
from tonescope.diagnose.report.view import Figure, Sound, Table, View
from tonescope.diagnose.store.artifacts import WAVEFORM, Artifact
from tonescope.models.generator import Takes

SET = "artifact"
TITLES = {
    "visualize": "The sound that drives it",
    "words": "The words that drive it",
    "dream": "A dream",
    "caricature": "A caricature",
}
"""What artifacts of techniques are called; others have the name of their technique."""
MOST_WORDS = 12
LONGEST_VALUE = 60  # characters


def artifact_view(artifact: Artifact) -> tuple[View, Takes | None]:
    """An artifact as a view whose sounds are rows of the takes, which are in the set :data:`SET`."""
    technique, result = artifact.recipe.technique, artifact.result
    told = asked(artifact.recipe.parameters)
    sentences: list[Any] = [(told, None)] if told else []
    takes = _takes(artifact)
    rows = _ROWS.get(technique, _plain)(result, len(takes) if takes else 0)
    sounds = [[Sound(title, SET, at, heard) for at, title, heard in row] for row in rows]
    tables = [_words(result)] if technique == "words" and result.get("driven") else []
    shown = View(
        f"artifact-{artifact.recipe.key}",
        TITLES.get(technique, technique),
        sentences,
        tables,
        _curve(artifact, rows),
        sounds=sounds,
    )
    return shown, takes


def asked(parameters: Mapping[str, Any]) -> str:
    """What a technique was asked, in short."""
    plain = {
        name: value
        for name, value in parameters.items()
        if name not in ("unit", "location") and isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    parts = [f"{name} {str(value)[:LONGEST_VALUE]}" for name, value in plain.items() if value != ""]
    return f"Asked: {', '.join(parts)}." if parts else ""


def _takes(artifact: Artifact) -> Takes | None:
    """The sounds that it holds, as takes without a state: nothing is to be asked of a model to play them."""
    waveform = artifact.tensors.get(WAVEFORM)
    if waveform is None:
        return None
    count = len(waveform)
    first = int(artifact.recipe.parameters.get("seed", 0))
    return Takes(("",) * count, tuple(range(first, first + count)), {}, waveform)


Row = tuple[int, str, str]
"""A sound: its row among the takes, what it is called, what is heard in it."""


def _plain(result: Mapping[str, Any], count: int) -> list[list[Row]]:
    samples = result.get("samples") or result.get("heard") or []
    heard = [str(one.get("heard", "")) for one in samples] if len(samples) == count else [""] * count
    return [[(at, f"sample {at + 1}", heard[at])] for at in range(count)]


def _visualized(result: Mapping[str, Any], count: int) -> list[list[Row]]:
    """Sides of a seed beside each other."""
    renderings = result.get("renderings") or []
    if len(renderings) != count:
        return _plain({}, count)
    rows: dict[Any, list[Row]] = {}
    for at, one in enumerate(renderings):
        rows.setdefault(one["seed"], []).append((at, str(one["side"]), str(one["heard"])))
    return list(rows.values())


def _dreamt(result: Mapping[str, Any], count: int) -> list[list[Row]]:
    heard = [str((result.get(name) or {}).get("heard", "")) for name in ("before", "after")]
    if count != 2:
        return _plain({}, count)
    return [[(0, "before", heard[0]), (1, "dreamt", heard[1])]]


_ROWS: Mapping[str, Callable[[Mapping[str, Any], int], list[list[Row]]]] = {
    "visualize": _visualized,
    "dream": _dreamt,
}


def _words(result: Mapping[str, Any]) -> Table:
    rows = tuple(
        (str(one["prompt"]), f"{one['response']:.3g}", _changed(one), "found by search" if one["searched"] else "word")
        for one in result["driven"][:MOST_WORDS]
    )
    return Table(("prompt", "what the unit does", "more than “music”", "how it was found"), rows)


def _changed(one: Mapping[str, Any]) -> str:
    effect = one.get("difference")
    return f"{effect['mean']:+.3g}" if effect else ""


def _curve(artifact: Artifact, rows: Sequence[Sequence[Row]]) -> list[Figure]:
    values = artifact.tensors.get("values")
    names = [title for row in rows for _, title, _ in row]
    if values is None or values.ndim != 2 or len(values) < 2:
        return []
    if values.shape[1] != len(names):
        names = [f"sample {at + 1}" for at in range(values.shape[1])]
    unique = [f"{name} ({at + 1})" if names.count(name) > 1 else name for at, name in enumerate(names)]
    return [figures.curve(values, unique, "objective")]
