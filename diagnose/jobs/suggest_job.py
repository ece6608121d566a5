"""``suggest`` as a job: a prompt that plays what is meant, proven by listening; or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.repair.take_budget import FEWEST_TAKES, check_budget
from tonescope.diagnose.settings import (
    Guidance,
    MemoryGib,
    NegativePrompt,
    Seconds,
    Seed,
    Settings,
    Temperature,
    TopK,
    check,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session
    from tonescope.models.generator import Takes

BUDGET, MOST_BUDGET = 120, 2000


class SuggestParameters(JobParameters):
    """What ``suggest`` can be asked."""

    prompt: Annotated[str, Positional(), Field(description="The prompt that does not play what is meant.")]
    intended: Annotated[str | None, Field(description="The genre that is meant, if the prompt does not say it.")] = None
    budget: Annotated[
        int,
        Range(FEWEST_TAKES, MOST_BUDGET, "{} takes cannot be played for a repair", "120 are usual"),
        Field(description="Play at most so many takes in all."),
    ] = BUDGET
    steering: Annotated[
        bool,
        Field(
            description="Where no rewrite helps, look for units that cause it, multiply them, and write steering.json "
            "into --out (as long as a diagnosis)."
        ),
    ] = False
    seconds: Seconds = 4.0
    seed: Seed = 1
    guidance: Guidance = None
    negative: NegativePrompt = None
    temperature: Temperature = 1.0
    top_k: TopK = 250
    memory_gib: MemoryGib = None

    @property
    def settings(self) -> Settings:
        """The settings as results hold them."""
        return Settings.of(self)


def _result() -> type[BaseModel]:
    from tonescope.diagnose.repair.suggest_schema import Suggestion

    return Suggestion


def _check(parameters: SuggestParameters) -> None:
    check(parameters.prompt, parameters.settings)
    check_budget(parameters.budget)  # before the ranges, for it says what the fewest are spent on
    check_ranges(parameters)


def _run(session: Session, parameters: SuggestParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.jobs.request import Request
    from tonescope.diagnose.repair.find_steering import suggest_or_steer
    from tonescope.diagnose.report import suggest_views

    request = Request(parameters.prompt, parameters.settings, parameters.intended)

    def told_early(intended: str, heard: Sequence[str], takes: Takes) -> None:
        watch.played({"untouched": takes})
        watch.announce([suggest_views.early(parameters.prompt, intended, heard)])

    about: dict[str, Any] = {"budget": parameters.budget, "steering": parameters.steering, "told_early": told_early}
    return Outcome(*suggest_or_steer(session, request, watch, **about))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import suggest_views

    return suggest_views.views(result, evidence)


DURATION = (
    "Its time is that of playing as many takes as --budget allows; --steering looks for units as well, as a diagnosis "
    "does."
)
JOB = Job(SuggestParameters, _result, _run, _views, _check, file="suggestion", duration=DURATION)
