"""The search for the smallest set of units that makes takes what they are, by what happens in regenerated takes.

Candidates (:mod:`.screening`) are muted one by one in a few paired takes; the best are measured in more (successive
halving: Jamieson and Talwalkar 2016). Where none turns the takes back alone, units may stand in for one another: then
growing groups are muted together, and the first that works is made small (:mod:`.minimal_set`). Where no group works,
whole locations are muted: a change that is spread over all of one has no units of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tonescope.diagnose.causes.minimal_set import minimal_set
from tonescope.diagnose.causes.muting_trials import Group, Muted, MutingTrials
from tonescope.diagnose.causes.specificity import changed_elsewhere
from tonescope.diagnose.intervene.play import Advance
from tonescope.diagnose.schema import FoundBy
from tonescope.models.units import Location, Unit

FIRST_TAKES = 2  # in which every candidate is muted
FINALISTS = 8  # that are measured in all takes
GROUP_SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32)
EXCHANGED = 12  # other units that are tried in the place of a member
LARGEST_EXCHANGED = 5  # sets larger than this are left as they are
UNSPECIFIC = 2  # of the other prompts may change; more, and a group holds more than this confusion


@dataclass
class SearchResult:
    """What a search found.

    Attributes:
        group: the smallest set that turns the takes back; or, ``found_by`` gradients, the strongest units, where no
            small set does; empty where there is nothing to test.
        found_by: how it was found.
        trial: what it did in the takes of the search, where it was played there.
        alternates: other units that turn takes back in the place of a member; of one unit, alone.
        measured: every candidate muted alone, the strongest effect first.
        groups: what was tried together.
        rows: takes that were played for it.
    """

    group: Group = ()
    found_by: FoundBy = "gradients"
    trial: Muted | None = None
    alternates: list[Unit] = field(default_factory=list)
    measured: list[Muted] = field(default_factory=list)
    groups: list[Muted] = field(default_factory=list)
    rows: int = 0

    def keep(self, muted: Muted, found_by: FoundBy) -> None:
        """This is the set."""
        self.group, self.trial, self.found_by = muted.group, muted, found_by


def search(
    trials: MutingTrials,
    ranked: Sequence[Unit],
    locations: Sequence[Location] = (),
    *,
    advance: Advance = lambda share: None,
) -> SearchResult:
    """Find the smallest set.

    Args:
        trials: the takes to try things in.
        ranked: candidates, the likeliest first.
        locations: whole locations to try where no units do it; none, where that is not asked.
        advance: told the share that is done, where units are found at once.
    """
    few = trials.seeds[:FIRST_TAKES]
    singles = trials.measure([(unit,) for unit in ranked], few, advance=lambda share: advance(0.7 * share))
    singles.sort(key=_effect)
    finalists = sorted(trials.measure([muted.group for muted in singles[:FINALISTS]]), key=_effect)
    advance(0.9)
    found = SearchResult(measured=[*finalists, *singles[FINALISTS:]])
    alone = specific_first(trials, [muted for muted in finalists if muted.turns])
    if alone and not unspecific(alone[0]):
        found.keep(alone[0], "alone")
        found.alternates = [unit for muted in alone[1:] for unit in muted.group if isinstance(unit, Unit)]
    else:
        held_back = {unit for muted in alone for unit in muted.group}
        by_effect = [unit for muted in found.measured for unit in muted.group if unit not in held_back]
        _together(trials, found, [by_effect, [unit for unit in ranked if unit not in held_back]], few)
    if not found.group and locations:
        _whole_locations(trials, found, locations, few)
    found.rows = trials.rows
    return found


def _effect(muted: Muted) -> float:
    return muted.effect


def unspecific(muted: Muted) -> bool:
    """Whether muting a group turns other prompts as well, where that was tried."""
    return (muted.elsewhere or 0) > UNSPECIFIC


def specific_first(trials: MutingTrials, turning: list[Muted]) -> list[Muted]:
    """Groups that leave other prompts as they are before those that do not, the strongest effect first in each."""
    if turning:
        changed = changed_elsewhere(trials.context, trials.contrast, [muted.group for muted in turning])
        for muted, count in zip(turning, changed, strict=True):
            muted.elsewhere = count
    return sorted(turning, key=lambda muted: (unspecific(muted), muted.effect))


def _together(
    trials: MutingTrials, found: SearchResult, orders: Sequence[Sequence[Unit | Location]], few: Sequence[int]
) -> None:
    """Groups of the first units in each order, the smallest that works made smaller still."""
    sizes = [size for size in GROUP_SIZES if size <= len(orders[0])]
    found.groups = trials.measure([tuple(order[:size]) for size in sizes for order in orders], few)
    for smallest in sorted((muted for muted in found.groups if muted.turns), key=lambda muted: len(muted.group)):
        if not trials.measure([smallest.group])[0].turns:
            continue
        core = minimal_set(trials, smallest.group, trials.seeds)
        muted = specific_first(trials, trials.measure([core]))[0]
        if unspecific(muted):
            continue
        found.keep(muted, "together")
        if len(core) <= LARGEST_EXCHANGED:
            others = [unit for unit in orders[1] if unit not in core][:EXCHANGED]
            swapped = {unit: (*core[:-1], unit) for unit in others}
            tried = trials.measure(swapped.values(), few)
            found.alternates = [
                unit for unit, other in zip(swapped, tried, strict=True) if other.turns and isinstance(unit, Unit)
            ]
        return


def _whole_locations(
    trials: MutingTrials, found: SearchResult, locations: Sequence[Location], few: Sequence[int]
) -> None:
    """The location that turns the takes back, and leaves other prompts as they are."""
    tried = [muted for muted in trials.measure([(place,) for place in locations], few) if muted.turns]
    tried = sorted(tried, key=_effect)[: FINALISTS // 2]
    turning = specific_first(trials, [muted for muted in trials.measure([m.group for m in tried]) if muted.turns])
    found.groups += tried
    if turning and not unspecific(turning[0]):
        found.keep(turning[0], "location")
