"""Delta debugging: from a group of units that turns takes back when muted, to one from which nothing can be left out.

After Zeller and Hildebrandt 2002 (Simplifying and Isolating Failure-Inducing Input), with many subsets a batch: what
can be left out alone is tried together next, as much of it as can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from tonescope.diagnose.causes.muting_trials import Group, MutingTrials

CHUNKS = 8  # parts that a group is cut into at a time


def minimal_set(trials: MutingTrials, group: Group, seeds: Sequence[int], *, at_most: int | None = None) -> Group:
    """A part of ``group`` that still turns the takes of ``seeds`` back, and from which no unit can be left out; empty
    as soon as it is clear that it would be of more than ``at_most`` units."""
    chunk = _chunk_size(group)
    while len(group) > 1:
        smaller, needed = _without_chunks(trials, group, chunk, seeds)
        if at_most is not None and needed > at_most:
            return ()
        if len(smaller) < len(group):
            group, chunk = smaller, min(chunk, _chunk_size(smaller))
        elif chunk > 1:
            chunk = -(-chunk // 2)
        else:
            break
    return group


def _chunk_size(group: Group) -> int:
    return -(-len(group) // CHUNKS)


def _without_chunks(trials: MutingTrials, group: Group, chunk: int, seeds: Sequence[int]) -> tuple[Group, int]:
    """``group`` without as many of its chunks as can be left out together; and how many of them none can be."""
    parts = [group[start : start + chunk] for start in range(0, len(group), chunk)]
    if len(parts) == 1:
        return group, 1
    tried = trials.measure([_minus(group, part) for part in parts], seeds)
    needless = [(muted.effect, part) for part, muted in zip(parts, tried, strict=True) if muted.turns]
    needless.sort(key=lambda pair: pair[0])  # what is least missed first
    together = accumulate(part for _, part in needless)
    left = [rest for rest in (_minus(group, part) for part in together) if rest]
    works = [muted.group for muted in trials.measure(left, seeds) if muted.turns]
    return min(works, key=len, default=group), len(parts) - len(needless)


def _minus(group: Group, part: Group) -> Group:
    return tuple(unit for unit in group if unit not in part)
