"""A lens as somebody would add one: this file, and a row in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import JobParameters, Positional
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.technique_result import TechniqueEvidence, TechniqueResult, told
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import Artifact


class ToyParameters(JobParameters):
    """Which unit."""

    unit: Annotated[str, Positional("UNIT"), Field(description="A unit.")]


def run(session: Session, parameters: ToyParameters, watch: Watch) -> Outcome:
    """Two real takes, as the sound of a unit."""
    scope = Microscope.of(session, watch.progress)
    recipe = scope.recipe("toylens", 1, {"unit": str(scope.unit(parameters.unit))})
    made = scope.store.made(recipe, lambda: Artifact.of_takes(recipe, scope.real_takes.rows(0, 2)))
    takes = made.artifact.takes(["music"] * 2, [0, 1])
    return Outcome(TechniqueResult(**told(session, made, [])), TechniqueEvidence({"takes": takes}))


def views(result: Any, evidence: TechniqueEvidence) -> Sequence[View]:
    """The takes."""
    sounds = [[Sound(f"take {row}", "takes", row)] for row in range(2)]
    return [View("toylens", "Toy", [("Two takes.", "observed")], sounds=sounds, depth="first")]


JOB = Job(ToyParameters, lambda: TechniqueResult, run, views)
