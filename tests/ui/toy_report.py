"""A report as somebody would add one: this file, and a row in the registry."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import JobParameters
from tonescope.diagnose.report.view import View
from tonescope.diagnose.runtime.session import Session


class Inventory(BaseModel):
    """How many locations a model has."""

    model: str
    locations: int
    timings: dict[str, float] = {}


def run(session: Session, _: JobParameters, watch: Watch) -> Outcome:
    """Count them."""
    generator = session.generator
    return Outcome(Inventory(model=generator.name, locations=len(generator.locations())), None)


def views(inventory: Inventory, _: None) -> Sequence[View]:
    """One sentence."""
    return [View("count", "Locations", [(f"{inventory.model} has {inventory.locations} locations.", "observed")])]


JOB = Job(JobParameters, lambda: Inventory, run, views)
