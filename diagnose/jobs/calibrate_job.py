"""``judge calibrate`` as a job: what it can be asked, and what is refused before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional, Range, check_ranges
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.judge_session import JudgeSession


class CalibrateParameters(JobParameters):
    """What ``judge calibrate`` can be asked: clips of known labels, and what is fitted to them."""

    folder: Annotated[
        Path,
        Positional("FOLDER"),
        Field(
            description="Clips of known labels: a folder for each label, or metadata.csv (or .jsonl) with file_name, "
            "label and, where it is known, source."
        ),
    ]
    bias: Annotated[
        Literal["auto", "always", "never"],
        Field(
            description="Subtract what each label gets in noise and tones: where that makes held-out clips more "
            "probable, always, or never."
        ),
    ] = "auto"
    temperature: Annotated[
        Literal["fit", "keep"],
        Field(description="Fit the temperature, so that probabilities are true, or keep the judge's own."),
    ] = "fit"
    error: Annotated[
        float,
        Range(0.001, 0.5, "{} of clear answers cannot be allowed to be wrong", "0.1 is usual"),
        Field(description="Hear no clear label where more of the clear answers than this would be wrong."),
    ] = 0.1
    probe: Annotated[
        bool,
        Field(description="Train a probe on embeddings of the clips, and hear with it instead of the labels' names."),
    ] = False
    through: Annotated[
        str | None,
        Flag(metavar="embedded|HUB_ID|FOLDER"),
        Field(description="Hear the clips after the codec of this generator as well, as its takes are heard."),
    ] = None


def _result() -> type[BaseModel]:
    from tonescope.diagnose.calibrating.calibrate_schema import CalibrationReport

    return CalibrationReport


def _check(parameters: CalibrateParameters) -> None:
    check_ranges(parameters)
    if not str(parameters.folder).strip() or not parameters.folder.expanduser().is_dir():
        raise TonescopeError(
            f"{str(parameters.folder)[:200]} is no folder, so there are no clips of known labels; name one with a "
            "folder for each label, or with a metadata.csv."
        )
    if parameters.probe and parameters.bias == "always":
        raise TonescopeError(
            "a probe learns its own bias, so --bias always has no place beside --probe; leave one out."
        )
    if parameters.through is not None:
        from tonescope.models.loading import find

        find(parameters.through, "generator")


def _run(session: JudgeSession, parameters: CalibrateParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.calibrating.calibrate import make_calibration

    return Outcome(*make_calibration(session, parameters, watch))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import calibration_views

    return calibration_views.views(result)


DURATION = (
    "What is found is kept for this judge, and used whenever it listens (--calibration none to do without); not "
    "where it hears no better than chance."
)
JOB = Job(CalibrateParameters, _result, _run, _views, _check, file="calibration", duration=DURATION, needs="bare judge")
