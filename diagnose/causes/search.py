"""The search for the smallest set of units that makes takes what they are, by what happens in regenerated takes.

Candidates (:mod:`.screening`) are muted one by one in a few paired takes; the best are measured in more (successive
halving: Jamieson and Talwalkar 2016). Where none turns the takes back alone, units may stand in for one another: then
what each contributes among others is measured (:mod:`.contributions`), those that do most are muted together, and the
first such group that works is made small (:mod:`.minimal_set`). Where no group works,
whole locations are muted: a change that is spread over all of one has no units of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tonescope.diagnose.causes.contributions import contributions
from tonescope.diagnose.causes.interchange import enough
from tonescope.diagnose.causes.minimal_set import minimal_set
from tonescope.diagnose.causes.muting_trials import Group, Muted, MutingTrials
from tonescope.diagnose.causes.specificity import Elsewhere
from tonescope.diagnose.intervene.play import Advance
from tonescope.diagnose.schema import FoundBy
from tonescope.models.units import Location, Unit

FIRST_TAKES = 2  # in which every candidate is muted
FINALISTS = 8  # that are measured in all takes
GROUP_SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24)
POOL = 63  # units whose contributions are told apart
STRONG = 0.25  # of the strongest effect; what does less is not asked what it does to other prompts
TRIED_GROUPS = 2  # that are made small, at most
UNSPECIFIC = 2  # of the other prompts may change; more, and a group holds more than this confusion


@dataclass
class SearchResult:
    """What a search found.

    Attributes:
        group: the smallest set that turns the takes back; or, ``found_by`` gradients, the strongest units, where no
            small set does; empty where there is nothing to test.
        found_by: how it was found.
        trial: what it did in the takes of the search, where it was played there.
        alternates: other units that turn takes back alone; or, of a set, that contribute among others.
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
    elsewhere: Elsewhere,
    ranked: Sequence[Unit],
    locations: Sequence[Location] = (),
    *,
    short: MutingTrials | None = None,
    other_prompt: str | None = None,
    advance: Advance = lambda share: None,
) -> SearchResult:
    """Find the smallest set.

    Args:
        trials: the takes to try things in.
        elsewhere: takes of other prompts, which a cause leaves alone.
        ranked: candidates, the likeliest first.
        locations: whole locations to try where no units do it; none, where that is not asked.
        short: shorter takes for what is tried first; ``trials``, if absent.
        other_prompt: one that is not heard as the target, to put activations into: it tells units that are only
            needed together from units that each do it.
        advance: told the share that is done, where units are found at once.
    """
    course = _Course(trials, short or trials, elsewhere)
    singles = course.first([(unit,) for unit in ranked], advance=lambda share: advance(0.6 * share))
    finalists = sorted(trials.measure([muted.group for muted in singles[:FINALISTS]]), key=_effect)
    advance(0.8)
    known = {muted.group for muted in finalists}
    found = SearchResult(measured=[*finalists, *(muted for muted in singles if muted.group not in known)])
    strong = [muted for muted in finalists if muted.turns or muted.effect < STRONG * finalists[0].effect]
    ordered = specific_first(elsewhere, strong)
    turning = [muted for muted in ordered if muted.turns and not unspecific(muted)]
    if turning:
        _alone(course, found, turning, other_prompt)
    else:
        held_back = {unit for muted in ordered if unspecific(muted) for unit in muted.group}
        by_effect = [unit for muted in found.measured for unit in muted.group]
        pool = [unit for pair in zip(ranked, by_effect, strict=True) for unit in pair if unit not in held_back]
        _together(course, found, [unit for unit in dict.fromkeys(pool) if isinstance(unit, Unit)][:POOL])
    if not found.group and locations and trials.heard_as_target:
        _whole_locations(course, found, locations)
    found.rows = course.rows
    return found


@dataclass(frozen=True)
class _Course:
    """Where things are tried: first in a few short takes, then in all takes."""

    trials: MutingTrials
    short: MutingTrials
    elsewhere: Elsewhere

    def first(self, groups: Iterable[Group], *, advance: Advance | None = None) -> list[Muted]:
        """Groups in a few short takes, the strongest effect first."""
        return sorted(self.short.measure(groups, self.few, advance=advance), key=_effect)

    @property
    def few(self) -> tuple[int, ...]:
        """Seeds of those few."""
        return self.short.seeds[:FIRST_TAKES]

    @property
    def rows(self) -> int:
        """Takes played so far, two short ones counted as one."""
        return self.trials.rows + self.elsewhere.rows + (0 if self.short is self.trials else self.short.rows // 2)


def _effect(muted: Muted) -> float:
    return muted.effect


def unspecific(muted: Muted) -> bool:
    """Whether muting a group turns other prompts as well, where that was tried."""
    return (muted.elsewhere or 0) > UNSPECIFIC


def specific_first(elsewhere: Elsewhere, turning: list[Muted]) -> list[Muted]:
    """Groups that leave other prompts as they are before those that do not, the strongest effect first in each."""
    if turning:
        changed = elsewhere.changed([muted.group for muted in turning])
        for muted, count in zip(turning, changed, strict=True):
            muted.elsewhere = count
    return sorted(turning, key=lambda muted: (unspecific(muted), muted.effect))


def _alone(course: _Course, found: SearchResult, turning: Sequence[Muted], other_prompt: str | None) -> None:
    """Units that each turn the takes back: the strongest; or those that bring the confusion only together."""
    units = [unit for muted in turning for unit in muted.group if isinstance(unit, Unit)]
    bring = enough(course.short, other_prompt, units) if other_prompt and len(units) > 1 else ()
    if len(bring) > 1:
        found.keep(course.trials.measure([bring])[0], "together")
    else:
        found.keep(turning[0], "alone")
    found.alternates = [unit for unit in units if unit not in found.group]


def _together(course: _Course, found: SearchResult, pool: Sequence[Unit]) -> None:
    """Units of the pool that do it together: those that contribute most, as few as turn the takes back, and from which
    none can be left out."""
    trials = course.trials
    shares = contributions(course.short, pool, course.few)
    order = [share.unit for share in shares]
    sizes = [size for size in GROUP_SIZES if size <= len(order)]
    found.groups = course.first([tuple(order[:size]) for size in sizes])
    works = sorted((muted for muted in found.groups if muted.turns), key=lambda muted: len(muted.group))
    works = [muted for muted in trials.measure([muted.group for muted in works[: 2 * TRIED_GROUPS]]) if muted.turns]
    for smallest in works[:TRIED_GROUPS]:
        core = trials.measure([minimal_set(trials, smallest.group, trials.seeds)])[0]
        if unspecific(specific_first(course.elsewhere, [core])[0]):
            continue
        found.keep(core, "together" if len(core.group) > 1 else "alone")
        found.alternates = [share.unit for share in shares if share.sure and share.unit not in core.group]
        return


def _whole_locations(course: _Course, found: SearchResult, locations: Sequence[Location]) -> None:
    """The location that turns the takes back, and leaves other prompts as they are."""
    tried = [muted for muted in course.first([(place,) for place in locations]) if muted.turns]
    finalists = course.trials.measure([muted.group for muted in tried[: FINALISTS // 2]])
    found.groups += finalists
    turning = specific_first(course.elsewhere, [muted for muted in finalists if muted.turns])
    if turning and not unspecific(turning[0]):
        found.keep(turning[0], "location")
