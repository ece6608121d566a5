"""What is compared: from two names to two models, or two folders of takes; what cannot be is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from tonescope.models import loading
from tonescope.models.checkpoints.folders import ADAPTER_CONFIG_FILE
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes

CONFIGS = ("config.json", "model_index.json")
MOST_DIFFERENT = 1e-3  # of full scale, that the same codes may sound apart in two codecs that are one


@dataclass(frozen=True)
class Named:
    """One side as it was named: a model, with an adapter on top or not, or a folder of sound."""

    name: str
    model: str = ""
    adapter: str | None = None
    folder: Path | None = None

    def opened(self, device: str, dtype: str = "float32") -> Generator:
        """The model. Raises :class:`TonescopeError` for what is none."""
        return loading.load_generator(self.model, device, dtype, self.adapter)


def named_sides(first: str, second: str, adapter: str | None = None) -> tuple[Named, Named]:
    """Both sides. B may be a folder that holds an adapter alone, which is put on A's model.

    Raises :class:`TonescopeError` for a model beside a folder of sound, and for one thing twice.
    """
    one, other = _named(first), _named(second)
    if one.adapter is not None:
        raise TonescopeError(
            f"{first} holds an adapter and no model, so there is nothing to put it on; name the model first and the "
            "adapter second."
        )
    if (one.folder is None) != (other.folder is None):
        folder, model = (first, second) if one.folder is not None else (second, first)
        raise TonescopeError(
            f"{folder} is a folder of sound and {model} is a model, which cannot be compared; name two models, or two "
            "folders of takes."
        )
    if adapter is not None:
        if one.folder is not None:
            raise TonescopeError("--adapter is put on a model, and two folders of sound are compared; leave it out.")
        if other.adapter is not None:
            raise TonescopeError(f"{second} is an adapter already; leave --adapter out.")
        other = Named(f"{second} with {adapter}", other.model, adapter)
    elif other.adapter is not None:
        other = Named(f"{one.model} with {other.adapter}", one.model, other.adapter)
    if (one.model, one.adapter, one.folder) == (other.model, other.adapter, other.folder):
        raise TonescopeError("both names are of one and the same thing, so nothing can differ; name two.")
    return one, other


def _named(name: str) -> Named:
    if not name.strip():
        raise TonescopeError("one of the two names is empty; name a model, or a folder of takes.")
    path = Path(name).expanduser()
    if not path.is_dir():
        return Named(name, model=name)
    if any((path / config).is_file() for config in CONFIGS):
        return Named(name, model=name)
    if (path / ADAPTER_CONFIG_FILE).is_file():
        return Named(name, adapter=name)
    return Named(name, folder=path)


def same_codes(first: Generator, second: Generator, takes: Takes) -> str:
    """Why takes of A mean nothing to B, in a sentence; empty where they sound there as they do in A."""
    few = takes.rows(0, 1)
    if type(first) is not type(second):
        return (
            f"{first.name} and {second.name} are of different families, so no take of one can be replayed in the other."
        )
    lengths = {
        name: tensor.shape[1:]
        for name, tensor in second.random_takes(few.prompts[0], _seconds(first, few)).state.items()
    }
    if lengths != {name: tensor.shape[1:] for name, tensor in few.state.items()}:
        return f"Takes of {second.name} are made of something else than those of {first.name}, so none can be replayed."
    try:
        there = _sound(second, few)
    except (IndexError, RuntimeError, ValueError):
        return f"Takes of {first.name} cannot be replayed in {second.name}, whose codes are others."
    if there.shape != few.waveform.shape or float((there - _sound(first, few)).abs().max()) > MOST_DIFFERENT:
        return f"{first.name} and {second.name} have different codecs: the same codes are other sounds there."
    return ""


def _seconds(generator: Generator, takes: Takes) -> float:
    return generator.frames_of(takes) / generator.frame_rate


@torch.no_grad()
def _sound(generator: Generator, takes: Takes) -> torch.Tensor:
    """What a model's codec makes of takes."""
    return generator.channels(takes).mean(1).float().cpu()
