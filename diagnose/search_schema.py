"""How a set of units was searched, as results hold it."""

from __future__ import annotations

from pydantic import BaseModel

from tonescope.diagnose.stats import Share


class Tried(BaseModel):
    """Units, or a whole location, that were muted together in the search: in how many takes, and how many turned
    back."""

    names: list[str]
    turned: Share


class SearchRecord(BaseModel):
    """How the set was searched: candidates that were muted one by one, takes that were played for it, the most units
    that were muted together, and the largest share of takes that anything tried turned back. ``several``: whether sets
    of a few units were looked for; not, for a prompt that is played right. ``tried`` is all of it."""

    candidates: int
    generations: int
    largest_group: int
    largest_share: float
    several: bool = True
    tried: list[Tried] = []
