"""``contrast`` as a job: two prompts on the same noise, and what makes the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import JobParameters, Positional, check_ranges
from tonescope.diagnose.settings import (
    Foil,
    Guidance,
    MemoryGib,
    NegativePrompt,
    Seconds,
    Seed,
    Settings,
    TakeCount,
    Temperature,
    TopK,
    check,
    check_prompt,
)
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session


class ContrastParameters(JobParameters):
    """What ``contrast`` can be asked."""

    first: Annotated[str, Positional("PROMPT_A"), Field(description="The first prompt.")]
    second: Annotated[str, Positional("PROMPT_B"), Field(description="The second; it is told what makes it different.")]
    takes: TakeCount = 8
    seconds: Seconds = 4.0
    seed: Seed = 1
    guidance: Guidance = None
    negative: NegativePrompt = None
    temperature: Temperature = 1.0
    top_k: TopK = 250
    foil: Foil = None
    memory_gib: MemoryGib = None

    @property
    def settings(self) -> Settings:
        """The settings as results hold them."""
        return Settings.of(self)


def _result() -> type[BaseModel]:
    from tonescope.diagnose.repair.contrast_schema import PromptContrast

    return PromptContrast


def check_two(first: str, second: str) -> None:
    """Raise :class:`TonescopeError` for two prompts that are one."""
    if " ".join(first.split()) == " ".join(second.split()):
        raise TonescopeError("both prompts are the same, so nothing can differ; give two that differ in a few words.")


def _check(parameters: ContrastParameters) -> None:
    check(parameters.first, parameters.settings)
    check_prompt(parameters.second, "second prompt")
    check_two(parameters.first, parameters.second)
    check_ranges(parameters)
    if parameters.takes < 2:
        raise TonescopeError("one take of each prompt shows no difference from chance; ask for 2 takes or more.")


def _run(session: Session, parameters: ContrastParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.jobs.request import Request
    from tonescope.diagnose.repair.prompt_contrast import prompt_contrast

    request = Request(parameters.first, parameters.settings)
    return Outcome(*prompt_contrast(session, request, parameters.second, watch))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import contrast_views

    return contrast_views.views(result)


DURATION = (
    "Takes of both prompts are played, then fresh ones with every phrase left out or added, and with the layers of one "
    "put into the other: its time grows with --takes, --seconds and the phrases."
)
JOB = Job(ContrastParameters, _result, _run, _views, _check, duration=DURATION)
