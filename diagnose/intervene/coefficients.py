"""The numbers of edits at one location: ``activation * factor + addend``, for the features that any of them changes.

Activations of a take at a whole location may be gigabytes where a model denoises in many steps. So what is put in is
kept once however many rows it is put into, and where it is large it stays where it is: what a moment needs is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.generator import Generator
from tonescope.models.units import Location

RESIDENT = 256 * 2**20  # bytes at a location that are kept on the device


def union_of_columns(generator: Generator, location: Location, edits: Iterable[Edit]) -> Tensor | None:
    """The features at a location that some edit changes, ascending (features,); ``None`` for all of them."""
    found = torch.cat([edit.columns(generator, location) for edit in {id(edit): edit for edit in edits}.values()])
    return None if len(found := found.unique()) == generator.features(location) else found


class Coefficients:
    """Factors and addends of the *lines* of a location, one (branch, row) each, added in their order.

    Args:
        columns: the features that are edited, ascending; ``None`` for all.
    """

    def __init__(self, generator: Generator, location: Location, columns: Tensor | None) -> None:
        self.generator, self.location = generator, location
        self.columns = torch.arange(generator.features(location)) if columns is None else columns
        self._puts: dict[tuple[int, int], int] = {}  # which addend an edit has in a branch
        self._addends: list[Tensor] = []  # (steps or 1, along or 1, features) each
        self._factors: list[Tensor] = []
        self._of_line: list[int] = []
        self._ready: tuple[Tensor, Tensor, Tensor | None] | None = None

    def add(self, edit: Edit, branch: int, means: MeanActivations | None) -> None:
        """One more line."""
        key = (id(edit), branch)
        if key not in self._puts:
            self._puts[key] = len(self._addends)
            mine = edit.columns(self.generator, self.location).sort().values
            self._factors.append(self._factor(edit, mine))
            self._addends.append(self._addend(edit, mine, branch, means))
        self._of_line.append(self._puts[key])

    def _factor(self, edit: Edit, mine: Tensor) -> Tensor:
        full = edit.value if edit.kind == "scale" else 0.0  # the factor at strength 1
        factor = torch.ones(len(self.columns))
        factor[torch.searchsorted(self.columns, mine)] = 1 + edit.strength * (full - 1)
        return factor

    def _addend(self, edit: Edit, mine: Tensor, branch: int, means: MeanActivations | None) -> Tensor:
        filling = edit.given(self.location, means)
        if edit.kind == "set":
            put = torch.full((1, 1, len(mine)), edit.value)
        elif filling is None:
            return torch.zeros(1, 1, len(self.columns))
        else:
            put = filling.of(branch, mine).float()
        put = put if edit.strength == 1 else put * edit.strength
        if len(mine) == len(self.columns):
            return put
        wide = torch.zeros(*put.shape[:2], len(self.columns))
        wide[..., torch.searchsorted(self.columns, mine)] = put
        return wide

    def _on_device(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Which addend each line has (lines,); factors (addends, 1, 1, features); and addends (addends, steps, along,
        features), where those are small."""
        if self._ready is None:
            device, dtype = self.generator.device, self.generator.activation_dtype(self.location)
            steps, along = (max(put.shape[axis] for put in self._addends) for axis in (0, 1))
            size = 4 * len(self._addends) * steps * along * len(self.columns)
            stacked = None
            if size <= RESIDENT:
                stacked = torch.zeros(len(self._addends), steps, along, len(self.columns))
                for index, put in enumerate(self._addends):
                    put = put.expand(-1, along, -1) if put.shape[1] == 1 else put
                    stacked[index, :, : put.shape[1]] = put
                stacked = stacked.to(device, dtype)
            of_line = torch.tensor(self._of_line, dtype=torch.long, device=self.generator.device)
            self._ready = of_line, torch.stack(self._factors)[:, None, None].to(device, dtype), stacked
        return self._ready

    def applied(self, before: Tensor, lines: Tensor, when: slice, positions: Tensor) -> Tensor:
        """What becomes of ``before`` (lines, steps, along, features).

        Args:
            lines: which lines those are.
            when: the steps that the tensor holds.
            positions: the position in a source that belongs to each position here (along,); beyond its end the last.
        """
        of_line, factors, stacked = self._on_device()
        which = of_line[lines]
        if stacked is None:
            addend = torch.stack([self._fetched(self._addends[put], before, when, positions) for put in which.tolist()])
        else:
            addend = stacked[which]
            if addend.shape[1] > 1:
                addend = addend[:, when]
            if addend.shape[2] > 1:
                addend = addend[:, :, positions.clamp_max(addend.shape[2] - 1)]
        return before * factors[which] + addend

    def _fetched(self, put: Tensor, before: Tensor, when: slice, positions: Tensor) -> Tensor:
        """Of an addend (steps or 1, along or 1, features) what a moment needs, as wide as ``before`` is."""
        steps, along = before.shape[1:3]
        put = put[when] if put.shape[0] > 1 else put
        if put.shape[1] > 1:
            put = put[:, positions.to(put.device).clamp_max(put.shape[1] - 1)]
        return put.expand(steps, along, -1).to(before.device, before.dtype)
