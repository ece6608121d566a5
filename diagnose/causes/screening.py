"""Screening: which units are worth muting, by several cheap estimates at once.

No one estimate finds every cause. The slope of the judge's margin is flat where the judge is sure; that of the takes'
own log-probability sees no judge at all; at a unit so strong that it saturates, either has the wrong sign. So what
counts is size, and every estimate nominates its largest, kind by kind (neurons and heads: a head is as wide as dozens
of neurons). What matters to other prompts as much as to this one is held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import own_log_probability
from tonescope.diagnose.causes.specificity import Elsewhere
from tonescope.diagnose.context import Context
from tonescope.models.generator import Generator, Takes
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Location, Unit

SCREENED = (*ATTRIBUTED, "text.mlp", "text.self")
"""Sites whose units are searched: all that shapes what is played, the text encoder included."""

EARLY_SECONDS = 1.0  # a genre is set early
HEADS = 0.25  # of the candidates, where there are so many


@dataclass(frozen=True)
class Screening:
    """Sizes of every unit's effect, (units,) a location: one set for each estimate."""

    sizes: tuple[dict[Location, Tensor], ...]

    @classmethod
    def of(cls, context: Context, takes: Takes, margin: Attribution, elsewhere: Elsewhere | None = None) -> Screening:
        """Screen takes of one prompt; ``margin`` is their attribution of the judge's margin, at the sites that are
        screened."""
        generator, sites = context.generator, screened_sites(context.generator)
        early = generator.frames(EARLY_SECONDS)
        own, at_first = (attribute(context, takes, own_log_probability(n), sites=sites) for n in (None, early))
        sizes = [{place: e.mean(0).abs() for place, e in found.units.items()} for found in (margin, own, at_first)]
        if elsewhere is None:
            return cls(tuple(sizes))
        others = elsewhere.estimates(sites)
        kept = {place: _own_share(sizes[1][place], others[place]) for place in others}
        return cls(tuple({place: size * kept[place] for place, size in found.items()} for found in sizes))

    def candidates(self, count: int) -> list[Unit]:
        """The ``count`` units that the estimates name first, taking turns: the largest of each kind, some heads among
        them."""
        kinds = sorted({place.site.units for place in self.sizes[0]})
        present = {
            kind: sum(len(s) for place, s in self.sizes[0].items() if place.site.units == kind) for kind in kinds
        }
        heads = min(max(1, round(HEADS * count)), present.get("head", 0), count)
        chosen: list[list[Unit]] = []
        for kind in kinds:
            wanted = heads if kind == "head" else count - heads
            lists = [_largest(found, kind, wanted) for found in self.sizes]
            turns = [unit for row in zip_longest(*lists) for unit in row if unit]
            chosen.append(list(dict.fromkeys(turns))[:wanted])
        # Kinds in turns as well, in proportion, so that the first of either stand first.
        ranked = sorted((place / len(units), units[place]) for units in chosen for place in range(len(units)))
        return [unit for _, unit in ranked]


def screened_sites(generator: Generator) -> list[str]:
    """Those of :data:`SCREENED` that a generator has."""
    present = {location.site.key for location in generator.locations(*SCREENED)}
    return [key for key in SCREENED if key in present]


def _own_share(here: Tensor, elsewhere: Tensor) -> Tensor:
    """From 0, where a unit matters to other prompts as much as here, to 1, where it matters here alone (units,)."""
    return ((here - elsewhere) / (here + elsewhere).clamp_min(1e-12)).clamp_min(0)


def _largest(sizes: dict[Location, Tensor], kind: str, count: int) -> Sequence[Unit]:
    """The ``count`` largest units of a kind; none that is estimated at exactly 0."""
    places = sorted(place for place in sizes if place.site.units == kind)
    if not places or not count:
        return []
    every = torch.cat([sizes[place] for place in places])
    owners = [Unit(place, index) for place in places for index in range(len(sizes[place]))]
    order = every.argsort(descending=True)[:count].tolist()
    return [owners[index] for index in order if every[index] > 0]
