"""The search for the smallest set of units that makes takes what they are, by what happens in regenerated takes.

A cause is needed, muting it turns the takes back, and enough: its activations bring the target into takes of another
prompt. (Where none is enough, one that leaves other prompts as they are is what there is: what the text encoder says of
one word means little among other words.) Candidates (:mod:`.screening`) are muted one by one in a few paired takes; the
best are measured in more (successive halving: Jamieson and Talwalkar 2016), and put into another prompt. Where none
both turns the takes and brings it alone, those that do together are the set: the ones that each turn the takes back;
those that each bring it, and so stand in for one another; what is left of all candidates muted at once, without each
that is not needed (delta debugging, :mod:`.minimal_set`); or those that surely contribute, or contribute most
(:mod:`.contributions`). Beside a set stands what does it in the place of a member (:mod:`.companions`). Where no few
units do, whole locations are tried, and a few units inside one that does it: a change that is spread over all of it has
no units of its own. Where nothing is enough, the smallest set that leaves other prompts as they are is what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tonescope.diagnose.causes.companions import companions
from tonescope.diagnose.causes.contributions import Contribution, contributions
from tonescope.diagnose.causes.interchange import Brought, Interchanges, each_brings, fewest, other_prompts
from tonescope.diagnose.causes.minimal_set import minimal_set
from tonescope.diagnose.causes.muting_trials import Group, Muted, MutingTrials
from tonescope.diagnose.causes.specificity import specific
from tonescope.diagnose.intervene.play import Advance
from tonescope.diagnose.schema import FoundBy
from tonescope.models.units import Location, Unit

FIRST_TAKES = 2  # in which candidates are muted
HALVED = 8  # of more candidates than these, not all are muted in the second take
FINALISTS = 8  # that are measured in all takes
GROUP_SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24)
POOL = 31  # units whose contributions are told apart
TRIED_ONE_BY_ONE = 48  # locations: more of them are halved first, though all of a site may do other things than one
SOMETHING = -1.0  # nats
PAIR = 2
LIKELIEST = 16  # candidates that are put in one by one
INSIDE = (6, 24, 96)  # units of a location, of the likeliest
FEW_UNITS = 6  # a larger set is no explanation: then a whole location is, if one does it
TRIED_GROUPS = 4  # that are measured in all takes
MUCH_OF_IT = 0.4  # of the units of a location: heads are few


Within = Callable[[Location], Sequence[Unit]]
"""Units of a location, the likeliest first."""


@dataclass
class SearchResult:
    """What a search found.

    Attributes:
        group: the smallest set that turns the takes back; or, ``found_by`` gradients, the strongest units, where no
            small set does; empty where there is nothing to test.
        found_by: how it was found.
        trial: what it did in the takes of the search, where it was played there.
        alternates: other units that turn takes back alone; or, of a set, in the place of a member.
        measured: every candidate muted alone, the strongest effect first.
        groups: what was tried together.
        needed: sets that turn the takes back and do not bring the target.
        shares: what each unit contributes among others, the most first, where that was measured.
        in_place: for alternates of a set, what was muted: the set without a member, and the alternate.
        brought: what came of putting units' activations into ``other_prompt``.
        rows: takes that were played for it.
        several: whether units were looked for that only do it together.
    """

    group: Group = ()
    found_by: FoundBy = "gradients"
    trial: Muted | None = None
    alternates: list[Unit] = field(default_factory=list)
    measured: list[Muted] = field(default_factory=list)
    groups: list[Muted] = field(default_factory=list)
    needed: list[Muted] = field(default_factory=list)
    shares: list[Contribution] = field(default_factory=list)
    brought: dict[Group, Brought] = field(default_factory=dict)
    in_place: dict[Unit, Group] = field(default_factory=dict)
    other_prompt: str | None = None
    rows: int = 0
    several: bool = True

    def keep(self, muted: Muted, found_by: FoundBy) -> None:
        """This is the set."""
        self.group, self.trial, self.found_by = muted.group, muted, found_by


def search_causes(
    trials: MutingTrials,
    ranked: Sequence[Unit],
    others: Sequence[str],
    locations: Sequence[Location] = (),
    *,
    short: MutingTrials | None = None,
    several: bool = True,
    within: Within = lambda location: (),
    advance: Advance = lambda share: None,
) -> SearchResult:
    """Find the smallest set.

    Args:
        trials: the takes to try things in.
        ranked: candidates, the likeliest first.
        others: prompts that are not heard as the target, to put activations into.
        locations: whole locations to try where no units do it; none, where that is not asked.
        short: shorter takes for what is tried first; ``trials``, if absent.
        several: whether to look for units that only do it together, where none does it alone.
        within: units of a location, the likeliest first, to look for a few in one that does it as a whole.
        advance: told the share that is done, where units are found at once.
    """
    course = _Course(trials, short or trials, Interchanges(trials, others, ranked))
    singles = course.first([(unit,) for unit in ranked], advance=lambda share: advance(0.6 * share))
    finalists = course.surely([muted.group for muted in singles[:FINALISTS]])
    advance(0.8)
    known = {muted.group for muted in finalists}
    rest = [muted for muted in singles if muted.group not in known]
    found = SearchResult(measured=[*finalists, *rest], several=several)
    found.other_prompt = course.interchanges.prompt
    if trials.heard_as_target and found.other_prompt is not None:
        _alone(course, found, ranked, [muted for muted in finalists if muted.turns])
        if not found.group and several:
            _together(course, found, ranked)
        if len(found.group) > PAIR:
            _where_they_are(course, found, locations, within)
        if not found.group and locations:
            _whole_locations(course, found, locations)
            _inside(course, found, within)
        if not found.group and found.needed:
            _needed(course, found)
        if found.found_by == "together" and not found.alternates:
            found.in_place = course.companions(found.group, _units(found.measured))
            found.alternates = [*found.in_place]
    found.rows = course.rows
    return found


@dataclass(frozen=True)
class _Course:
    """Where things are tried: first in a few short takes, then in all takes; and put into another prompt."""

    trials: MutingTrials
    short: MutingTrials
    interchanges: Interchanges

    def first(self, groups: Iterable[Group], *, advance: Advance = lambda share: None) -> list[Muted]:
        """Groups in a few short takes, the strongest effect first: of many all in one take, and in the others those
        that turned it back, and the better half."""
        wanted = list(groups)
        if len(wanted) > HALVED:
            muted = sorted(
                self.short.measure(wanted, self.few[:1], advance=lambda share: advance(share / 2)), key=_effect
            )
            likely = [each.group for row, each in enumerate(muted) if each.turns or row < len(muted) / 2]
            self.short.measure(likely, self.few, advance=lambda share: advance(0.5 + share / 2))
            return sorted(muted, key=_effect)  # with what was new
        return sorted(self.short.measure(wanted, self.few, advance=advance), key=_effect)

    def surely(self, groups: Iterable[Group]) -> list[Muted]:
        """Groups in all short takes, and those that turn them back in all takes, the strongest effect first."""
        muted = self.short.measure(groups)
        sure = {each.group: each for each in self.trials.measure([each.group for each in muted if each.turns])}
        return sorted((sure.get(each.group, each) for each in muted), key=_effect)

    def companions(self, group: Group, pool: Sequence[Unit]) -> dict[Unit, Group]:
        """Units that do it in the place of a member."""
        return companions(self.trials, self.short, group, pool, self.few)

    @property
    def few(self) -> tuple[int, ...]:
        """Seeds of those few."""
        return self.short.seeds[:FIRST_TAKES]

    @property
    def rows(self) -> int:
        """Takes played so far, short ones counted by their length."""
        shorter = 0 if self.short is self.trials else self.short.length * self.short.rows
        return self.trials.rows + round(shorter)


def _effect(muted: Muted) -> float:
    return muted.effect


def _units(rows: Iterable[Muted]) -> list[Unit]:
    """The units that were muted."""
    return [unit for muted in rows for unit in muted.group if isinstance(unit, Unit)]


def _alone(course: _Course, found: SearchResult, ranked: Sequence[Unit], turning: Sequence[Muted]) -> None:
    """Units that each turn the takes back: the strongest of those that bring the target alone; else those that only
    bring it together, for muting either of two that are needed both turns the takes back; else those that surely
    contribute; else the strongest of those that leave other prompts as they are."""
    groups = [muted.group for muted in turning]
    brought = course.interchanges.measure(groups)
    found.brought |= {other.group: other for other in brought}
    units = _units(turning)
    enough = [muted for muted, other in zip(turning, brought, strict=True) if other.brings]
    if not enough and len(together := fewest(course.interchanges, units)) > 1:
        found.keep(course.trials.measure([together])[0], "together")
        found.alternates = [unit for unit in units if unit not in together]
        return
    if not enough and turning:
        if found.several and _sure_ones(course, found, ranked):
            return
        alike = specific(course.short, other_prompts(course.trials.contrast), groups)
        enough = [muted for muted, kept in zip(turning, alike, strict=True) if kept]
    if enough:
        found.keep(enough[0], "alone")
        found.alternates = _units(enough[1:])


def _together(course: _Course, found: SearchResult, ranked: Sequence[Unit]) -> None:
    """A few units that do it together: those that each bring the target; what is left of all candidates muted at once;
    else those that contribute most."""
    _each_enough(course, found, ranked)
    if not found.group:
        _left_of_all(course, found, ranked)
    if not found.group and not _sure_ones(course, found, ranked):
        _contributing(course, found)


def _needed(course: _Course, found: SearchResult) -> None:
    """Where nothing is enough: of sets that turn the takes back, the smallest that leaves other prompts as they are."""
    sets = sorted(found.needed, key=lambda muted: len(muted.group))
    alike = specific(course.short, other_prompts(course.trials.contrast), [muted.group for muted in sets])
    if single := next((muted for muted, kept in zip(sets, alike, strict=True) if kept), None):
        found.keep(single, "together" if len(single.group) > 1 else "alone")


def _each_enough(course: _Course, found: SearchResult, ranked: Sequence[Unit]) -> None:
    """Units of which each brings the target, so that muting one does nothing while another stands in for it."""
    units = each_brings(course.interchanges, ranked[:LIKELIEST], course.few, at_most=FEW_UNITS)
    if not units:
        return
    muted = course.first([units])[0]
    found.groups.append(muted)
    if muted.turns and course.trials.measure([units])[0].turns:
        _keep_smallest(course, found, units)


def _left_of_all(course: _Course, found: SearchResult, ranked: Sequence[Unit]) -> None:
    """All candidates muted at once, without each that is not needed: so units that stand in for one another show."""
    everything = tuple(ranked)
    if not everything or not course.first([everything])[0].turns:
        return
    for seeds in (course.few, course.short.seeds):
        core = minimal_set(course.short, everything, seeds, at_most=FEW_UNITS)
        if not core:
            return
        muted = course.trials.measure([core])[0]
        found.groups.append(muted)
        if muted.turns:
            _keep_smallest(course, found, core)
            return


def _sure_ones(course: _Course, found: SearchResult, ranked: Sequence[Unit]) -> bool:
    """The few units that surely contribute are the set, if they turn the takes back: each takes a part of the way to
    the target, though all together may not get there in another prompt."""
    pool = dict.fromkeys(unit for pair in zip(ranked, _units(found.measured), strict=True) for unit in pair)
    found.shares = contributions(course.interchanges, list(pool)[:POOL], course.few)
    sure = tuple(share.unit for share in found.shares if share.sure)
    if not 0 < len(sure) <= FEW_UNITS:
        return False
    muted = course.trials.measure([sure])[0]
    found.groups.append(muted)
    if not muted.turns or not specific(course.short, other_prompts(course.trials.contrast), [sure])[0]:
        return False
    found.keep(muted, "together" if len(sure) > 1 else "alone")
    return True


def _contributing(course: _Course, found: SearchResult) -> None:
    """The first few units, by what they contribute, that bring the target and turn the takes back."""
    order = [share.unit for share in found.shares if share.effect > 0]
    groups: list[Group] = [tuple(order[:size]) for size in GROUP_SIZES if size <= len(order)]
    bring = [brought.group for brought in course.interchanges.measure(groups, course.few) if brought.brings]
    tried = course.first(bring)
    found.groups += tried
    works = sorted((muted for muted in tried if muted.turns), key=lambda muted: len(muted.group))
    works = [muted for muted in course.trials.measure([muted.group for muted in works[:TRIED_GROUPS]]) if muted.turns]
    if works:
        _keep_smallest(course, found, works[0].group)


def _keep_smallest(course: _Course, found: SearchResult, group: Group) -> None:
    """What cannot be left out of a group that turns the takes back is the set, if it brings the target; if not, it is
    needed and no more."""
    core = course.trials.measure([minimal_set(course.trials, group, course.trials.seeds)])[0]
    if course.interchanges.measure([core.group])[0].brings:
        found.keep(core, "together" if len(core.group) > 1 else "alone")
    else:
        found.needed.append(core)


def _whole_locations(course: _Course, found: SearchResult, locations: Sequence[Location]) -> None:
    """The location that turns the takes back, and brings the target."""
    tried = _narrowed(course, locations)
    finalists = course.trials.measure([muted.group for muted in tried[:FINALISTS]])
    found.groups += finalists
    _keep_enough(course, found, [muted for muted in finalists if muted.turns])


def _inside(course: _Course, found: SearchResult, within: Within) -> None:
    """A few units of the location that do what it does as a whole, though they were no candidates."""
    place = found.group[0] if found.group else None
    units = within(place) if isinstance(place, Location) and found.several else ()
    groups: list[Group] = [tuple(units[:size]) for size in INSIDE if size <= len(units)]
    turning = [muted.group for muted in course.short.measure(groups, course.few) if muted.turns]
    brought = course.interchanges.measure(turning, course.few)
    works = [group for group, other in zip(turning, brought, strict=True) if other.brings]
    core = minimal_set(course.short, min(works, key=len), course.few, at_most=FEW_UNITS) if works else ()
    if core and len(core) <= FEW_UNITS:
        _keep_smallest(course, found, core)


def _where_they_are(course: _Course, found: SearchResult, locations: Sequence[Location], within: Within) -> None:
    """A location that holds several units of the set, and does it without them, is the better answer: a change that is
    spread over all of it shows in many of its units. So is one that is hardly more than those units."""
    held = Counter(unit.location for unit in found.group if isinstance(unit, Unit))
    places = [place for place, count in held.items() if count >= PAIR and place in locations]
    units = {place: within(place) for place in places}
    rest = {place: tuple(unit for unit in units[place] if unit not in found.group) for place in places}
    better = [
        place
        for place in places
        if held[place] >= MUCH_OF_IT * len(units[place]) or course.first([rest[place]])[0].turns
    ]
    turning = [muted for muted in course.trials.measure([(place,) for place in better]) if muted.turns]
    found.groups += turning
    _keep_enough(course, found, turning)


def _keep_enough(course: _Course, found: SearchResult, turning: Sequence[Muted]) -> None:
    """Of locations that turn the takes back, the strongest that brings the target is the set."""
    turning = sorted(turning, key=_effect)
    brought = course.interchanges.measure([muted.group for muted in turning])
    if single := next((muted for muted, other in zip(turning, brought, strict=True) if other.brings), None):
        found.keep(single, "location")


def _narrowed(course: _Course, locations: Sequence[Location]) -> list[Muted]:
    """Single locations that turn a few takes back, the strongest effect first. Of many, all layers of a site at once
    are tried first, then halves of those that do something, or break the sound and so tell nothing; and so on."""
    level: list[Group] = [(place,) for place in locations]
    if len(locations) > TRIED_ONE_BY_ONE:
        sites = dict.fromkeys(place.site for place in locations)
        level = [tuple(place for place in sorted(locations) if place.site == site) for site in sites]
    singles: list[Muted] = []
    while level:
        tried = course.first(level)
        singles += [muted for muted in tried if len(muted.group) == 1 and muted.turns]
        level = [
            half
            for muted in tried
            if len(muted.group) > 1 and (muted.turns or muted.broke or muted.effect < SOMETHING)
            for half in (muted.group[: len(muted.group) // 2], muted.group[len(muted.group) // 2 :])
        ]
    return sorted(singles, key=_effect)
