"""Converts the checkpoints of the ``musicnn`` package into safetensors, with their tags, card and licence.

Nothing is trained here, and neither TensorFlow nor the package is imported: its wheel is unpacked and read.

    pip download --no-deps musicnn==0.1.0 && unzip -d musicnn musicnn-0.1.0-py3-none-any.whl
    python -m training.convert_musicnn --wheel musicnn
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from tonescope.diagnose.taxonomy import common
from tonescope.models.judges.musicnn import Musicnn
from training import tensor_bundle

LICENCE = "LICENSE-ISC-musicnn.txt"
Arrays = Mapping[str, NDArray[np.float32]]

# The authors' layers have numbers in the order in which the graph is built.
CONVOLUTIONS = ("timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2", "middle.0", "middle.1", "middle.2")
DENSE = ("hidden.conv", "output")
NORMS = ("input_norm", *(f"{layer}.norm" for layer in CONVOLUTIONS), "pooled_norm", "hidden.norm")
NORM_PARTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def table() -> dict[str, dict[str, Any]]:
    """The models to convert, by the folder they go to (``musicnn.toml``)."""
    return tomllib.loads((resources.files(__package__) / "musicnn.toml").read_text(encoding="utf-8"))


def tag_rows(tags: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows of ``tonescope.json``: tag, kind, what it means, and of a genre its family."""
    families = {genre.label: genre.family for genre in common().genres}
    rows = []
    for tag, said in tags.items():
        ((kind, means),) = ((key, value) for key, value in said.items() if key != "family")
        family = families[means] if kind == "genre" and means else said.get("family", "")
        rows.append({"tag": tag, "kind": kind, "means": means, "family": family})
    return rows


def convert(arrays: Arrays) -> dict[str, Tensor]:
    """The weights of :class:`tonescope.models.judges.musicnn.Musicnn`, of a checkpoint's tensors by name."""
    found = dict[str, NDArray[np.float32]]()
    for number, layer in enumerate(CONVOLUTIONS):
        kernel = arrays[_numbered("conv2d", number) + "/kernel"]  # (frames, bands, in, out)
        over_time = layer.startswith("middle")  # its filters are as high as what they hear
        found[f"{layer}.conv.weight"] = kernel[:, :, 0].T if over_time else kernel.transpose(3, 2, 0, 1)
        found[f"{layer}.conv.bias"] = arrays[_numbered("conv2d", number) + "/bias"]
    for number, layer in enumerate(DENSE):
        found[f"{layer}.weight"] = arrays[_numbered("dense", number) + "/kernel"].T
        found[f"{layer}.bias"] = arrays[_numbered("dense", number) + "/bias"]
    for number, layer in enumerate(NORMS):
        for ours, theirs in NORM_PARTS.items():
            found[f"{layer}.{ours}"] = arrays[f"{_numbered('batch_normalization', number)}/{theirs}"]
    weights = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in found.items()}
    counters = {name: tensor for name, tensor in Musicnn().state_dict().items() if name.endswith("num_batches_tracked")}
    return weights | counters


def _numbered(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


def test_figures(folder: Path) -> dict[str, float]:
    """ROC-AUC and PR-AUC on the authors' test set, as they stand beside a checkpoint."""
    text = (folder / "experiment.result").read_text(encoding="utf-8")
    roc, precision_recall = (float(number) for number in re.findall(r"AUC: ([\d.]+)", text))
    return {"roc_auc": roc, "pr_auc": precision_recall}


def write(wheel: Path, target: Path) -> None:
    """Write a folder for each model of ``musicnn.toml`` into ``target``, and the licence.

    Raises ``ValueError`` for a checkpoint that is another than the one that was tested.
    """
    (licence,) = wheel.glob("musicnn-*.dist-info/LICENSE.md")
    (target / LICENCE).write_text(licence.read_text(encoding="utf-8"), encoding="utf-8")
    template = (resources.files(__package__) / "card_musicnn.md.j2").read_text(encoding="utf-8")
    card = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined).from_string(template)
    for name, row in table().items():
        source, folder = wheel / "musicnn" / row["checkpoint"], target / name
        data = (source / ".data-00000-of-00001").read_bytes()
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise ValueError(f"{source} is another checkpoint than the one that was tested")
        folder.mkdir(exist_ok=True)
        weights = convert(tensor_bundle.read(f"{source}/"))
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        _write_json(folder / "config.json", {"model_type": "musicnn"})
        rows = tag_rows(row["tags"])
        about = {"domain": row["domain"], "data_set": row["data_set"], "tags": rows}
        _write_json(folder / "tonescope.json", about)
        said = {
            "row": row,
            "tags": rows,
            "figures": test_figures(source),
            "parameters": sum(weight.numel() for key, weight in weights.items() if key.endswith(("weight", "bias"))),
        }
        (folder / "README.md").write_text(card.render(said), encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, required=True, help="the unpacked wheel of musicnn 0.1.0")
    write(parser.parse_args().wheel, Path(str(resources.files("tonescope.models"))) / "embedded")


if __name__ == "__main__":
    main()
