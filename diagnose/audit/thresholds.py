"""Thresholds that were fixed before the run: each is passed, failed, or cannot be decided with so many takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Portion = Annotated[float, Field(ge=0, le=1)]
Outcome = Literal["passed", "failed", "undecided"]


class Thresholds(BaseModel):
    """What a release asks for; absent ones are not asked.

    Attributes:
        lowest_adherence: every genre is heard as asked in so large a share of its plain takes, at least.
        largest_gap: adherence of the best and of the worst genre are so far apart, at most.
        smallest_ratio: every genre is heard so often, as a ratio of its reference share, at least.
        largest_default: one genre has so large a share of the neutral takes, at most.
        largest_excluded: so large a share of the takes is left out, at most.
        most_findings: so many findings, at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    lowest_adherence: Portion | None = None
    largest_gap: Portion | None = None
    smallest_ratio: Annotated[float, Field(ge=0, le=10)] | None = None
    largest_default: Portion | None = None
    largest_excluded: Portion | None = None
    most_findings: Annotated[int, Field(ge=0, le=10_000)] | None = None


TITLES = {
    "lowest_adherence": "heard as asked, at least",
    "largest_gap": "gap between best and worst genre, at most",
    "smallest_ratio": "heard, of its reference share, at least",
    "largest_default": "one genre of the neutral takes, at most",
    "largest_excluded": "takes left out, at most",
    "most_findings": "findings, at most",
}
"""What each threshold is about. Its name says by its first word which side it bounds."""


class ThresholdRow(BaseModel):
    """One threshold: its ``limit``, the ``value`` measured with its interval, of which genre or group (``where``)."""

    name: str
    title: str
    limit: float
    value: float
    low: float
    high: float
    where: str
    outcome: Outcome


@dataclass(frozen=True)
class Measured:
    """A number that a threshold is held against, its interval, and what it is of."""

    value: float
    low: float
    high: float
    where: str = ""


def decide(name: str, limit: float, found: Measured) -> ThresholdRow:
    """Whether a number keeps a threshold. It is decided where the whole interval lies on one side.

    So a threshold is passed when that was shown, and failed when the contrary was.
    """
    floor = name.startswith(("lowest", "smallest"))
    good = found.low >= limit if floor else found.high <= limit
    bad = found.high < limit if floor else found.low > limit
    outcome: Outcome = "passed" if good else "failed" if bad else "undecided"
    return ThresholdRow(
        name=name,
        title=TITLES[name],
        limit=limit,
        value=found.value,
        low=found.low,
        high=found.high,
        where=found.where,
        outcome=outcome,
    )
