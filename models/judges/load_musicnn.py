"""From a folder to a musicnn tagger, and every refusal on the way."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tonescope.models import metadata
from tonescope.models.checkpoints import headers, size
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.musicnn import Musicnn, MusicnnTagger, Sizes
from tonescope.models.judges.tagger import Tag

# Where a weight states a number of the network.
STATED = {
    "timbral": "timbral.0.conv.bias",
    "temporal": "temporal.0.conv.bias",
    "middle": "middle.0.conv.bias",
    "hidden": "hidden.conv.bias",
    "tags": "output.bias",
}
MOST = 100_000_000  # numbers in all weights; the authors' largest model has 8 million


def load(folder: Path, name: str, device: str) -> MusicnnTagger:
    """Load a musicnn tagger, in single precision.

    Raises :class:`TonescopeError` for weights that are another network's, or that do not fit the tags of the folder.
    """
    header, about = headers.of_model(folder, name), metadata.read(folder)
    if header is None or not (folder / headers.WEIGHTS_FILE).is_file():
        raise _refuse(name, f"it has no {headers.WEIGHTS_FILE}")
    lost = [weight for weight in STATED.values() if len(header.shapes.get(weight, ())) != 1]
    if lost or header.elements > MOST:
        raise _refuse(name, f"its weights are no musicnn's ({lost[0]} is missing)" if lost else "it is far too large")
    sizes = Sizes(**{field: header.shapes[weight][0] for field, weight in STATED.items()})
    if len(about.tags) != sizes.tags:
        raise _refuse(name, f"{metadata.METADATA_FILE} names {len(about.tags)} tags and its weights have {sizes.tags}")
    size.check_memory(name, header.bytes(4), header.elements, torch.float32, device)
    with torch.device("meta"):
        model = Musicnn(sizes)
    wanted = {key: tuple(weight.shape) for key, weight in model.state_dict().items()}
    held = header.shapes
    if wrong := sorted(key for key in wanted.keys() | held.keys() if wanted.get(key) != held.get(key)):
        raise _refuse(name, f"its weights are no musicnn's ({wrong[0][:80]} is missing, too many, or of another shape)")
    weights = load_file(folder / headers.WEIGHTS_FILE)
    model.load_state_dict({key: _whole(weight) for key, weight in weights.items()}, assign=True)
    if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
        raise _refuse(name, "its weights are not all numbers")
    tags = [Tag(row.tag, row.kind, row.means, row.family) for row in about.tags]
    return MusicnnTagger(model.to(device), tags, name, domain=about.domain, about=about.data_set)


def _whole(weight: torch.Tensor) -> torch.Tensor:
    return weight.float() if weight.is_floating_point() else weight


def _refuse(name: str, why: str) -> TonescopeError:
    return TonescopeError(f"{name} could not be loaded as a tagger: {why}; give the folder of a whole musicnn model.")
