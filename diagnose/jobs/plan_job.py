"""``plan`` as a job: what to ask a hosted generator for. Nothing is called and no model is loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.settings import Seed, TakeCount, check_prompt
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View


class PlanParameters(JobParameters):
    """What ``plan`` can be asked: a prompt, who is to play it, and how often."""

    prompt: Annotated[str, Positional(), Field(description="What you would type into the generator.")]
    service: Annotated[
        str,
        Flag(metavar="NAME"),
        Field(description="Who plays: lyria-2, stable-audio-2-5, suno, udio, other."),
    ] = "other"
    takes: Annotated[TakeCount, Field(description="How many takes of every request.")] = 8
    seed: Annotated[Seed, Field(description="Seed of the first take, where the service has seeds.")] = 1
    seconds: Annotated[
        float | None,
        Range(0, 600, "{} seconds cannot be asked for", above=True),
        Field(description="Length of every take, where the service lets that be chosen."),
    ] = None
    csv: Annotated[
        Path | None,
        Flag(metavar="FILE"),
        Field(description="Write the table here (as requests.csv beside the answers, listen --variants finds it)."),
    ] = None


def _result() -> type[BaseModel]:
    from tonescope.diagnose.elsewhere.request_plan import RequestPlan

    return RequestPlan


def _check(parameters: PlanParameters) -> None:
    check_prompt(parameters.prompt)
    check_ranges(parameters)
    path = parameters.csv
    if path is None:
        return
    if path.is_dir():
        raise TonescopeError(f"{path} is a folder; name a file in it, such as {path / 'requests.csv'}.")
    if path.exists():
        raise TonescopeError(f"{path} is there already and nothing is overwritten unasked; name another file.")
    if not path.absolute().parent.is_dir():
        raise TonescopeError(f"{path.absolute().parent} is no folder, so no table can be put there; make it first.")


def _run(session: object, parameters: PlanParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.elsewhere.request_plan import PlanWish, as_csv, plan

    made = plan(PlanWish(parameters.prompt, parameters.service, parameters.takes, parameters.seed, parameters.seconds))
    if parameters.csv is not None:
        _write(parameters.csv, as_csv(made))
        made = made.model_copy(update={"table": str(parameters.csv)})
    return Outcome(made, None)


def _write(path: Path, text: str) -> None:
    """The whole table, or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise TonescopeError(
            f"{path} could not be written ({error.strerror or error}); free some space, or name another file."
        ) from error


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import plan_views

    return plan_views.views(result)


JOB = Job(PlanParameters, _result, _run, _views, _check, needs="nothing")
