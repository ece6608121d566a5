"""Controls: random units like those that are tested, to tell what any units would do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tonescope.models.units import Location, Unit


def matched_controls(
    units: Sequence[Unit], activity: dict[Location, Tensor], seed: int, nearest: int = 12, avoid: Iterable[Unit] = ()
) -> tuple[Unit, ...]:
    """As many random other units, each from the same location and about as active as the one it stands for.

    Where a location has no other units left (most heads of a layer can be among the strongest), the nearest layer of
    the same site that has some is drawn from; where the whole site has none left, the control is smaller than
    ``units``.

    Args:
        units: those to match.
        activity: per location, (units,): how active each unit is, as in
            :attr:`tonescope.diagnose.attribution.gradients.Attribution.activity`.
        seed: of the draw.
        nearest: each control is drawn from so many free units of the most similar activity.
        avoid: units that are no controls either.
    """
    random = np.random.default_rng(seed)
    taken = {(unit.location, unit.index) for unit in (*units, *avoid)}
    by_activity = {place: _ByActivity(levels.numpy()) for place, levels in activity.items()}
    chosen = []
    for unit in units:
        here, level = unit.location, float(activity[unit.location][unit.index])
        same_site = (place for place in activity if place.site == here.site)
        for place in sorted(same_site, key=lambda place: abs(place.layer - here.layer)):
            free = (index for index in by_activity[place].nearest_first(level) if (place, index) not in taken)
            candidates = list(islice(free, nearest))
            if candidates:
                pick = candidates[random.integers(len(candidates))]
                taken.add((place, pick))
                chosen.append(Unit(place, pick))
                break
    return tuple(chosen)


def matched_group(
    targets: Sequence[Unit | Location],
    activity: dict[Location, Tensor],
    seed: int,
    avoid: Iterable[Unit | Location] = (),
) -> tuple[Unit | Location, ...]:
    """:func:`matched_controls`; for a whole location, another of the same site, drawn at random. Nothing is drawn
    twice."""
    random = np.random.default_rng(seed)
    places = [target for target in targets if isinstance(target, Location)]
    drawn = list[Location]()
    for own in places:
        others = [place for place in activity if place.site == own.site and place not in (*places, *drawn)]
        drawn += [others[random.integers(len(others))]] if others else []
    units = [target for target in targets if isinstance(target, Unit)]
    avoided = [target for target in avoid if isinstance(target, Unit)]
    return (*drawn, *matched_controls(units, activity, seed, avoid=avoided))


class _ByActivity:
    """The units of one location in order of activity."""

    def __init__(self, activity: NDArray[np.floating]) -> None:
        self.order = np.argsort(activity)
        self.levels = activity[self.order]

    def nearest_first(self, level: float) -> Iterator[int]:
        """Indices of units by the distance of their activity from ``level``."""
        above = int(np.searchsorted(self.levels, level))
        below = above - 1
        while below >= 0 or above < len(self.levels):
            down = level - self.levels[below] if below >= 0 else np.inf
            up = self.levels[above] - level if above < len(self.levels) else np.inf
            if down < up:
                yield int(self.order[below])
                below -= 1
            else:
                yield int(self.order[above])
                above += 1
