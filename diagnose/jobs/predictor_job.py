"""``predictor`` as a job: takes of a few hundred prompts, and what predicts their genre from the text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, Range, check_ranges
from tonescope.diagnose.runtime.engine_options import EngineParameters
from tonescope.diagnose.settings import Guidance, Seconds, Seed, TakeCount, Temperature, TopK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

MOST_PROMPTS = 5000
FIRST_SEED = 1_000_000  # far from those that diagnoses and repairs are made with


class PredictorParameters(EngineParameters):
    """What ``predictor`` can be asked."""

    prompts: Annotated[
        int,
        Range(0, MOST_PROMPTS, "{} prompts cannot be played", "300 are usual"),
        Field(description="Play so many prompts; 0 fits what reports have played before."),
    ] = 300
    takes: Annotated[TakeCount, Field(description="Takes of each prompt.")] = 2
    seconds: Seconds = 4.0
    seed: Seed = FIRST_SEED
    guidance: Guidance = None
    temperature: Temperature = 1.0
    top_k: TopK = 250
    into: Annotated[
        Path | None,
        Flag(metavar="FOLDER"),
        Field(description="Keep the predictor in this folder. (default: in the cache, where lint and suggest find it)"),
    ] = None


def _result() -> type[BaseModel]:
    from tonescope.diagnose.repair.measure_predictor import PredictorReport

    return PredictorReport


def _check(parameters: PredictorParameters) -> None:
    check_ranges(parameters)
    parameters.check_engine()


def _run(session: Session, parameters: PredictorParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.repair.measure_predictor import measure_predictor

    return Outcome(measure_predictor(session, parameters, watch), None)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import predictor_views

    return predictor_views.views(result)


DURATION = (
    "Every prompt is played. Takes are kept as they are, and those of reports in the same setting are used: a run that "
    "was stopped goes on where it was."
)
JOB = Job(PredictorParameters, _result, _run, _views, _check, duration=DURATION)
