"""Artifacts: what techniques rendered, kept under the hash of all that decides it, so that nothing is made twice.

An artifact is one safetensors file: tensors (state and sound of takes, curves, figures' data), and in its header what
it was made of and found, as JSON. The file carries a digest of its own contents: a damaged one is rendered anew, and
that is said.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

FORMAT = "tonescope artifact 1"
KEY_DIGITS = 24
STATE = "state."  # what tensors of a take's state are called
WAVEFORM = "waveform"


@dataclass(frozen=True)
class Recipe:
    """All that decides an artifact.

    Attributes:
        technique: its name; ``version``, that of its code: another one renders something else.
        parameters: everything that was asked, seeds among it, as JSON holds it.
        models: fingerprints of the models that were looked at.
    """

    technique: str
    version: int
    parameters: Mapping[str, Any]
    models: Mapping[str, str]

    @property
    def key(self) -> str:
        """The name of the artifact: a hash of all of that."""
        return hashlib.sha256(_json(self.about).encode()).hexdigest()[:KEY_DIGITS]

    @property
    def about(self) -> dict[str, Any]:
        """The recipe as JSON holds it."""
        named = {"technique": self.technique, "version": self.version}
        return named | {"parameters": dict(self.parameters), "models": dict(self.models)}


@dataclass(frozen=True)
class Artifact:
    """What was rendered.

    Attributes:
        recipe: of what.
        tensors: by name; the state of takes under ``state.NAME``, their sound as ``waveform`` (takes, samples).
        result: what was found, as JSON holds it.
        seconds: how long it took to render.
    """

    recipe: Recipe
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def of_takes(cls, recipe: Recipe, takes: Takes, tensors: Mapping[str, Tensor] | None = None) -> Artifact:
        """An artifact that holds takes."""
        state = {STATE + name: tensor for name, tensor in takes.state.items()}
        return cls(recipe, {**state, WAVEFORM: takes.waveform, **(tensors or {})})

    def takes(self, prompts: Sequence[str], seeds: Sequence[int]) -> Takes:
        """The takes that it holds."""
        state = {name.removeprefix(STATE): tensor for name, tensor in self.tensors.items() if name.startswith(STATE)}
        return Takes(tuple(prompts), tuple(seeds), state, self.tensors[WAVEFORM])

    def save(self, path: Path) -> None:
        """Write it whole. Raises ``OSError`` or ``SafetensorError`` when that cannot be done."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        tensors = tensors or {"nothing": torch.zeros(1)}
        about = {"recipe": self.recipe.about, "result": dict(self.result), "seconds": self.seconds}
        metadata = {"format": FORMAT, "about": _json(about), "digest": _digest(tensors, _json(about))}
        temporary = path.with_suffix(f".{os.getpid()}.tmp")  # two runs may render at a time
        try:
            save_file(tensors, temporary, metadata=metadata)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Artifact:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` for a file that is none, or is damaged."""
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise TonescopeError(
                    f"{path.name} is no artifact of this version of Tonescope; delete it, or render it again."
                )
            tensors = load_file(path)
            about = json.loads(metadata["about"])
            if metadata["digest"] != _digest(tensors, metadata["about"]):
                raise ValueError("the digest does not fit")
            return cls(Recipe(**about["recipe"]), tensors, about["result"], float(about["seconds"]))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise TonescopeError(
                f"{path.name} is damaged and cannot be read; delete it, or render it again."
            ) from error


@dataclass(frozen=True)
class Made:
    """An artifact, whether it was there already, and a sentence where something about that has to be known."""

    artifact: Artifact
    was_there: bool = False
    note: str = ""


@dataclass(frozen=True)
class ArtifactStore:
    """A folder of artifacts."""

    folder: Path

    def path(self, recipe: Recipe) -> Path:
        """Where the artifact of a recipe is, or would be."""
        return self.folder / f"{recipe.key}.safetensors"

    def kept(self, recipe: Recipe) -> tuple[Artifact | None, str]:
        """The artifact of a recipe, if it is there and whole; otherwise why it is not taken, where there is a file."""
        path = self.path(recipe)
        if not path.is_file():
            return None, ""
        try:
            found = Artifact.load(path)
        except TonescopeError:
            return None, f"What was kept as {path.name} is damaged, so it was rendered anew."
        if found.recipe.about != json.loads(_json(recipe.about)):
            return None, f"What was kept as {path.name} is of something else, so it was rendered anew."
        return found, ""

    def keep(self, artifact: Artifact) -> None:
        """Keep an artifact. A store that cannot be written costs time, nothing else."""
        with suppress(OSError, SafetensorError):
            self.folder.mkdir(parents=True, exist_ok=True)
            artifact.save(self.path(artifact.recipe))

    def made(self, recipe: Recipe, render: Callable[[], Artifact]) -> Made:
        """The artifact of a recipe: from the store, or rendered now and kept."""
        found, note = self.kept(recipe)
        if found is not None:
            return Made(found, was_there=True)
        artifact = render()
        self.keep(artifact)
        return Made(artifact, note=note)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _digest(tensors: Mapping[str, Tensor], about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()
