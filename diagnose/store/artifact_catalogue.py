"""Which artifacts of a store are about a unit or a location, told from the headers of their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from tonescope.diagnose.store.artifacts import FORMAT, WAVEFORM, Artifact, ArtifactStore
from tonescope.models.errors import TonescopeError

PLACES = ("unit", "location")  # parameters that say what a technique is about
OF_SOMEBODY = ("clip",)  # parameters that hold what somebody brought: such artifacts are shown in their runs alone
KEY_SIGNS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Listed:
    """An artifact, as the header of its file tells it.

    Attributes:
        key: its name, by which it is read.
        technique: what made it, of what ``place`` (a unit or a location), with which ``parameters``.
        models: fingerprints of the models that were looked at.
        seconds: how long it took to render; ``made``, when it was kept, in seconds since 1970.
        sounds: whether it holds sound.
    """

    key: str
    technique: str
    place: str
    parameters: Mapping[str, Any]
    models: Mapping[str, str]
    seconds: float
    made: float
    sounds: bool


@dataclass
class ArtifactCatalogue:
    """The artifacts of a store by what they are about. A file is read once, and again when it changes."""

    store: ArtifactStore
    _known: dict[tuple[str, int], Listed | None] = field(default_factory=dict)

    def about(self, place: str, models: Mapping[str, str]) -> list[Listed]:
        """Those about a unit or a location of these models, the newest first.

        Args:
            models: fingerprints by ``generator`` and ``judge``. What was made with another is left out, and so is what
                was made of a clip, which is somebody's own.
        """
        found = []
        for path in self.store.folder.glob("*.safetensors"):
            try:
                mark = path.name, path.stat().st_mtime_ns
            except OSError:
                continue  # replaced meanwhile
            if mark not in self._known:
                self._known[mark] = _listed(path)
            one = self._known[mark]
            if one is not None and one.place == place and _fits(one, models):
                found.append(one)
        return sorted(found, key=lambda one: -one.made)

    def read(self, key: str) -> Artifact:
        """The artifact of a key. Raises :class:`TonescopeError` where there is none, or it is damaged."""
        path = self.store.folder / f"{key}.safetensors"
        if not key or set(key) - KEY_SIGNS or not path.is_file():
            raise TonescopeError("this artifact is no longer there; render it again.")
        return Artifact.load(path)


def _fits(one: Listed, models: Mapping[str, str]) -> bool:
    return all(models.get(name) == mark for name, mark in one.models.items())


def _listed(path: Path) -> Listed | None:
    """What a header tells; ``None`` for what is no artifact of one place, or is somebody's own."""
    try:
        with safe_open(path, "pt") as file:
            metadata, names = file.metadata() or {}, list(file.keys())
        about = json.loads(metadata["about"]) if metadata.get("format") == FORMAT else None
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    if about is None:
        return None
    recipe = about["recipe"]
    asked = recipe["parameters"]
    named = [str(asked[name]) for name in PLACES if asked.get(name)]
    if len(named) != 1 or any(asked.get(name) for name in OF_SOMEBODY):
        return None
    return Listed(
        path.stem,
        str(recipe["technique"]),
        named[0],
        asked,
        recipe["models"],
        float(about["seconds"]),
        path.stat().st_mtime,
        WAVEFORM in names,
    )
