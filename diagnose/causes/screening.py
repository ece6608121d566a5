"""Screening: which units are worth muting, by several cheap estimates at once.

No one estimate finds every cause. The slope of the judge's margin is flat where the judge is sure; that of the takes'
own log-probability sees no judge at all; at a unit so strong that it saturates, either has the wrong sign; and how much
a unit writes says nothing of what. So what counts is size, and every estimate nominates its largest, in each network
and kind by itself: a head is as wide as dozens of neurons, and the text encoder has its own scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import own_log_probability
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import batches
from tonescope.models.generator import Generator, Takes
from tonescope.models.hooks import hooked, read
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Location, Unit

SCREENED = (*ATTRIBUTED, "text.mlp", "text.self")
"""Sites whose units are searched: all that shapes what is played, the text encoder included."""

LISTED = 400  # units of each list that count
FUSION = 10  # how many places further down a unit counts half as much as the first
EARLY_SECONDS = 1.0  # a genre is set early
SHARES = {"neuron": 0.6, "head": 0.15}
"""Share of the candidates from each kind of unit in the network that plays; the text encoder's are the rest."""

Sizes = dict[Location, Tensor]
"""The size of every unit's effect, (units,) a location."""


@dataclass(frozen=True)
class Screening:
    """What each estimate says, by size."""

    estimates: tuple[Sizes, ...]

    @classmethod
    def of(cls, context: Context, takes: Takes, margin: Attribution) -> Screening:
        """Screen takes of one prompt; ``margin`` is their attribution of the judge's margin, at the sites that are
        screened."""
        generator, sites = context.generator, screened_sites(context.generator)
        early = generator.frames(EARLY_SECONDS)
        own, at_first = (
            attribute(context, takes, own_log_probability(n), sites=sites, few_steps=True) for n in (None, early)
        )
        slopes = [{place: e.mean(0).abs() for place, e in found.units.items()} for found in (margin, own, at_first)]
        return cls((*slopes, written(context, takes, sites)))

    def candidates(self, count: int) -> list[Unit]:
        """The ``count`` units that stand highest in the estimates' lists, of every network and kind."""
        kinds = _kinds(self.estimates[0])
        chosen = [
            _highest([_places(found, kinds[kind]) for found in self.estimates], wanted)
            for kind, wanted in _quotas(kinds, count).items()
        ]
        # Kinds in turns, in proportion, so that the first of each stand first.
        ranked = sorted((place / len(units), units[place]) for units in chosen for place in range(len(units)))
        return [unit for _, unit in ranked]

    def within(self, location: Location) -> list[Unit]:
        """Units of one location, the highest in the estimates' lists first."""
        return _highest([_places(found, [location]) for found in self.estimates], LISTED)


def screened_sites(generator: Generator) -> list[str]:
    """Those of :data:`SCREENED` that a generator has."""
    present = {location.site.key for location in generator.locations(*SCREENED)}
    return [key for key in SCREENED if key in present]


@torch.no_grad()
def written(context: Context, takes: Takes, sites: Sequence[str]) -> Sizes:
    """How far what each unit writes into the residual stream is from what it writes on average: the length of (mean
    activation in ``takes`` - reference mean) times the weights that read the unit; nothing at a location that is not
    read by a linear layer."""
    generator, means = context.generator, context.means
    weights = {place: _weight(generator, place) for place in generator.locations(*sites)}
    locations = [place for place, weight in weights.items() if weight is not None]
    sums: dict[Location, Tensor] = {}

    def note(location: Location, tensor: Tensor) -> None:
        """The conditional branch, summed over takes and denoising steps."""
        layout = generator.layout(location, context.guidance)
        means_of_takes = layout.average(layout.split(tensor).float())[0]
        sums[location] = (
            sums.get(location, 0) + means_of_takes.sum((0, 1)).cpu() / generator.steps(location) / layout.parts
        )

    hooks = [read(generator.place(place), partial(note, place)) for place in locations]
    for rows in batches(generator, takes):
        with hooked(hooks):
            generator.run(takes.pick(rows), context.sampling, locations)
    sizes = {}
    for place, total in sums.items():
        usual = means.values[place][0].mean(0) if means else 0.0
        weight, width = weights[place], generator.head_width(place)
        assert weight is not None
        columns = weight.float().cpu() * (total / len(takes) - usual)
        sizes[place] = columns.unflatten(1, (-1, width)).sum(2).norm(dim=0)
    return sizes


def _weight(generator: Generator, location: Location) -> Tensor | None:
    """(width, features) of the linear layer that reads a location."""
    module = generator.place(location).module
    if location.site.side != "input" or not isinstance(module, nn.Linear):
        return None
    return module.weight.detach()


def _kinds(sizes: Sizes) -> dict[tuple[bool, str], list[Location]]:
    """Locations by whether they are the text encoder's, and by the kind of their units."""
    kinds: dict[tuple[bool, str], list[Location]] = {}
    for place in sorted(sizes):
        kinds.setdefault((place.network == "text", place.site.units), []).append(place)
    return kinds


def _quotas(kinds: dict[tuple[bool, str], list[Location]], count: int) -> dict[tuple[bool, str], int]:
    """How many candidates each kind has: those that are not there leave their share to the others."""
    rest = 1 - sum(SHARES.values())
    shares = {
        (text, kind): (rest * SHARES[kind] / sum(SHARES.values()) if text else SHARES[kind])
        for text, kind in kinds
        if kind in SHARES
    }
    whole = sum(shares.values())
    return {kind: max(1, round(count * share / whole)) for kind, share in shares.items()}


def _places(sizes: Sizes, locations: Sequence[Location]) -> dict[Unit, int]:
    """The place of every unit in the list of one estimate, the largest first; none for what is estimated at exactly
    0."""
    known = [place for place in locations if place in sizes]
    if not known:
        return {}
    every = torch.cat([sizes[place] for place in known])
    owners = [(place, index) for place in known for index in range(len(sizes[place]))]
    order = every.argsort(descending=True)[:LISTED].tolist()
    return {Unit(*owners[row]): rank for rank, row in enumerate(order) if every[row] > 0}


def _highest(lists: Sequence[dict[Unit, int]], count: int) -> list[Unit]:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): first in one list counts as much as rather high in
    all of them."""
    scores: dict[Unit, float] = {}
    for places in lists:
        for unit, rank in places.items():
            scores[unit] = scores.get(unit, 0.0) + 1 / (FUSION + rank)
    return sorted(scores, key=lambda unit: (-scores[unit], unit))[:count]
