"""Takes that are not played: what turns them back, and what brings the target, is a known function of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tonescope.diagnose.causes.interchange import Brought
from tonescope.diagnose.causes.muting_trials import Group, Muted
from tonescope.diagnose.schema import Contrast
from tonescope.models.units import Location, Unit

Holds = Callable[[set[Unit | Location]], bool]
"""Whether something is so, of the units that are muted, or put in."""


def unit(index: int) -> Unit:
    """One of many."""
    return Unit(Location("decoder", 0, "mlp"), index)


def units(count: int) -> Group:
    """The first so many."""
    return tuple(unit(index) for index in range(count))


def all_of(*indices: int) -> Holds:
    """Only together."""
    return lambda group: {unit(index) for index in indices} <= group


def any_of(*indices: int) -> Holds:
    """Each alone."""
    return lambda group: any(unit(index) in group for index in indices)


def some_of(count: int, *indices: int) -> Holds:
    """Any so many of them."""
    return lambda group: sum(unit(index) in group for index in indices) >= count


def never(group: set[Unit | Location]) -> bool:
    """Nothing does."""
    return False


def nothing(group: Group) -> float:
    """No effect."""
    return 0.0


@dataclass(frozen=True)
class Cause:
    """What has to be muted for takes to turn back, and what has to be put in to bring the target."""

    turns: Holds
    brings: Holds


def one(index: int) -> Cause:
    return Cause(all_of(index), all_of(index))


def stand_ins(*indices: int) -> Cause:
    """Each is enough, so all have to be muted."""
    return Cause(all_of(*indices), any_of(*indices))


def together(*indices: int) -> Cause:
    """Each is needed, so muting one will do."""
    return Cause(any_of(*indices), all_of(*indices))


def most_of(*indices: int) -> Cause:
    """More than half of an odd number of them."""
    return Cause(some_of((len(indices) + 1) // 2, *indices), some_of((len(indices) + 1) // 2, *indices))


class BooleanTrials:
    """Stands in for :class:`tonescope.diagnose.causes.muting_trials.MutingTrials`.

    Args:
        turns: whether takes turn back where such units are muted.
        effect: change of the margin in takes that do not turn; in the others it is 10 less.
    """

    def __init__(self, turns: Holds, effect: Callable[[Group], float] = nothing) -> None:
        self._turns, self._effect = turns, effect
        self.seeds, self.rows, self.length, self.heard_as_target = (1, 2, 3, 4), 0, 1.0, 4
        self.contrast = Contrast(target="techno", foil="house")
        self.played: list[Group] = []
        self._known: dict[frozenset[Any], Muted] = {}

    def measure(
        self, groups: Iterable[Group], seeds: Sequence[int] | None = None, *, advance: Any = None
    ) -> list[Muted]:
        found = []
        for group in groups:
            assert group, "an empty group was played"
            muted = self._known.setdefault(frozenset(group), Muted(group))
            turned = self._turns(set(group))
            for seed in seeds or self.seeds:
                if seed not in muted.back:
                    self.rows += 1
                    self.played.append(group)
                    muted.back[seed] = turned
                    muted.changes[seed] = muted.bounded[seed] = self._effect(group) - 10.0 * turned
            found.append(muted)
        if advance:
            advance(1.0)
        return found


class BooleanInterchanges:
    """Stands in for :class:`tonescope.diagnose.causes.interchange.Interchanges`.

    Args:
        brings: whether such units' activations bring the target.
        effect: the margin of takes that are not heard as the target; in the others it is 10 more.
    """

    def __init__(self, brings: Holds, effect: Callable[[Group], float] = nothing, prompt: str | None = "jazz") -> None:
        self._brings, self._effect, self.prompt = brings, effect, prompt
        self.seeds, self.rows = (1, 2, 3, 4), 0
        self._known: dict[frozenset[Any], Brought] = {}
        if prompt:
            self._known[frozenset()] = Brought((), dict.fromkeys(self.seeds, 0.0), dict.fromkeys(self.seeds, False))

    def measure(
        self, groups: Sequence[Group], seeds: Sequence[int] | None = None, *, advance: Any = None
    ) -> list[Brought]:
        found = []
        for group in groups:
            brought = self._known.setdefault(frozenset(group), Brought(group))
            for seed in seeds or self.seeds:
                if self.prompt and seed not in brought.heard:
                    self.rows += 1
                    brought.heard[seed] = self._brings(set(group))
                    brought.margins[seed] = self._effect(group) + 10.0 * brought.heard[seed]
            found.append(brought)
        return found


def proper_parts(group: Group) -> list[Group]:
    """What is left without one unit."""
    return list(combinations(group, len(group) - 1)) if len(group) > 1 else []
