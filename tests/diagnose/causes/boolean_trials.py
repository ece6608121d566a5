"""Trials and other prompts that play nothing: what turns takes back is a known function of what is muted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from tonescope.diagnose.causes.muting_trials import Group, Muted
from tonescope.models.units import Location, Unit

Turns = Callable[[set[Unit | Location]], bool]


def unit(index: int) -> Unit:
    """One of many."""
    return Unit(Location("decoder", 0, "mlp"), index)


def units(count: int) -> Group:
    """The first so many."""
    return tuple(unit(index) for index in range(count))


def all_of(*indices: int) -> Turns:
    """Only together: each alone would do to keep the takes as they are (stand-ins)."""
    return lambda muted: {unit(index) for index in indices} <= muted


def any_of(*indices: int) -> Turns:
    """Each alone: they are needed together."""
    return lambda muted: any(unit(index) in muted for index in indices)


def some_of(count: int, *indices: int) -> Turns:
    """Any so many of them."""
    return lambda muted: sum(unit(index) in muted for index in indices) >= count


class BooleanTrials:
    """Stands in for :class:`MutingTrials`.

    Args:
        turns: whether takes turn back where such units are muted.
        effect: change of the margin in takes that do not turn; in the others it is -10 more.
    """

    def __init__(self, turns: Turns, effect: Callable[[Group], float] = lambda group: 0.0) -> None:
        self._turns, self._effect = turns, effect
        self.seeds, self.rows, self.heard_as_target = (1, 2, 3, 4), 0, 4
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
                muted.changes[seed] = self._effect(group) - 10.0 * turned
            found.append(muted)
        return found


class BooleanElsewhere:
    """Stands in for :class:`Elsewhere`: muting any of ``shared`` changes every other prompt."""

    def __init__(self, *shared: Unit | Location) -> None:
        self.shared, self.rows = set(shared), 0

    def changed(self, groups: Sequence[Group]) -> list[int]:
        return [4 if self.shared & set(group) else 0 for group in groups]


def proper_parts(group: Group) -> list[Group]:
    """What is left without one unit."""
    return list(combinations(group, len(group) - 1)) if len(group) > 1 else []
