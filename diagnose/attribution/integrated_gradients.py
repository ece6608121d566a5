"""A closer estimate for the strongest units: integrated gradients at two points, the second most of the way to where
muting puts a unit.

One gradient predicts a small step. A head, as wide as dozens of neurons, is a long one, and so are the strongest
neurons: which of them are the strongest, one gradient alone does not tell. With gradients at both nodes of Radau's
quadrature, effects that bend twice on the way are still exact (integrated gradients: Sundararajan et al. 2017, arXiv
1703.01365).
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

SECOND, WEIGHT = 2 / 3, 3 / 4  # where the second gradient is taken, and what it counts; the first is at the clean take


def strongest(found: Attribution, count: int) -> list[Unit]:
    """The ``count`` units of each kind with the largest estimates, in either direction."""
    units: list[Unit] = []
    for part in found.by_kind():
        by_size = sorted(part.ranked(part.count), key=lambda one: -abs(one[1]))
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

    Every one of them costs a pass over the takes of its own; ``rollout_steps`` is that of :func:`.gradients.attribute`.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    units = {location: effects.clone() for location, effects in found.units.items()}
    chosen = strongest(found, count)
    for number, unit in enumerate(chosen, start=1):
        there, sites = Edit((unit,), strength=SECOND), [unit.location.site.key]
        further = attribute(context, takes, metric, sites=sites, at=there, rollout_steps=rollout_steps)
        # A third of the way is left there, so its estimate stands for the whole way three times.
        effects = further.of((unit,)) / (1 - SECOND)
        units[unit.location][:, unit.index] += WEIGHT * (effects - units[unit.location][:, unit.index])
        if advance:
            advance(number / len(chosen))
    return replace(found, units=units)
