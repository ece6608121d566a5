"""Screening: which units are worth muting, by several cheap estimates at once.

No one estimate finds every cause. The slope of the judge's margin is flat where the judge is sure; that of the takes'
own log-probability sees no judge at all; at a unit so strong that it saturates, either has the wrong sign. So what
counts is size, and every estimate nominates its largest, kind by kind (neurons and heads: a head is as wide as dozens
of neurons).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import Metric, own_log_probability
from tonescope.diagnose.context import Context
from tonescope.models.generator import Generator, Takes
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Unit

SCREENED = (*ATTRIBUTED, "text.mlp", "text.self")
"""Sites whose units are searched: all that shapes what is played, the text encoder included."""

EARLY_SECONDS = 1.0  # a genre is set early
HEADS = 0.25  # of the candidates, where there are so many


@dataclass(frozen=True)
class Estimate:
    """One more way to tell where to look: a name, and its metric."""

    name: str
    metric: Callable[[Generator], Metric]


ESTIMATES = (
    Estimate("own log-probability", lambda generator: own_log_probability()),
    Estimate("own log-probability, early", lambda generator: own_log_probability(generator.frames(EARLY_SECONDS))),
)
"""Beside the margin, which every diagnosis has."""


def screened_sites(generator: Generator) -> list[str]:
    """Those of :data:`SCREENED` that a generator has."""
    present = {location.site.key for location in generator.locations(*SCREENED)}
    return [key for key in SCREENED if key in present]


def screen(context: Context, takes: Takes, found: Mapping[str, Attribution]) -> dict[str, Attribution]:
    """``found``, and every estimate of :data:`ESTIMATES` of the same takes."""
    sites = screened_sites(context.generator)
    more = {row.name: attribute(context, takes, row.metric(context.generator), sites=sites) for row in ESTIMATES}
    return {**found, **more}


def candidates(estimates: Mapping[str, Attribution], count: int) -> list[Unit]:
    """The ``count`` units that the estimates name first, taking turns: the largest by size of each kind, some heads
    among them."""
    kinds = {kind for found in estimates.values() for kind in _kinds(found)}
    heads = min(round(HEADS * count), sum(_kinds(next(iter(estimates.values()))).get("head", {}).values()))
    shares = {kind: count - heads if kind != "head" else heads for kind in kinds}
    chosen: list[list[Unit]] = []
    for kind in sorted(kinds):
        lists = [_largest(found, kind, shares[kind]) for found in estimates.values()]
        turns = [unit for row in zip_longest(*lists) for unit in row if unit]
        chosen.append(list(dict.fromkeys(turns))[: shares[kind]])
    # Neurons and heads in turns as well, in proportion, so that the first of either stand first.
    ranked = sorted((place / max(len(units), 1), units[place]) for units in chosen for place in range(len(units)))
    return [unit for _, unit in ranked]


def _kinds(found: Attribution) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = {}
    for location, effects in found.units.items():
        kinds.setdefault(location.site.units, {})[str(location)] = effects.shape[1]
    return kinds


def _largest(found: Attribution, kind: str, count: int) -> Sequence[Unit]:
    """The units of a kind with the largest mean estimates by size; none that is estimated at exactly 0."""
    places = sorted(place for place in found.units if place.site.units == kind)
    if not places:
        return []
    sizes = torch.cat([found.units[place].mean(0).abs() for place in places])
    owners = [Unit(place, index) for place in places for index in range(found.units[place].shape[1])]
    order = sizes.argsort(descending=True)[:count].tolist()
    return [owners[index] for index in order if sizes[index] > 0]
