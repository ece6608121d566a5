"""``confusion`` as a job: what it can be asked, and what is refused before anything heavy is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, Range, check_ranges
from tonescope.diagnose.prompts.genre_prompts import MOST_WORDINGS
from tonescope.diagnose.runtime.engine_options import EngineParameters
from tonescope.diagnose.settings import (
    Guidance,
    OwnNoiseSeed,
    SecondJudge,
    Seconds,
    Settings,
    TakeCount,
    Temperature,
    TopK,
    check,
    check_prompt,
    check_second,
)
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

MOST_GENRES = 500
SHOWN = 60  # characters of a name that is refused


class ConfusionParameters(EngineParameters):
    """What ``confusion`` can be asked: which genres, how often, and how takes are played."""

    genres: Annotated[
        str | None,
        Flag(metavar="house,techno,…"),
        Field(description="Genres to ask for, separated by commas. (default: all that the judge knows)"),
    ] = None
    takes: Annotated[
        TakeCount, Field(description="Takes of each genre in each wording; more takes, narrower intervals.")
    ] = 8
    wordings: Annotated[
        int,
        Range(1, MOST_WORDINGS, "genres cannot be asked for in {} wordings", "3 are usual"),
        Field(description="Ask for each genre in so many wordings (“house”, “house music”, …)."),
    ] = 3
    explain: Annotated[
        int,
        Range(0, 100, "{} pairs cannot be explained", "each takes about as long as a diagnosis"),
        Field(description="Find out why, for so many of the surest confusions; each takes as long as a diagnosis."),
    ] = 3
    second_judge: SecondJudge = None
    seconds: Seconds = 4.0
    seed: OwnNoiseSeed = 1
    guidance: Guidance = None
    temperature: Temperature = 1.0
    top_k: TopK = 250

    @property
    def names(self) -> list[str] | None:
        """The genres as they were typed; ``None`` for all that the judge knows."""
        if self.genres is None:
            return None
        return [name for name in (re.sub(r"\s+", " ", part).strip() for part in self.genres.split(",")) if name]

    @property
    def called(self) -> str:
        """What a run of it is called."""
        return f"confusion of {', '.join(self.names or ['all genres'])}"

    @property
    def playing(self) -> Settings:
        """How takes are played, as a diagnosis says it."""
        shared = ("takes", "seconds", "seed", "guidance", "temperature", "top_k", "memory_gib")
        return Settings(**{name: getattr(self, name) for name in shared})


def _result() -> type[BaseModel]:
    from tonescope.diagnose.confusion.confusion_schema import ConfusionReport

    return ConfusionReport


def _check(parameters: ConfusionParameters) -> None:
    check_ranges(parameters)
    parameters.check_engine()
    check("music", parameters.playing)
    check_second(parameters.second_judge)
    names = parameters.names
    if names is None:
        return
    if not names:
        raise TonescopeError("--genres names no genre; write some, separated by commas, such as house,techno.")
    if len(names) > MOST_GENRES:
        raise TonescopeError(f"--genres names {len(names)} genres, and {MOST_GENRES} are the most; leave some out.")
    seen: set[str] = set()
    for name in names:
        check_prompt(name, "genre")
        if name.lower() in seen:
            raise TonescopeError(f"--genres names “{name[:SHOWN]}” twice, and takes would count twice; name it once.")
        seen.add(name.lower())


def _run(session: Session, parameters: ConfusionParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.confusion.confusion import make_report

    return Outcome(*make_report(session, parameters, watch))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import confusion_views

    return confusion_views.views(result, evidence)


DURATION = (
    "Its time is that of playing the takes of all genres; every confusion that is explained is a diagnosis more. Takes "
    "are kept as they are played: a run that was stopped goes on where it was, and more takes of the same genres play "
    "only what is new."
)
JOB = Job(ConfusionParameters, _result, _run, _views, _check, duration=DURATION)
