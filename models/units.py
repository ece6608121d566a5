"""Addresses: where in a generator one can point.

A *location* is a place in a network (``decoder.3.mlp``); a *unit* is one scalar there, or one head
(``decoder.3.mlp:117``). The string forms are injective, parse strictly, and are the same in code, links, files,
reports and logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tonescope.models.errors import TonescopeError
from tonescope.models.sites import BY_NAME, SITES, Network, Site

_NETWORKS = "|".join(dict.fromkeys(site.network for site in SITES))
_LOCATION = re.compile(rf"({_NETWORKS})\.(0|[1-9][0-9]{{0,3}})\.([a-z]+)")
_UNIT = re.compile(r"(.+):(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, order=True)
class Location:
    """A place in a network: ``decoder.3.mlp``.

    Whether a model has it, that model says (:meth:`tonescope.models.generator.Generator.place`).

    Attributes:
        network: the part of the generator.
        layer: counted from 0.
        name: that of the site in its network: ``mlp``.
    """

    network: Network
    layer: int
    name: str

    def __str__(self) -> str:
        return f"{self.network}.{self.layer}.{self.name}"

    @property
    def site(self) -> Site:
        """The row of :data:`tonescope.models.sites.SITES` that says what is here."""
        return BY_NAME[self.network, self.name]

    @classmethod
    def parse(cls, text: str, sites: Iterable[Site] = SITES) -> Location:
        """Inverse of ``str``. Raises :class:`TonescopeError`, with the ``sites`` there are, for anything ``str`` cannot
        give."""
        match = _LOCATION.fullmatch(text)
        if not match or (match[1], match[3]) not in BY_NAME:
            known = ", ".join(f"{site.network}.LAYER.{site.name}" for site in sites)
            raise TonescopeError(f"“{text}” is not a location: they read {known} (for example decoder.3.mlp).")
        return cls(match[1], int(match[2]), match[3])  # type: ignore[arg-type]


@dataclass(frozen=True, order=True)
class Unit:
    """One unit at a location: ``decoder.3.mlp:117``.

    Attributes:
        location: where it is.
        index: counted from 0, in units of the site: the number of the head, not of its first feature.
    """

    location: Location
    index: int

    def __str__(self) -> str:
        return f"{self.location}:{self.index}"

    @classmethod
    def parse(cls, text: str, sites: Iterable[Site] = SITES) -> Unit:
        """Inverse of ``str``. Raises :class:`TonescopeError`, as a location does, for anything ``str`` cannot give."""
        match = _UNIT.fullmatch(text)
        if not match:
            raise TonescopeError(
                f"“{text}” is not a unit: write a location, a colon and a number (for example decoder.3.mlp:117)."
            )
        return cls(Location.parse(match[1], sites), int(match[2]))
