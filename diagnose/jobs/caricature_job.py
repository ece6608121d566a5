"""``caricature`` as a job: a new sound that does at a location what a clip does there, only more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import (
    FirstSeed,
    Length,
    LocationName,
    Naturalness,
    Samples,
    Steps,
    check_location,
    of_generator,
)
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Range, check_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

NAMED = ("power", "within", "samples", "steps", "seconds", "seed", "naturalness")


class CaricatureParameters(JobParameters):
    """Where, of what, and how far."""

    location: LocationName
    clip: Annotated[str, Flag("--clip", metavar="FILE"), Field(description="The sound file to exaggerate.")]
    power: Annotated[
        float,
        Range(0, 8, "a power of {} cannot be used", "2 is usual"),
        Field(description="How much the same direction matters beside strength."),
    ] = 2.0
    within: Annotated[
        float,
        Range(0, 10, "{} seconds cannot be averaged", "0.25 is usual"),
        Field(description="Seconds in which it does not matter when something is done."),
    ] = 0.25
    samples: Samples = 1
    steps: Steps = 160
    seconds: Length = 4.0
    naturalness: Naturalness = 3.0
    seed: FirstSeed = 1


def _result() -> type[BaseModel]:
    from tonescope.diagnose.microscope.caricature_views import CaricatureResult

    return CaricatureResult


def _check(parameters: CaricatureParameters) -> None:
    from tonescope.diagnose.judging.reference_clips import read_clip

    check_location(parameters.location.strip())
    check_ranges(parameters)
    read_clip(parameters.clip)


def _run(session: Session, parameters: CaricatureParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.judging.reference_clips import read_clip
    from tonescope.diagnose.microscope.caricature import CaricatureWish, caricature
    from tonescope.diagnose.microscope.caricature_views import outcome
    from tonescope.diagnose.microscope.microscope import Microscope

    scope = Microscope.of(session, watch.progress)
    wish = CaricatureWish(**{name: getattr(parameters, name) for name in NAMED})
    clip = read_clip(parameters.clip)
    made = caricature(scope, scope.location(parameters.location.strip()), clip, wish)
    return Outcome(*outcome(session, made))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.microscope import caricature_views

    return caricature_views.views(result, evidence)


JOB = Job(
    CaricatureParameters,
    _result,
    _run,
    _views,
    _check,
    places=lambda parameters: of_generator(parameters.location.strip()),
)
