"""Companions: units that do it in the place of a member of a set.

A set is smallest where nothing can be left out of it, but others may do as well: of five units of which any three turn
takes back, three are found. Muted without one of its members, a set turns nothing back; what does, muted with the rest,
has the part of that member.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.models.units import Location, Unit

FINALISTS = 12  # that are measured in all takes
MANY = 0.5  # of the takes


def companions(
    trials: MutingTrials, short: MutingTrials, group: Group, pool: Sequence[Unit], few: Sequence[int]
) -> dict[Unit, Group]:
    """Which units of ``pool`` turn the takes back, muted with the set without one of its members, the strongest first;
    for each, what was muted.

    The member that is left out is the one without which most is left of the effect: then the least has to be added.
    None where every rest turns half of the takes back, for then nearly anything would do beside it; or where nothing is
    left of the set.
    """
    rests = [tuple(unit for unit in group if unit != member) for member in group]
    muted = trials.measure([rest for rest in rests if rest])
    rest = min((trial for trial in muted if trial.share < MANY), key=lambda trial: trial.effect, default=None)
    if rest is None:
        return {}
    others = [unit for unit in pool if unit not in group and not _inside(unit, group)]
    added = {unit: (*rest.group, unit) for unit in others}
    tried = zip(added, short.measure(added.values(), few), strict=True)
    likely = sorted((muted.effect, unit) for unit, muted in tried if muted.turns)
    finalists = [unit for _, unit in likely[:FINALISTS]]
    surely = zip(finalists, trials.measure([added[unit] for unit in finalists]), strict=True)
    return {unit: added[unit] for _, unit in sorted((muted.effect, unit) for unit, muted in surely if muted.turns)}


def _inside(unit: Unit, group: Group) -> bool:
    """Whether the location of a unit is in the group."""
    return any(isinstance(member, Location) and member == unit.location for member in group)
