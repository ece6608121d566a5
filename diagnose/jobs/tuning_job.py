"""``tuning`` as a job: what one unit responds to in families of synthetic stimuli, and in one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import UnitName, check_unit, of_generator
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Range, check_ranges
from tonescope.diagnose.settings import LARGEST_SEED, check_prompt
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

MOST_SEED = LARGEST_SEED - 1_000_000


class TuningParameters(JobParameters):
    """Which unit, which stimuli."""

    unit: UnitName
    family: Annotated[
        list[str],
        Flag("--family", "-f", metavar="NAME"),
        Field(
            default_factory=list,
            description="A family of stimuli (tempo, pitch, kick, instrument, “prompt words”, …); may be given several "
            "times. (default: all that are sound; of the text encoder, prompt words)",
        ),
    ]
    instances: Annotated[
        int,
        Range(4, 64, "{} instances cannot be made", "8 is usual"),
        Field(description="Instances of every value; more, narrower intervals."),
    ] = 8
    seconds: Annotated[
        float, Range(0.25, 30, "{} seconds cannot be made"), Field(description="Length of each stimulus.")
    ] = 2.0
    seed: Annotated[int, Range(0, MOST_SEED, "the seed {} cannot be used"), Field(description="Of what is drawn.")] = (
        51_000
    )
    clip: Annotated[
        str | None, Flag("--clip", metavar="FILE"), Field(description="A sound file to put on the unit.")
    ] = None
    prompt: Annotated[str | None, Field(description="A prompt to put on the unit: takes of it are played.")] = None


def _result() -> type[BaseModel]:
    from tonescope.diagnose.tuning.tuning_views import TuningResult

    return TuningResult


def _check(parameters: TuningParameters) -> None:
    from tonescope.diagnose.tuning.stimuli import chosen_families

    check_unit(parameters.unit.strip())
    check_ranges(parameters)
    chosen = chosen_families(parameters.family)
    text = parameters.unit.strip().startswith("text.")
    if text and parameters.family and any(family.needs != "prompt" for family in chosen):
        raise TonescopeError(
            f"{parameters.unit.strip()} reads words and no sound reaches it; choose the family “prompt "
            "words”, or leave "
            "--family out."
        )
    if parameters.prompt is not None:
        check_prompt(parameters.prompt)
    if parameters.clip is not None:
        from tonescope.diagnose.judging.reference_clips import read_clip

        if text:
            raise TonescopeError(
                f"{parameters.unit.strip()} reads words and no sound reaches it; give --prompt instead of --clip."
            )
        read_clip(parameters.clip)


def _run(session: Session, parameters: TuningParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.tuning.tune_unit import tune_unit

    return Outcome(tune_unit(session, parameters, watch.progress), None)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.tuning import tuning_views

    return tuning_views.views(result)


DURATION = (
    "The first time at a location some 700 short sounds are passed through the models, which takes "
    "longest; all of its units are known then."
)
JOB = Job(
    TuningParameters,
    _result,
    _run,
    _views,
    _check,
    duration=DURATION,
    places=lambda parameters: of_generator(parameters.unit.strip()),
)
