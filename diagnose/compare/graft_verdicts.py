"""What played grafts show: which places carry the change, and whether that is sure.

A place carries it where most takes become B's own, or most of the way is gone. That is verified where there are enough
takes, the interval says so as well, and a place that changed about as much, treated alike, does not do the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tonescope.diagnose.compare.compare_schema import GraftRow
from tonescope.diagnose.compare.paired_statistics import FEWEST
from tonescope.diagnose.stats import BELIEVED, adjusted, share

CARRIES = 0.5  # of the change, from which on a place is named


def told(grafts: Sequence[GraftRow], changes: Mapping[str, float]) -> list[GraftRow]:
    """The same rows, with what they show.

    Args:
        changes: how far the weights of each place differ, by name.
    """
    tested = [row for row in grafts if not row.control]
    qs = adjusted([None if row.brings is None else row.brings.p for row in tested])
    rows = {id(row): row.model_copy(update={"q": q}) for row, q in zip(tested, qs, strict=True)}
    return [_told(rows[id(row)], grafts, changes) if id(row) in rows else row for row in grafts]


def _told(row: GraftRow, grafts: Sequence[GraftRow], changes: Mapping[str, float]) -> GraftRow:
    other = _beside(row, grafts, changes)
    beside = other.parts if other else []
    if not _carries(row):
        return row.model_copy(update={"beside": beside})
    doubt = _doubt(row, other)
    return row.model_copy(update={"beside": beside, "carries": True, "verified": not doubt, "doubt": doubt})


def _half_way(row: GraftRow) -> bool:
    """As it was played, whether surely or not."""
    return row.same > CARRIES * row.takes or (row.brings is not None and row.brings.value >= CARRIES)


def _carries(row: GraftRow) -> bool:
    """Not where only a part of the way is gone that may be none at all."""
    may_be_none = row.brings is not None and row.brings.low is not None and row.brings.low <= 0
    return row.same > CARRIES * row.takes or (_half_way(row) and not may_be_none)


def _doubt(row: GraftRow, other: GraftRow | None) -> str:
    """Why a place that carries the change is not verified; empty where it is."""
    if row.takes < FEWEST:
        return f"of {row.takes} takes nothing can be sure: {FEWEST} that differ are the fewest"
    by_takes = share(row.same, row.takes).low > CARRIES
    by_way = row.q is not None and row.q < BELIEVED and row.brings is not None and row.brings.value >= CARRIES
    if not (by_takes or by_way):
        return "it may be chance"
    if other is None:
        return "no other place differs, so there is none to hold it against"
    if _half_way(other):
        return f"{' and '.join(other.parts)} alone does as much"
    return ""


def _beside(row: GraftRow, grafts: Sequence[GraftRow], changes: Mapping[str, float]) -> GraftRow | None:
    """The graft that one is held against: that of a place of its own, drawn for it, or one that was tested alone; of
    several, the one whose weights changed most alike."""
    others = [each for each in grafts if set(each.parts).isdisjoint(row.parts)]
    drawn = [each for each in others if each.control] or [each for each in others if len(each.parts) == 1]
    return min(drawn, key=lambda each: apart(each.parts, row.parts, changes), default=None)


def apart(first: Sequence[str], second: Sequence[str], changes: Mapping[str, float]) -> float:
    """How unlike the changes of two groups of places are, in octaves: the largest of either counts."""
    one, other = (max(changes.get(name, 0.0) for name in names) for names in (first, second))
    return abs(math.log2(max(one, 1e-12) / max(other, 1e-12)))


def shortest(grafts: Sequence[GraftRow]) -> list[GraftRow]:
    """Of the grafts that carry the change those that are verified, if any is; of these those of fewest places, the most
    first; of those one."""
    found = [row for row in grafts if row.carries]
    return sorted(
        found,
        key=lambda row: (
            not row.verified,
            len(row.parts),
            -row.same,
            -(row.brings.value if row.brings else 0.0),
        ),
    )[:1]
