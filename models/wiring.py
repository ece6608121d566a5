"""What a generator can offer beside its protocol: how its units are wired into one another, read from the weights.

In a transformer every unit writes along one direction of the residual stream, and reads along one. A family that can
say which gives its generator an attribute ``wiring``; one without it is asked nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from tonescope.models.units import Location


class Wiring(Protocol):
    """Directions in the residual stream of the network that plays; those that are read have the gain of the
    normalisation before them in them."""

    def written(self, location: Location) -> Tensor | None:
        """What the units of a location write: (units, features a unit is wide, width); ``None`` where they do not write
        into the stream."""

    def read(self, location: Location) -> Tensor | None:
        """What the units of a location read: (units, width); ``None`` where that is more than one direction, as in
        attention."""

    def heads(self) -> Mapping[str, Tensor]:
        """The output heads by name: (choices, width), with the gain of the last normalisation."""

    def choice(self, head: str, index: int) -> str:
        """What one choice of an output head is called."""


def wiring_of(generator: object) -> Wiring | None:
    """The wiring of a generator; ``None`` for a family that does not say."""
    found: Wiring | None = getattr(generator, "wiring", None)
    return found
