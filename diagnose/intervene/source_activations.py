"""Source activations: what units were in one take, to be put in place of what they are in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location


@dataclass(frozen=True)
class SourceActivations:
    """Activations of one take: per location (branches, steps, along, features), the conditional branch first."""

    values: dict[Location, Tensor]

    def save(self, path: Path) -> None:
        """Write one safetensors file, so that another run, or another model of the same shape, can be patched from
        it."""
        temporary = path.with_name(path.name + ".tmp")
        save_file({str(location): tensor.contiguous() for location, tensor in self.values.items()}, temporary)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> SourceActivations:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` when that holds no activations."""
        try:
            return cls({Location.parse(name): tensor for name, tensor in load_file(path).items()})
        except (OSError, SafetensorError) as error:
            raise TonescopeError(
                f"{path} holds no recorded activations; write one with SourceActivations.save()."
            ) from error
