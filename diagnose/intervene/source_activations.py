"""Source activations: what units were in one take, to be put in place of what they are in another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location

_COLUMNS = "/columns"  # what is added to the name of a location for the features that are kept of it


@dataclass(frozen=True)
class SourceActivations:
    """Activations of one take.

    Attributes:
        values: per location (branches, steps, along, features), the conditional branch first.
        columns: per location which of its features ``values`` holds, ascending (features,); all of them, where absent.
    """

    values: dict[Location, Tensor]
    columns: dict[Location, Tensor] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write one safetensors file, so that another run, or another model of the same shape, can be patched from
        it."""
        temporary = path.with_name(path.name + ".tmp")
        tensors = {str(location): tensor.contiguous() for location, tensor in self.values.items()}
        tensors |= {f"{location}{_COLUMNS}": columns.contiguous() for location, columns in self.columns.items()}
        save_file(tensors, temporary)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> SourceActivations:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` when that holds no activations."""
        try:
            kept: tuple[dict[Location, Tensor], dict[Location, Tensor]] = {}, {}
            for name, tensor in load_file(path).items():
                kept[name.endswith(_COLUMNS)][Location.parse(name.removesuffix(_COLUMNS))] = tensor
            return cls(*kept)
        except (OSError, SafetensorError) as error:
            raise TonescopeError(
                f"{path} holds no recorded activations; write one with SourceActivations.save()."
            ) from error


@dataclass(frozen=True)
class Filling:
    """What an edit puts in at one location.

    Attributes:
        values: (branches, steps, features) for means, or (branches, steps, along, features).
        columns: which features of the location those are, ascending; all of them, where absent.
    """

    values: Tensor
    columns: Tensor | None = None

    def holds(self, wanted: Tensor) -> bool:
        """Whether all these features (features,) are there."""
        here = self.columns
        return bool(torch.isin(wanted, here).all()) if here is not None else int(wanted.max()) < self.values.shape[-1]

    def of(self, branch: int, wanted: Tensor) -> Tensor:
        """(steps, along or 1, features) of a branch, the features in the order of ``wanted``; nothing is copied where
        they are those that are held."""
        put = self.values[branch]
        put = put[:, None] if put.ndim == 2 else put
        if self.columns is not None:
            at = torch.searchsorted(self.columns, wanted)
            return put if len(at) == len(self.columns) else put[..., at]
        return put if len(wanted) == put.shape[-1] else put[..., wanted]
