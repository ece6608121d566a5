"""Interventions: change units and see what comes out. Every edit proves that it fired and that it changed what it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..models.errors import TonescopeError
from ..models.generator import Generator, Sampling, Takes
from ..models.hooks import Hook, write
from ..models.units import Location, Unit
from .reference import Reference


@dataclass(frozen=True)
class Edit:
    """What becomes of a group of units: put to their reference ``mean``, multiplied (``scale``), or ``set`` to a value.

    Scaling by 0 is zero ablation.
    """

    units: tuple[Unit, ...]
    kind: Literal["mean", "scale", "set"] = "mean"
    value: float = 0.0


class _Affine:
    """At one location: multiply and add, row by row. Rows without an edit pass through untouched, bit for bit."""

    def __init__(
        self,
        generator: Generator,
        location: Location,
        edits: dict[int, Edit],
        rows: int,
        branches: int,
        reference: Reference | None,
    ) -> None:
        self.location, width, features = location, generator.head_width(location), generator.features(location)
        factor, addend = torch.ones(branches, rows, 1, features), torch.zeros(branches, rows, 1, features)
        for row, edit in edits.items():
            wanted = [unit.index for unit in edit.units if unit.location == location]
            columns = torch.tensor([index * width + offset for index in wanted for offset in range(width)])
            if edit.kind == "mean":
                if reference is None or location not in reference.means:
                    raise ValueError(f"no reference mean for {location}")
                factor[:, row, 0, columns] = 0.0
                addend[:, row, 0, columns] = reference.means[location][:branches, columns]
            elif edit.kind == "set":
                factor[:, row, 0, columns] = 0.0
                addend[:, row, 0, columns] = edit.value
            else:
                factor[:, row, 0, columns] = edit.value
        device, dtype = generator.model.device, generator.model.dtype
        self.touched = torch.tensor([branch * rows + row for branch in range(branches) for row in edits], device=device)
        self.factor = factor.flatten(0, 1).to(device, dtype)[self.touched]
        self.addend = addend.flatten(0, 1).to(device, dtype)[self.touched]
        self.changed = torch.zeros(branches, len(edits), dtype=torch.bool, device=device)

    def __call__(self, tensor: Tensor) -> Tensor:
        edited = tensor[self.touched] * self.factor + self.addend
        self.changed |= (edited != tensor[self.touched]).flatten(1).any(1).view_as(self.changed)
        return tensor.index_copy(0, self.touched, edited)


@dataclass(frozen=True)
class Edits:
    """Edits for the rows of one batch (``None`` leaves a row alone), ready to be hooked."""

    affines: tuple[_Affine, ...]
    hooks: tuple[Hook, ...]

    def check(self) -> None:
        """Raise :class:`TonescopeError` when an edit left its target as it was."""
        for affine in self.affines:
            if not bool(
                affine.changed.any(0).all()
            ):  # one branch will do: without a prompt, cross-attention is zero already
                raise TonescopeError(
                    f"an intervention at {affine.location} changed nothing, so its result would mean nothing; choose units that are active, or another value."
                )


def prepare(
    generator: Generator, edits: Sequence[Edit | None], guidance: float, reference: Reference | None = None
) -> Edits:
    """Hooks that edit each row of a batch in its own way, in both guidance branches."""
    by_location: dict[Location, dict[int, Edit]] = defaultdict(dict)
    for row, edit in enumerate(edits):
        for location in {unit.location for unit in edit.units} if edit else ():
            by_location[location][row] = edit  # type: ignore[assignment]
    branches = 2 if guidance > 1 else 1
    affines = tuple(
        _Affine(generator, location, rows, len(edits), branches, reference)
        for location, rows in sorted(by_location.items())
    )
    return Edits(affines, tuple(write(generator.place(affine.location), affine) for affine in affines))


def regenerate(
    generator: Generator,
    prompts: Sequence[str],
    seeds: Sequence[int],
    edits: Sequence[Edit | None],
    seconds: float,
    sampling: Sampling,
    reference: Reference | None,
    rows: int = 16,
) -> Takes:
    """Generate with one edit a row, ``rows`` at a time, on the noise of ``seeds``."""
    done = []
    for start in range(0, len(seeds), rows):
        part = slice(start, start + rows)
        prepared = prepare(generator, edits[part], sampling.guidance, reference)
        done.append(generator.generate(prompts[part], seeds[part], seconds, sampling, prepared.hooks))
        prepared.check()
    return Takes(
        tuple(prompts),
        tuple(seeds),
        torch.cat([takes.codes for takes in done]),
        torch.cat([takes.waveform for takes in done]),
    )


def matched_controls(
    units: Sequence[Unit], activity: dict[Location, Tensor], seed: int, nearest: int = 12
) -> tuple[Unit, ...]:
    """As many random other units, each from the same location and about as active as the one it stands for."""
    random = np.random.default_rng(seed)
    taken = set(units)
    chosen = []
    for unit in units:
        level = activity[unit.location]
        order = (level - level[unit.index]).abs().argsort().tolist()
        candidates = [Unit(unit.location, index) for index in order if Unit(unit.location, index) not in taken][
            :nearest
        ]
        if not candidates:
            continue
        pick = candidates[random.integers(len(candidates))]
        taken.add(pick)
        chosen.append(pick)
    return tuple(chosen)
