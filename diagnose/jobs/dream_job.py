"""``dream`` as a job: what goes on at one location goes on more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import (
    FirstSeed,
    Length,
    LocationName,
    Naturalness,
    Steps,
    check_location,
    of_generator,
)
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Range, check_ranges
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

NAMED = ("strength", "octaves", "ratio", "steps", "seconds", "seed", "naturalness")


class DreamParameters(JobParameters):
    """Where, of what, and how far."""

    location: LocationName
    clip: Annotated[str | None, Flag("--clip", metavar="FILE"), Field(description="A sound file to dream of.")] = None
    start: Annotated[
        Literal["neutral", "noise"],
        Flag("--from"),
        Field(description="Without a clip: from what the model plays when nobody asks, or from noise."),
    ] = "neutral"
    strength: Annotated[
        float, Range(0, 1, "a strength of {} is none"), Field(description="From faithful to surreal.")
    ] = 0.5
    octaves: Annotated[
        int, Range(1, 8, "{} octaves cannot be gone through", "3 are usual"), Field(description="How many time scales.")
    ] = 3
    ratio: Annotated[
        float,
        Range(1, 4, "time cannot be compressed {} times", "1.5 is usual", above=True),
        Field(description="From one time scale to the next."),
    ] = 1.5
    steps: Steps = 40
    seconds: Length = 4.0
    naturalness: Naturalness = 3.0
    seed: FirstSeed = 1


def _result() -> type[BaseModel]:
    from tonescope.diagnose.microscope.dream_views import Dream

    return Dream


def _check(parameters: DreamParameters) -> None:
    check_location(parameters.location.strip())
    check_ranges(parameters)
    if parameters.clip is not None and parameters.start != "neutral":
        raise TonescopeError("a dream starts from a clip or from noise, and both were asked for; leave one out.")
    if parameters.clip is not None:
        from tonescope.diagnose.judging.reference_clips import read_clip

        read_clip(parameters.clip)


def _run(session: Session, parameters: DreamParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.judging.reference_clips import read_clip
    from tonescope.diagnose.microscope.deep_dream import DreamWish, dream
    from tonescope.diagnose.microscope.dream_views import outcome
    from tonescope.diagnose.microscope.microscope import Microscope

    scope = Microscope.of(session, watch.progress)
    clip = read_clip(parameters.clip) if parameters.clip is not None else None
    wish = DreamWish(start=parameters.start, **{name: getattr(parameters, name) for name in NAMED})
    made = dream(scope, scope.location(parameters.location.strip()), wish, clip)
    return Outcome(*outcome(session, made))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.microscope import dream_views

    return dream_views.views(result, evidence)


JOB = Job(
    DreamParameters,
    _result,
    _run,
    _views,
    _check,
    places=lambda parameters: of_generator(parameters.location.strip()),
)
