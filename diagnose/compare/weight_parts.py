"""A model's weights by location, and the graft: the weights of some locations of one model put into another.

A weight belongs to the location whose module it shares the longest path with, within one layer: ``fc1`` stands beside
``fc2``, whose input the neurons are, and ``self_attn.q_proj`` beside ``self_attn.out_proj``. What is in no layer is a
part of its own, named by its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tonescope.models.generator import Generator
from tonescope.models.units import Location

ORDER = ("mlp", "self", "cross")  # which of a layer's places gets what is near none of them, the first that is there
REST_DEPTH = 2  # parts of a path that name what is in no layer


@dataclass(frozen=True)
class Part:
    """Some weights, by name: those of a location, or of what is in none.

    ``change`` is how far they differ between two models, as a share of their size.
    """

    name: str
    weights: tuple[str, ...]
    location: Location | None = None
    change: float = 0.0


@dataclass(frozen=True)
class _Place:
    """A location and its module's path, cut at its layer's number."""

    location: Location
    layer: tuple[str, ...]
    within: tuple[str, ...]


def parts_of(generator: Generator) -> list[Part]:
    """All weights and buffers of a model, each in one part; nothing, for a model that is no one module."""
    model = generator.model
    if not isinstance(model, nn.Module):
        return []
    places = _places(generator)
    by_part: dict[str, list[str]] = {}
    locations: dict[str, Location | None] = {}
    for name in model.state_dict():
        path = tuple(name.split("."))
        found = _owner(path, places)
        part = str(found) if found is not None else ".".join(path[:REST_DEPTH])
        by_part.setdefault(part, []).append(name)
        locations[part] = found
    return [Part(part, tuple(names), locations[part]) for part, names in by_part.items()]


def _places(generator: Generator) -> list[_Place]:
    paths = {id(module): name for name, module in generator.model.named_modules()}
    found = []
    for location in generator.locations():
        path = paths.get(id(generator.place(location).module))
        parts = tuple(path.split(".")) if path else ()
        number = next((at for at, part in enumerate(parts) if part.isdigit()), None)
        if number is not None:
            found.append(_Place(location, parts[: number + 1], parts[number + 1 :]))
    return found


def _owner(path: tuple[str, ...], places: Sequence[_Place]) -> Location | None:
    """The location that a weight belongs to; ``None`` for one that is in no layer."""
    best: tuple[tuple[int, int, int], Location] | None = None
    for place in places:
        size = len(place.layer)
        if path[:size] != place.layer:
            continue
        rest = path[size:]
        shared = _common(rest, place.within)
        beside = "".join(rest[shared : shared + 1]), "".join(place.within[shared : shared + 1])
        name = place.location.name
        rank = shared, _common(*beside), -(ORDER.index(name) if name in ORDER else len(ORDER))
        if best is None or rank > best[0]:
            best = rank, place.location
    return best[1] if best else None


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How long two sequences are the same."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def same_shape(first: Generator, second: Generator) -> bool:
    """Whether two models have the same weights, by name and shape, so that those of one fit into the other."""
    if not (isinstance(first.model, nn.Module) and isinstance(second.model, nn.Module)):
        return False
    return {name: tensor.shape for name, tensor in first.model.state_dict().items()} == {
        name: tensor.shape for name, tensor in second.model.state_dict().items()
    }


@torch.no_grad()
def changed_parts(first: Generator, second: Generator) -> list[Part]:
    """The parts in which two models of one shape differ, with how far, the most first."""
    before, after = first.model.state_dict(), second.model.state_dict()
    found = []
    for part in parts_of(first):
        pairs = [(before[name].float(), after[name].float()) for name in part.weights]
        moved = sum(float((new.to(old.device) - old).square().sum()) for old, new in pairs)
        if moved > 0:
            size = sum(float(old.square().sum()) for old, _ in pairs)
            found.append(Part(part.name, part.weights, part.location, (moved / max(size, 1e-24)) ** 0.5))
    return sorted(found, key=lambda part: -part.change)


@contextmanager
def grafted(target: Generator, source: Generator, parts: Sequence[Part]) -> Iterator[None]:
    """Within the block ``target`` has the weights of ``source`` in some parts; after it, however it ends, its own."""
    here: Mapping[str, Tensor] = target.model.state_dict()
    there: Mapping[str, Tensor] = source.model.state_dict()
    names = [name for part in parts for name in part.weights]
    kept = {name: here[name].clone() for name in names}
    try:
        with torch.no_grad():
            for name in names:
                here[name].copy_(there[name])
        yield
    finally:
        with torch.no_grad():
            for name, tensor in kept.items():
                here[name].copy_(tensor)
