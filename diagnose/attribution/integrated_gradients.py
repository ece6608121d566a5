"""Two-point integrated gradients: a closer estimate for the strongest units.

The effect of muting a unit is the integral of its gradient on the way from its activation to its mean (integrated
gradients: Sundararajan et al. 2017, arXiv 1703.01365). One gradient approximates that integral by its first point,
which is good for a small step; muting a head, as wide as dozens of neurons, is a long one. Here the integral is taken
by Radau's quadrature with two nodes, at strengths 0 and 2/3 of the edit: exact where the metric is a cubic polynomial
of the strength.
"""

from __future__ import annotations

from dataclasses import replace

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import Metric
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import Advance
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

# Radau's second node and its weight; the first node is strength 0, the clean take, with the weight 1 - RADAU_WEIGHT.
RADAU_NODE, RADAU_WEIGHT = 2 / 3, 3 / 4


def strongest(found: Attribution, count: int) -> list[Unit]:
    """The ``count`` units of each kind (neurons, heads) with the largest mean estimates by absolute value; none that
    is estimated at exactly 0."""
    units: list[Unit] = []
    for one_kind in found.by_kind():
        by_size = sorted(one_kind.ranked(one_kind.count), key=lambda pair: -abs(pair[1]))
        units += [unit for unit, effect in by_size[:count] if effect]
    return units


def two_point_integrated_gradients(
    context: Context,
    takes: Takes,
    metric: Metric,
    found: Attribution,
    count: int,
    *,
    rollout_steps: int = 0,
    advance: Advance | None = None,
) -> Attribution:
    """``found``, with the effects of the ``count`` strongest neurons and as many heads taken by two gradients instead
    of one.

    Each of these units costs one forward and one backward pass over the takes.

    Args:
        takes: those that ``found`` was estimated on.
        metric: the one that ``found`` was estimated for.
        found: one-gradient estimates, of :func:`.gradients.attribute`; not changed.
        rollout_steps: as in :func:`.gradients.attribute`, and as ``found`` was estimated with.
        advance: told the share of the units that is done.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    units = {location: effects.clone() for location, effects in found.units.items()}
    chosen = strongest(found, count)
    for number, unit in enumerate(chosen, start=1):
        at_node, sites = Edit((unit,), strength=RADAU_NODE), [unit.location.site.key]
        second = attribute(context, takes, metric, sites=sites, at=at_node, rollout_steps=rollout_steps)
        # Both estimates are gradient x distance to the mean. At the node only 1 - RADAU_NODE of the distance is left.
        first_effect, second_effect = units[unit.location][:, unit.index], second.of((unit,)) / (1 - RADAU_NODE)
        units[unit.location][:, unit.index] = (1 - RADAU_WEIGHT) * first_effect + RADAU_WEIGHT * second_effect
        if advance:
            advance(number / len(chosen))
    return replace(found, units=units)
