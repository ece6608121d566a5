"""Contributions: how much each of many units does, where none does it alone.

The activations of half of the units are put into takes of another prompt at a time, by a design in which every unit is
in half of the runs and every two together in a quarter of them (Plackett and Burman 1946). So each effect is the
difference of two means over all runs: units that stand in for one another, that are needed together, and that each do a
part, all show. Every run has a counterpart with the other half (fold-over: Box and Hunter 1961), or else what two units
do together would look like the effect of a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.causes.interchange import Interchanges
from tonescope.diagnose.intervene.play import Advance
from tonescope.models.units import Unit

SURE = 4.0  # standard errors above zero: of some thirty units, chance lifts one to three now and then
PRIMES = (3, 11, 19, 23, 31, 43, 47)  # one less than a multiple of 4: most units of a design, by size
MOST_UNITS = PRIMES[-1]


@dataclass(frozen=True)
class Contribution:
    """How far a unit moves the margin towards the target, on average over what else is put in, and how many standard
    errors that is."""

    unit: Unit
    effect: float
    errors: float

    @property
    def sure(self) -> bool:
        """Whether it is clearly above zero."""
        return self.errors > SURE


def design(units: int) -> NDArray[np.bool_]:
    """Which units, at most :data:`MOST_UNITS`, are in which run: (runs, units), every column half true. Runs are the
    quadratic residues of a prime, shifted by one each time, and none; then their counterparts in the same order."""
    prime = next(prime for prime in PRIMES if prime >= units)
    residues = np.isin(np.arange(prime), np.arange(prime) ** 2 % prime)
    shifts = (np.arange(prime) - np.arange(prime)[:, None]) % prime
    runs = np.concatenate([residues[shifts], np.zeros((1, prime), dtype=bool)])
    return np.concatenate([runs, ~runs])[:, :units]


def contributions(
    interchanges: Interchanges, units: Sequence[Unit], seeds: Sequence[int], *, advance: Advance | None = None
) -> list[Contribution]:
    """The contribution of every unit, the strongest first. Each run, and its counterpart, is played in one of the
    takes of ``seeds``, in turns. Empty where there is no prompt to put them into, or the activations of half of them
    are more than may be kept."""
    if not units or interchanges.prompt is None:
        return []
    runs = design(len(units))
    groups = [tuple(unit for unit, chosen in zip(units, run, strict=True) if chosen) for run in runs]
    margins = np.zeros(len(runs))
    for turn, seed in enumerate(seeds):
        mine = [run for run in range(len(runs)) if run % (len(runs) // 2) % len(seeds) == turn]
        played = interchanges.measure([groups[run] for run in mine], (seed,))
        if any(brought.too_large for brought in played):
            return []
        margins[mine] = [brought.margins[seed] for brought in played]
        if advance:
            advance((turn + 1) / len(seeds))
    effects = np.array([margins[chosen].mean() - margins[~chosen].mean() for chosen in runs.T])
    # What the sum of all effects leaves unexplained is the noise; few runs are left for it, so the spread of the
    # effects themselves bounds it from below: most units do nothing (Lenth 1989).
    typical = 1.5 * np.median(np.abs(effects))
    spread = 1.5 * np.median(np.abs(effects[np.abs(effects) <= 2.5 * typical])) if typical else 0.0
    order = (-effects).argsort()
    return [Contribution(units[row], float(effects[row]), float(effects[row] / max(spread, 1e-9))) for row in order]
