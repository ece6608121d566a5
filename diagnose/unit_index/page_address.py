"""The one address of a page: of a unit, a location, or the map of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonescope.models.generator import Generator
    from tonescope.models.judges.judge import Judge

UNDER = "/microscope"
MARK_DIGITS = 12  # of a fingerprint, which tell models apart


def model_mark(place: str, generator: Generator, judge: Judge) -> str:
    """What tells apart the model that a place is in: a place of the same name in another is another."""
    owner = judge if place.startswith("judge.") else generator
    return owner.fingerprint()[:MARK_DIGITS]


def page_address(place: str, generator: Generator, judge: Judge) -> str:
    """Where the page of a unit or location is, on whatever server; of no place, the map of the model."""
    path = f"{UNDER}/{place}" if place else UNDER
    return f"{path}?of={model_mark(place, generator, judge)}"
