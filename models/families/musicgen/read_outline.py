"""The places of a MusicGen, read from its config.json and the header of its weights: nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tonescope.models.checkpoints import folders, headers
from tonescope.models.families.musicgen.classes import CLASSES
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.outline import Key, Outline
from tonescope.models.sites import SITES

# What config.json calls the number of units, by what a unit is; neurons are the inputs of a linear layer.
STATED = {"head": ("num_attention_heads", "num_heads"), "dimension": ("hidden_size", "d_model")}
CONFIGS = {"text": "text_encoder", "decoder": "decoder"}  # the part of config.json that is about a network


def outline(folder: Path, name: str) -> Outline:
    """What places the model in a folder has. Of the codec, files do not tell which of its layers hold nothing."""
    config, header = folders.read_object(folder / folders.CONFIG_FILE, name), headers.of_model(folder, name)
    kind = next(row for row in CLASSES if row.model_type == folders.model_type(folder, name))
    text = _part(config, "text_encoder").get("model_type")
    paths = {**TEXT_PATHS.get(str(text), {}), **kind.paths}
    layers: dict[Key, int | None] = dict.fromkeys(paths)
    units: dict[Key, int] = {}
    for site in SITES:
        key, path = (site.network, site.name), paths.get((site.network, site.name))
        if header is None or path is None or site.network not in CONFIGS:
            continue
        layers[key] = header.count(path.partition(".{}")[0]) or None
        fields = STATED.get(site.units)
        shape = header.shapes.get(f"{path.format(0)}.weight", ())
        count = _stated(_part(config, CONFIGS[site.network]), fields) if fields else shape[-1] if shape else None
        if count is not None:
            units[key] = count
    return Outline(name, layers, units, kind.lacks)


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    part = config.get(name)
    return part if isinstance(part, dict) else {}


def _stated(config: dict[str, Any], fields: Sequence[str]) -> int | None:
    """A number of units, where the configuration states it and does not leave it to a default."""
    return next((config[name] for name in fields if type(config.get(name)) is int and config[name] > 0), None)
