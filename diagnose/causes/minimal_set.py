"""Delta debugging: from a group of units that turns takes back when muted, to one from which nothing can be left out.

After Zeller and Hildebrandt 2002 (Simplifying and Isolating Failure-Inducing Input), with many subsets a batch: what
can be left out alone is tried together next, as much of it as can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from tonescope.diagnose.causes.muting_trials import Group, MutingTrials

CHUNKS = 8  # parts that a group is cut into at a time


def minimal_set(trials: MutingTrials, group: Group, seeds: Sequence[int]) -> Group:
    """A part of ``group`` that still turns the takes of ``seeds`` back, and from which no unit can be left out."""
    chunk = -(-len(group) // CHUNKS)
    while len(group) > 1:
        smaller = _without_chunks(trials, group, chunk, seeds)
        if len(smaller) == len(group) and chunk == 1:
            break
        group, chunk = smaller, max(1, min(chunk, -(-len(smaller) // CHUNKS)) if len(smaller) < len(group) else chunk // 2)
    return group


def _without_chunks(trials: MutingTrials, group: Group, chunk: int, seeds: Sequence[int]) -> Group:
    """``group`` without as many of its chunks as can be left out together."""
    chunks = [group[start : start + chunk] for start in range(0, len(group), chunk)]
    rest = [_minus(group, part) for part in chunks]
    tried = trials.measure([left for left in rest if left], seeds)
    needless = [part for part, muted in zip([c for c, left in zip(chunks, rest, strict=True) if left], tried, strict=True) if muted.turns]
    needless.sort(key=lambda part: next(muted.effect for muted in tried if set(muted.group) == set(_minus(group, part))))
    together = [left for left in (_minus(group, parts) for parts in accumulate(needless)) if left]
    works = [muted.group for muted in trials.measure(together, seeds) if muted.turns]
    return min(works, key=len, default=group)


def _minus(group: Group, part: Group) -> Group:
    return tuple(unit for unit in group if unit not in part)
