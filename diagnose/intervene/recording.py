"""Recording: finished takes are passed through once more, and what units did is caught on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.coefficients import union_of_columns
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.hooks import hooked, read
from tonescope.models.layout import Pieces
from tonescope.models.units import Location, Unit

T = TypeVar("T")
ROWS = 4  # takes that are replayed together


def batches(generator: Generator, takes: Takes) -> list[list[int]]:
    """Rows of takes that are replayed together."""
    groups = generator.batches(takes.prompts)
    return [group[start : start + ROWS] for group in groups for start in range(0, len(group), ROWS)]


@torch.no_grad()
def watch(
    context: Context,
    takes: Takes,
    rows: Sequence[int],
    locations: Sequence[Location],
    reduce: Callable[[Location, Tensor], T],
    *,
    piece: Callable[[Location, Tensor], Tensor] | None = None,
) -> tuple[dict[Location, T], tuple[tuple[str, ...], ...]]:
    """Pass one batch of finished takes through the model, and reduce the activations at some locations.

    Args:
        takes: the batch; its prompts may share one (:func:`batches`).
        rows: the indices of these takes in the whole, so that edits in force around this call meet their own rows.
        reduce: is given a location and its activations (takes, branches, steps, along, features), on the device, once
            all steps and sides have passed.
        piece: what is kept, until then, of activations of the same axes that hold a few steps or one side; all, if
            absent.

    Returns:
        What ``reduce`` gave for each location, and the tokens of each take's prompt.
    """
    generator, guidance = context.generator, context.guidance
    seen: dict[Location, T] = {}

    def look(location: Location) -> Callable[[Tensor], None]:
        pieces = Pieces(generator.steps(location), partial(piece, location) if piece else None)

        def keep(tensor: Tensor) -> None:
            whole = pieces.add(generator.layout(location, guidance), tensor)
            if whole is not None:
                seen[location] = reduce(location, whole)

        return keep

    hooks = [read(generator.place(location), look(location)) for location in locations]
    with hooked(hooks), generator.working_on(torch.tensor(list(rows))):
        text = generator.run(takes, context.sampling, locations)
    return seen, text.tokens


class NotANumber(TonescopeError):
    """An activation that is none."""


def finite(location: Location, tensor: Tensor) -> Tensor:
    """The tensor. Raises :class:`NotANumber` for one that is not a number in places."""
    if not torch.isfinite(tensor).all():
        raise NotANumber(
            f"{location} is not a number in places, so the recording would mean nothing; "
            "load the model in float32 (half precision overflows) or check its weights."
        )
    return tensor


def columns_of(generator: Generator, targets: Iterable[Unit | Location]) -> dict[Location, Tensor | None]:
    """By location, the features that any of some targets has there, ascending (features,); ``None`` for all of them."""
    by_place: dict[Location, list[Unit | Location]] = {}
    for target in targets:
        by_place.setdefault(target.location if isinstance(target, Unit) else target, []).append(target)
    return {place: union_of_columns(generator, place, [Edit(tuple(here))]) for place, here in sorted(by_place.items())}


def source_bytes(generator: Generator, targets: Iterable[Unit | Location], guidance: float, frames: int) -> int:
    """About how many bytes the activations of one take are, as :func:`activations` keeps them; of texts, which are
    short, none are counted."""
    return sum(
        4
        * len(generator.branches(place, guidance))
        * generator.steps(place)
        * generator.along(place, frames, 0)
        * (generator.features(place) if columns is None else len(columns))
        for place, columns in columns_of(generator, targets).items()
    )


def activations(context: Context, takes: Takes, targets: Sequence[Unit | Location]) -> list[SourceActivations]:
    """What some units, or everything at some locations, did: one object a take, to patch from. Nothing is kept of other
    units.

    Raises:
        TonescopeError: an activation is not a number.
    """
    columns, found = columns_of(context.generator, targets), dict[int, SourceActivations]()

    def piece(location: Location, tensor: Tensor) -> Tensor:
        chosen = columns[location]
        return (tensor if chosen is None else tensor[..., chosen.to(tensor.device)]).cpu()

    for rows in batches(context.generator, takes):
        seen, _ = watch(context, takes.pick(rows), rows, list(columns), finite, piece=piece)
        for position, row in enumerate(rows):
            found[row] = SourceActivations(
                {location: tensor[position] for location, tensor in seen.items()},
                {location: chosen for location, chosen in columns.items() if chosen is not None},
            )
    return [found[row] for row in range(len(takes))]


def shuffled(sources: Sequence[SourceActivations], seed: int) -> list[SourceActivations]:
    """For each take, what a random other one did: the sources of a resample ablation (Chan et al. 2022).

    Raises :class:`TonescopeError` when there is no other take.
    """
    if len(sources) < 2:
        raise TonescopeError("resampling takes from another take, and there is only one; record two takes or more.")
    shift = 1 + int(np.random.default_rng(seed).integers(len(sources) - 1))
    return [sources[(row + shift) % len(sources)] for row in range(len(sources))]
