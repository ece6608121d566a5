"""The search for the smallest set of units that makes takes what they are, by what happens in regenerated takes.

Candidates (:mod:`.screening`) are muted one by one in a few paired takes; the best are measured in more (successive
halving: Jamieson and Talwalkar 2016). Where none turns the takes back alone, units stand in for one another: then
growing groups are muted together, and the first that works is made small (:mod:`.minimal_set`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tonescope.diagnose.causes.minimal_set import minimal_set
from tonescope.diagnose.causes.muting_trials import Group, Muted, MutingTrials
from tonescope.diagnose.causes.specificity import changed_elsewhere
from tonescope.models.units import Location, Unit

CANDIDATES = 32
FIRST_TAKES = 2  # in which every candidate is muted
FINALISTS = 8  # that are measured in all takes
GROUP_SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32)
EXCHANGED = 12  # other units that are tried in the place of a member
UNSPECIFIC = 2  # of the other prompts may change by chance
LARGEST_EXCHANGED = 5  # sets larger than this are left as they are


@dataclass
class Search:
    """What a search found.

    Attributes:
        core: the smallest set found that turns the takes back; empty where there is none.
        alternates: other units that turn them back in the place of a member of ``core``; of one unit, alone.
        measured: every candidate muted alone, the strongest effect first.
        groups: what was tried together.
        rows: takes that were played for it.
    """

    core: Group = ()
    alternates: list[Unit] = field(default_factory=list)
    measured: list[Muted] = field(default_factory=list)
    groups: list[Muted] = field(default_factory=list)
    rows: int = 0


def search(trials: MutingTrials, ranked: Sequence[Unit], advance: Callable[[float], None] | None = None) -> Search:
    """Find the smallest set among the candidates ``ranked``, the likeliest first."""
    few = trials.seeds[:FIRST_TAKES]
    singles = trials.measure([(unit,) for unit in ranked], few)
    singles.sort(key=lambda muted: muted.effect)
    trials.measure([muted.group for muted in singles[:FINALISTS]])
    finalists = sorted(singles[:FINALISTS], key=lambda muted: muted.effect)
    found = Search(measured=[*finalists, *singles[FINALISTS:]])
    alone = [muted for muted in finalists if muted.turns]
    if alone:
        alone = specific_first(trials, alone)
        found.core = alone[0].group
        found.alternates = [muted.group[0] for muted in alone[1:]]  # type: ignore[misc]
    else:
        by_effect = [muted.group[0] for muted in found.measured]
        _together(trials, found, [by_effect, list(ranked)], few)
    found.rows = trials.rows
    return found


def specific_first(trials: MutingTrials, alone: list[Muted]) -> list[Muted]:
    """Groups that leave other prompts as they are before those that do not, the strongest effect first in each."""
    if len(alone) < 2:
        return alone
    changed = changed_elsewhere(trials.context, trials.contrast, [muted.group for muted in alone])
    for muted, count in zip(alone, changed, strict=True):
        muted.elsewhere = count
    return sorted(alone, key=lambda muted: ((muted.elsewhere or 0) > UNSPECIFIC, muted.effect))


def _together(trials: MutingTrials, found: Search, orders: Sequence[Sequence[Unit | Location]], few: Sequence[int]) -> None:
    """Groups of the first units in each order, the smallest that works made smaller still."""
    sizes = [size for size in GROUP_SIZES if size <= len(orders[0])]
    found.groups = trials.measure([tuple(order[:size]) for size in sizes for order in orders], few)
    works = [muted for muted in found.groups if muted.turns]
    if not works:
        return
    smallest = min(works, key=lambda muted: len(muted.group))
    core = minimal_set(trials, smallest.group, few)
    if not trials.measure([core])[0].turns:
        core = minimal_set(trials, smallest.group, trials.seeds)
    found.core = core
    if 1 < len(core) <= LARGEST_EXCHANGED:
        others = [unit for unit in orders[1] if unit not in core][:EXCHANGED]
        swapped = {unit: (*core[:-1], unit) for unit in others}
        tried = trials.measure(swapped.values(), few)
        found.alternates = [unit for unit, muted in zip(swapped, tried, strict=True) if muted.turns]  # type: ignore[misc]
