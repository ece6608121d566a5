"""The places of a generator as far as its files tell them before weights are loaded. Nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tonescope.models.errors import TonescopeError
from tonescope.models.sites import SITES, Site
from tonescope.models.units import Location, Unit

Key = tuple[str, str]
"""Network and name of a site."""

_SITES = {site.key: (site.network, site.name) for site in SITES}


def no_location(name: str, location: Location, why: str | None = None) -> TonescopeError:
    """The refusal of a location that a model has not; ``why``, and what to look at instead, where that is known."""
    return TonescopeError(
        f"{name} has no location {location}" + (f": {why}." if why else "; `tonescope units` lists those it has.")
    )


def no_unit(name: str, unit: Unit, count: int) -> TonescopeError:
    """The refusal of a unit beyond the ``count`` that its location has."""
    return TonescopeError(f"{unit.location} of {name} has units 0 to {count - 1}, so there is no {unit}.")


def check_written(names: Sequence[str]) -> None:
    """Raise :class:`TonescopeError` for the first name that is no site, location or unit of any model."""
    for name in names:
        _parsed(name.strip())


def _parsed(name: str, sites: Sequence[Site] = SITES) -> tuple[Location, int | None]:
    """A location, and the number of a unit where one is meant; of a site its first location. ``sites`` are told to who
    names something else."""
    if name in _SITES:
        network, site = _SITES[name]
        return Location(network, 0, site), None  # type: ignore[arg-type]
    if ":" in name:
        unit = Unit.parse(name, sites)
        return unit.location, unit.index
    return Location.parse(name, sites), None


@dataclass(frozen=True)
class Outline:
    """What places a generator has.

    Attributes:
        name: what the user called it.
        layers: how many layers a site has, ``None`` where files do not tell; a site that is absent the model lacks.
        units: how many units there are at each location of a site, where files tell.
        lacks: why a site that other families have does not exist here, and what to look at instead.
    """

    name: str
    layers: Mapping[Key, int | None]
    units: Mapping[Key, int] = field(default_factory=dict)
    lacks: Mapping[Key, str] = field(default_factory=dict)

    def check(self, names: Sequence[str]) -> None:
        """Raise :class:`TonescopeError` for the first place that the model is known not to have."""
        sites = [site for site in SITES if self.layers.get((site.network, site.name), 0) != 0]
        for name in names:
            location, index = _parsed(name.strip(), sites)
            key = (location.network, location.name)
            layers, units = self.layers.get(key, 0), self.units.get(key)
            if layers is not None and location.layer >= layers:
                raise no_location(self.name, location, self.lacks.get(key))
            if index is not None and units is not None and index >= units:
                raise no_unit(self.name, Unit(location, index), units)
