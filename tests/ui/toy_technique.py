"""A technique as somebody would add one: this file, and a row in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional, Range
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.models.generator import Takes


class Parameters(JobParameters):
    """Where to look, and how often."""

    where: Annotated[str, Positional("WHERE"), Field(description="A location.")]
    takes: Annotated[int, Range(1, 8, "{} takes cannot be counted", "2 is usual"), Field(description="Takes.")] = 2
    measure: Annotated[Literal["mean", "most"], Field(description="What is measured.")] = "mean"
    weights: Annotated[tuple[float, ...], Flag("--weight"), Range(0, 10, "a weight of {} is none")] = (1.0,)
    span: Annotated[tuple[float, float] | None, Field(description="From when to when.")] = None
    label: str | None = None
    loud: bool = False


class Counted(BaseModel):
    """What was counted."""

    where: str
    units: int
    takes: int
    measure: str
    weights: list[float]
    span: tuple[float, float] | None
    loud: bool


@dataclass
class Evidence:
    """The takes that were looked at."""

    played: Takes

    @property
    def sounds(self) -> dict[str, Takes]:
        return {"takes": self.played}


def run(session: Session, parameters: Parameters, watch: Watch) -> Outcome:
    """Count the units of a location."""
    where = session.generator.location(parameters.where)
    if watch.progress:
        watch.progress("count", 0.5)
    seeds = range(parameters.takes)
    played = session.generator.generate(["house"] * len(seeds), list(seeds), 0.3)
    count = session.generator.units(where)
    watch.announce([View("early", "Found early", [("Something was found early.", "observed")])])
    asked = parameters.model_dump(exclude={"where", "label"})
    return Outcome(Counted(where=str(where), units=count, **asked), Evidence(played))


def views(counted: Counted, evidence: Evidence) -> Sequence[View]:
    """The count."""
    rows = ((counted.where, str(counted.units)),)
    sounds = [[Sound(f"take {row}", "takes", row)] for row in range(counted.takes)]
    told = f"{counted.where} has {counted.units} units."
    return [
        View("early", "Found early", [("Something was found early.", "observed")]),
        View("count", "Units there", [(told, "observed")], [Table(("place", "units"), rows)], sounds=sounds),
    ]


JOB = Job(Parameters, lambda: Counted, run, views)
