"""``lint`` as a job: what can be said of a prompt before anything is played."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import JobParameters, Positional, check_ranges
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session


class LintParameters(JobParameters):
    """What ``lint`` can be asked."""

    prompt: Annotated[str, Positional(), Field(description="The prompt, finished or not.")]
    intended: Annotated[str | None, Field(description="The genre that is meant, if the prompt does not say it.")] = None


def _result() -> type[BaseModel]:
    from tonescope.diagnose.repair.live_feedback import Feedback

    return Feedback


def _check(parameters: LintParameters) -> None:
    check_ranges(parameters)
    if not parameters.prompt.strip():
        raise TonescopeError("the prompt is empty, so there is nothing to look at; type a few words.")


def _run(session: Session, parameters: LintParameters, watch: Watch) -> Outcome:
    started = time.perf_counter()
    found = session.lint(parameters.prompt, intended=parameters.intended)
    return Outcome(found.model_copy(update={"timings": {"lint": round(time.perf_counter() - started, 4)}}), None)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import lint_views

    return lint_views.views(result)


JOB = Job(LintParameters, _result, _run, _views, _check)
