"""The units of a judge: what a judge can offer beside its protocol, so that it can be looked into as well."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.hooks import Place
from tonescope.models.judges.judge import Judge
from tonescope.models.layout import Layout
from tonescope.models.units import Location, Unit


class Places(Protocol):
    """Addresses of a model; :class:`tonescope.models.anatomy.Anatomy` has these, and so has every generator."""

    name: str

    def locations(self, *keys: str) -> list[Location]:
        """Every location, or those of the named sites."""

    def location(self, text: str) -> Location:
        """Parse a location and check that the model has it."""

    def unit(self, text: str) -> Unit:
        """Parse a unit and check that the model has it."""

    def place(self, location: Location) -> Place:
        """The module and side at a location."""

    def units(self, location: Location) -> int:
        """Number of units there."""

    def head_width(self, location: Location) -> int:
        """Features that one unit is wide."""

    def layout(self, location: Location, guidance: float) -> Layout:
        """How the tensor that passes through a location right now is arranged."""


@runtime_checkable
class Timed(Protocol):
    """The optional part of places whose positions are not in the order of time."""

    def moments(self, location: Location, along: int) -> Tensor:
        """How far into the sound that is heard at once each of so many positions is, 0 to 1 (along,)."""


def moments_of(places: object, location: Location, along: int) -> Tensor:
    """How far into what passes each position is, 0 to 1 (along,): evenly, where the places say nothing else."""
    if isinstance(places, Timed):
        return places.moments(location, along)
    return (torch.arange(along) + 0.5) / along


def places_of(judge: Judge) -> Places:
    """The places of a judge. Raises :class:`TonescopeError` for one that shows nothing of its inside."""
    found: Places | None = getattr(judge, "places", None)
    if found is None:
        raise TonescopeError(
            f"{judge.name} shows no units of its own ({judge.description}); name a CLAP with --judge, "
            "or look at units of the generator."
        )
    return found
