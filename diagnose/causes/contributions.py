"""Contributions: how much each of many units does, where none does it alone.

Half of the units are muted at a time, by a design in which every unit is muted in half of the runs and every two
together in a quarter of them (Plackett and Burman 1946; a Hadamard matrix). So each effect is the difference of two
means over all runs: units that stand in for one another, that are needed together, and that each do a part, all show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.causes.muting_trials import MutingTrials
from tonescope.diagnose.intervene.play import Advance
from tonescope.models.units import Unit

SURE = 3.0  # standard errors below zero


@dataclass(frozen=True)
class Contribution:
    """A unit's effect on the margin, on average over what else is muted, and how many standard errors that is."""

    unit: Unit
    effect: float
    errors: float

    @property
    def sure(self) -> bool:
        """Whether it is clearly below zero."""
        return self.errors < -SURE


def design(units: int) -> NDArray[np.bool_]:
    """Which units are muted in which run: (runs, units), every column half true."""
    size = 2 ** math.ceil(math.log2(units + 1))
    matrix = np.ones((1, 1), dtype=int)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix[:, 1 : units + 1] < 0


def contributions(
    trials: MutingTrials, units: Sequence[Unit], seeds: Sequence[int], *, advance: Advance | None = None
) -> list[Contribution]:
    """The contribution of every unit in the takes of ``seeds``, the strongest first."""
    if not units:
        return []
    runs = design(len(units))
    groups = [tuple(unit for unit, muted in zip(units, run, strict=True) if muted) for run in runs]
    # Nothing is muted in the first run.
    changes = np.array([0.0, *(muted.effect for muted in trials.measure(groups[1:], seeds, advance=advance))])
    measured = [(changes[muted], changes[~muted]) for muted in runs.T]
    effects = np.array([inside.mean() - outside.mean() for inside, outside in measured])
    # What the sum of all effects leaves unexplained is the noise; few runs are left for it, so the spread of the
    # effects themselves bounds it from below: most units do nothing (Lenth 1989).
    typical = 1.5 * np.median(np.abs(effects))
    spread = 1.5 * np.median(np.abs(effects[np.abs(effects) <= 2.5 * typical])) if typical else 0.0
    order = effects.argsort()
    return [Contribution(units[row], float(effects[row]), float(effects[row] / max(spread, 1e-9))) for row in order]
