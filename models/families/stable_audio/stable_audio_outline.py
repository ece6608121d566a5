"""The places of a Stable Audio Open, read from the files of its parts: nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tonescope.models.checkpoints import folders, headers
from tonescope.models.families.stable_audio.blocks import LACKS, PATHS
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.outline import Key, Outline

WEIGHTS_FILES = {"transformer": "diffusion_pytorch_model.safetensors", "text_encoder": headers.WEIGHTS_FILE}
HEADS = {"transformer": "num_attention_heads", "text_encoder": "num_heads"}


def outline(folder: Path, name: str) -> Outline:
    """What places the pipeline in a folder has; of the codec, how many blocks."""
    layers: dict[Key, int | None] = {}
    units: dict[Key, int] = {}
    for key, path in {**TEXT_PATHS["t5"], **PATHS}.items():
        part, _, inside = path.partition(".")
        layers[key] = None
        config, header = _object(folder / part / folders.CONFIG_FILE, name), _header(folder, part, name)
        if header is None:
            continue
        layers[key] = header.count(inside.partition(".{}")[0]) or None
        heads, shape = config.get(HEADS[part]), header.shapes.get(f"{inside.format(0)}.weight", ())
        if key[1] in ("self", "cross"):
            counted = heads if type(heads) is int else 0
        elif key[1] == "mlp":
            counted = shape[-1] if shape else 0
        else:  # the residual stream is as wide as what heads are mixed into
            mixed = header.shapes.get(f"{inside.format(0)}.attn1.to_out.0.weight", ())
            counted = mixed[0] if mixed else 0
        if counted > 0:
            units[key] = counted
    ratios = _object(folder / "vae" / folders.CONFIG_FILE, name).get("downsampling_ratios")
    blocks = len(ratios) if isinstance(ratios, list) and ratios else None
    layers |= {("codec", "encoder"): blocks, ("codec", "decoder"): blocks}
    return Outline(name, layers, units, LACKS)


def _object(path: Path, name: str) -> dict[str, Any]:
    return folders.read_object(path, name) if path.is_file() else {}


def _header(folder: Path, part: str, name: str) -> headers.Header | None:
    path = folder / part
    return headers.of_model(path, f"{name}/{part}", WEIGHTS_FILES[part]) if path.is_dir() else None
