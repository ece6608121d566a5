"""The addresses of a model: which locations it has, which module each one is, and how many units are there.

Families that are torch modules build on this: they say in a table where each site is, and how wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from tonescope.models.errors import TonescopeError
from tonescope.models.fingerprint import fingerprint
from tonescope.models.hooks import Place, compiled
from tonescope.models.outline import Key, no_location, no_unit
from tonescope.models.sites import ATTRIBUTED, SITES, Site
from tonescope.models.units import Location, Unit

_COMPILED = (
    "{} cannot be watched because the model was compiled and compiled code skips hooks; "
    "load the model without torch.compile."
)


def refuse_compiled(module: nn.Module, name: object) -> None:
    """Raise :class:`TonescopeError` for a module whose calls would skip hooks."""
    if compiled(module):
        raise TonescopeError(_COMPILED.format(name))


class Anatomy:
    """A model and the places in it.

    Args:
        model: put into evaluation mode; its weights are frozen.
        name: what the user called it.
        paths: dotted module path of each site, ``{}`` for the layer.
        lacks: why a site that other families have does not exist here, and what to look at instead.
    """

    def __init__(self, model: nn.Module, name: str, paths: Mapping[Key, str], lacks: Mapping[Key, str]) -> None:
        self.model, self.name = model.eval(), name
        self._paths, self._lacks = dict(paths), dict(lacks)
        self._features: dict[Location, int] = {}
        refuse_compiled(model, name)
        model.requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Its precision."""
        return next(self.model.parameters()).dtype

    def activation_dtype(self, location: Location) -> torch.dtype:
        """The precision of the activations at a location: by default the model's own."""
        return self.dtype

    def fingerprint(self) -> str:
        """Tells apart models that share a name: a stretch of every weight."""
        return fingerprint(self.model)

    # --- which there are ---------------------------------------------------------------------------------------------

    def locations(self, *keys: str) -> list[Location]:
        """Every location of the model, or those of the named sites (``decoder.mlp``) that it has, by layer.

        Raises :class:`TonescopeError` for a site that no model has.
        """
        known = {site.key for site in SITES}
        if strange := [key for key in keys if key not in known]:
            own = ", ".join(site.key for site in self._sites())
            raise TonescopeError(f"“{strange[0][:60]}” is no site; those of {self.name} are {own}.")
        return [location for site in SITES if not keys or site.key in keys for location in self._layers(site)]

    def _layers(self, site: Site) -> list[Location]:
        found = [Location(site.network, 0, site.name)]
        while self._at(found[-1]):
            found.append(Location(site.network, len(found), site.name))
        return found[:-1]

    def asked(self, keys: Sequence[str]) -> list[Location]:
        """Like :meth:`locations`, but every site in ``keys`` has to be there.

        Raises :class:`TonescopeError` for a site that this model lacks, and where ``keys`` is empty.
        """
        if not keys:
            raise TonescopeError(
                f"no site was named, so there is nowhere to look; name at least one, such as {self._first()}."
            )
        found = self.locations(*keys)
        for site in SITES:
            if site.key in keys and not any(location.site == site for location in found):
                self.place(Location(site.network, 0, site.name))
        return found

    def location(self, text: str) -> Location:
        """Parse a location and check that this model has it."""
        location = Location.parse(text, self._sites())
        self.place(location)
        return location

    def unit(self, text: str) -> Unit:
        """Parse a unit and check that this model has it."""
        unit = Unit.parse(text, self._sites())
        self.check_unit(unit)
        return unit

    def check_unit(self, unit: Unit) -> None:
        """Raise :class:`TonescopeError` for a unit that this model does not have."""
        count = self.units(unit.location)
        if not 0 <= unit.index < count:
            raise no_unit(self.name, unit, count)

    def _sites(self) -> list[Site]:
        """The sites that this model has."""
        present = {location.site for location in self.locations()}
        return [site for site in SITES if site in present]

    def _first(self) -> str:
        """A site to name as an example: the first that effects are estimated at."""
        return next((location.site.key for location in self.locations(*ATTRIBUTED)), ATTRIBUTED[0])

    # --- where they are ----------------------------------------------------------------------------------------------

    def place(self, location: Location) -> Place:
        """The module and side at a location. Raises :class:`TonescopeError` when the model has no such location."""
        way = self._at(location)
        if not way:
            raise no_location(self.name, location, self._lacks.get((location.network, location.name)))
        for module in way:
            refuse_compiled(module, location)
        return Place(way[-1], location.site.side, str(location))

    def path(self, location: Location) -> str:
        """Dotted name of the module at a location."""
        self.place(location)
        return self.written_path(location) or ""

    def written_path(self, location: Location) -> str | None:
        """Where a location would be; ``None`` where the model has no such site, or no such layer of it."""
        path = self._paths.get((location.network, location.name))
        return path.format(location.layer) if path else None

    def _at(self, location: Location) -> list[nn.Module]:
        """The modules from the model down to a location; empty where there is none."""
        path = self.written_path(location)
        return self._way(path) if path else []

    def _way(self, path: str) -> list[nn.Module]:
        """The modules from the model down to a dotted path, as they are now; empty where there is nothing."""
        way: list[nn.Module] = [self.model]
        for name in path.split("."):
            below = getattr(way[-1], name, None)
            if not isinstance(below, nn.Module):
                return []
            way.append(below)
        return way

    # --- how wide they are -------------------------------------------------------------------------------------------

    def heads(self, location: Location) -> int:
        """Attention heads at a location of heads."""
        raise NotImplementedError

    def width(self, location: Location) -> int:
        """Width of the tensor at a location, for :meth:`features` to keep; by default ``in_features`` of the module
        there, a linear layer."""
        return int(self.place(location).module.in_features)  # type: ignore[arg-type]

    def features(self, location: Location) -> int:
        """Width of the tensor at a location; :meth:`width` is asked once."""
        if location not in self._features:
            self._features[location] = self.width(location)
        return self._features[location]

    def head_width(self, location: Location) -> int:
        """Features that one unit is wide: more than one for heads, one for everything else."""
        return self.features(location) // self.heads(location) if location.site.units == "head" else 1

    def units(self, location: Location) -> int:
        """Number of units at a location."""
        return self.features(location) // self.head_width(location)
