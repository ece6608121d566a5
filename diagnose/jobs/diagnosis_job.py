"""``diagnose`` as a job: what it can be asked, and what is refused before anything heavy is imported."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, Positional
from tonescope.diagnose.runtime.duration import course_of_diagnosis, foretelling
from tonescope.diagnose.settings import SecondJudge, Settings, check, check_second

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.judging.reference_clips import Clip
    from tonescope.diagnose.judging.verdict import Verdict
    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session
    from tonescope.models.generator import Takes

TRACED_UNITS = 64  # at each location and take, frame by frame


class DiagnosisParameters(Settings):
    """What ``diagnose`` can be asked: a prompt, what is known about it, and the settings."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, Positional(), Field(description="What you would type into the music generator.")]
    intended: Annotated[
        str | None,
        Flag(metavar="LABEL"),
        Field(description="The genre you meant, if the prompt does not name it."),
    ] = None
    known: Annotated[
        Path | None,
        Flag(metavar="FOLDER"),
        Field(
            description="Clips that truly are of the genre asked for: "
            "tells the mishearing of codec and judge from the generator's drift."
        ),
    ] = None

    second_judge: SecondJudge = None

    @property
    def settings(self) -> Settings:
        """The settings alone, as results hold them."""
        return Settings(**{name: getattr(self, name) for name in Settings.model_fields})

    @cached_property
    def clips(self) -> Sequence[Clip]:
        """The clips of ``known``, read once. Raises :class:`tonescope.models.errors.TonescopeError` for a folder
        without."""
        from tonescope.diagnose.judging.reference_clips import read_clips

        return read_clips(self.known, seconds=self.seconds) if self.known else ()


def _result() -> type[BaseModel]:
    from tonescope.diagnose.schema import Diagnosis

    return Diagnosis


def _check(parameters: DiagnosisParameters) -> None:
    check(parameters.prompt, parameters.settings)
    check_second(parameters.second_judge)
    _ = parameters.clips


def _run(session: Session, parameters: DiagnosisParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.report import diagnosis_views
    from tonescope.diagnose.store.bookmarks import with_bookmarks
    from tonescope.diagnose.store.traces import OverTime, TraceSpec, steps_of

    def hand_out(takes: Takes) -> None:
        watch.played({"takes": takes})

    def announce(verdict: Verdict, takes: Takes) -> None:
        watch.announce([diagnosis_views.verdict(parameters.prompt, verdict)])

    # Every frame of every denoising step would be gigabytes.
    over_time: OverTime = "mean" if steps_of(session.generator) > 1 else "all"
    keep = TraceSpec(over_time, top=TRACED_UNITS) if watch.keeps else None
    settings = parameters.settings
    progress = foretelling(watch.progress, watch.expect, course_of_diagnosis(settings))
    result, evidence = session.with_second(parameters.second_judge).diagnose(
        parameters.prompt,
        settings,
        intended=parameters.intended,
        clips=parameters.clips,
        trace=keep,
        progress=progress,
        announce=announce,
        hand_out=hand_out,
    )
    return Outcome(with_bookmarks(result, watch.workspace), evidence)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import diagnosis_views

    return diagnosis_views.views(result, evidence)


DURATION = (
    "Units are looked for by playing many more takes than are asked about (--quick does without); a larger model or a "
    "busy machine needs longer for each. About how long the rest will take is said as soon as the first are played."
)
JOB = Job(DiagnosisParameters, _result, _run, _views, _check, file="diagnosis", duration=DURATION)
