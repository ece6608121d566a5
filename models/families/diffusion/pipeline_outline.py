"""The places of a pipeline of diffusers, read from the files of its parts: nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonescope.models.checkpoints import folders, headers
from tonescope.models.outline import Key, Outline

_DENOISES = "it plays by denoising and has no decoder of codes; look at denoiser.LAYER.{} instead"
NO_DECODER: dict[Key, str] = {
    ("decoder", name): _DENOISES.format(name) for name in ("mlp", "self", "cross", "residual")
}
"""What no model that denoises has, and where to look instead."""

WEIGHTS_FILES = {"transformer": "diffusion_pytorch_model.safetensors", "text_encoder": headers.WEIGHTS_FILE}


@dataclass(frozen=True)
class PipelineOutline:
    """How the files of a family tell what places it has.

    Attributes:
        paths: dotted module path of each site of the denoiser and the text encoder.
        lacks: why a site that other families have does not exist here.
        heads: by part, the dotted field of its configuration that counts heads.
        mixed: the weight of the first block that heads are mixed by, whose first axis is the residual stream.
        codec_layers: how many layers the codec has, by its configuration; ``None`` where that does not tell.
    """

    paths: Mapping[Key, str]
    lacks: Mapping[Key, str]
    heads: Mapping[str, str]
    mixed: str
    codec_layers: Callable[[Mapping[str, Any]], int | None]

    def read(self, folder: Path, name: str) -> Outline:
        """What places the pipeline in a folder has; of the codec, how many layers."""
        layers: dict[Key, int | None] = {}
        units: dict[Key, int] = {}
        for key, path in self.paths.items():
            part, _, inside = path.partition(".")
            layers[key] = None
            config, header = _object(folder / part / folders.CONFIG_FILE, name), _header(folder, part, name)
            if header is None:
                continue
            layers[key] = header.count(inside.partition(".{}")[0]) or None
            counted = self._units(key[1], part, inside.format(0), config, header)
            if counted > 0:
                units[key] = counted
        codec = self.codec_layers(_object(folder / "vae" / folders.CONFIG_FILE, name))
        layers |= {("codec", "encoder"): codec, ("codec", "decoder"): codec}
        return Outline(name, layers, units, self.lacks)

    def _units(self, site: str, part: str, path: str, config: Mapping[str, Any], header: headers.Header) -> int:
        if site in ("self", "cross"):
            found: Any = config
            for field in self.heads[part].split("."):
                found = found.get(field) if isinstance(found, dict) else None
            return found if type(found) is int else 0
        if site == "mlp":
            shape = header.shapes.get(f"{path}.weight", ())
            return shape[-1] if shape else 0
        shape = header.shapes.get(self.mixed, ())
        return shape[0] if shape else 0


def listed(value: Any) -> int | None:
    """How many there are in a list of a configuration; ``None`` where it is none."""
    return len(value) if isinstance(value, list) and value else None


def _object(path: Path, name: str) -> dict[str, Any]:
    return folders.read_object(path, name) if path.is_file() else {}


def _header(folder: Path, part: str, name: str) -> headers.Header | None:
    path = folder / part
    return headers.of_model(path, f"{name}/{part}", WEIGHTS_FILES[part]) if path.is_dir() else None
