"""``audit`` as a job: what it can be asked, and what is refused before anything heavy is imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, Range, check_ranges
from tonescope.diagnose.runtime.engine_options import EngineParameters
from tonescope.diagnose.settings import (
    Guidance,
    OwnNoiseSeed,
    SecondJudge,
    Settings,
    Temperature,
    TopK,
    check,
    check_second,
)
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

NOT_PASSED = 3
"""The exit code of an audit in which a threshold failed, or could not be decided."""

LONGEST_NAME = 120


class AuditParameters(EngineParameters):
    """What ``audit`` can be asked: a design, and how takes are played."""

    design: Annotated[
        Path | None,
        Flag(metavar="FILE"),
        Field(description="What to ask, in YAML (factors, wordings, takes, thresholds). (default: a sensible design)"),
    ] = None
    takes_at_most: Annotated[
        int | None,
        Flag(metavar="N"),
        Range(1, 1_000_000, "{} takes cannot be played", "2000 are usual"),
        Field(description="Play so many takes at most: a balanced part of the design, where it has more."),
    ] = None
    dry_run: Annotated[
        bool,
        Field(description="Tell what would be played, what it could show and what it would cost; play a few takes."),
    ] = False
    known: Annotated[
        Path | None,
        Flag(metavar="FOLDER"),
        Field(description="Recordings of the genres, a folder each, to tell the judge's mistakes from the model's."),
    ] = None
    library: Annotated[
        Path | None,
        Flag(metavar="FOLDER"),
        Field(description="Sound files of yours: passages that come again in takes are looked for in them."),
    ] = None
    depth: Annotated[
        bool,
        Field(description="Also record every layer, to tell at which depth the genre is decided."),
    ] = False
    second_judge: SecondJudge = None
    sign: Annotated[
        str | None,
        Flag(metavar="NAME"),
        Field(description="Put this name, the date, hashes and the command into the report."),
    ] = None
    seed: OwnNoiseSeed = 1
    guidance: Guidance = None
    temperature: Temperature = 1.0
    top_k: TopK = 250

    @property
    def called(self) -> str:
        """What a run of it is called."""
        what = "forecast of an audit" if self.dry_run else "audit"
        return f"{what}, {f'design {self.design.stem}' if self.design else 'default design'}"

    def playing(self, seconds: float, takes: int) -> Settings:
        """How takes are played, as a diagnosis says it."""
        shared = ("seed", "guidance", "temperature", "top_k", "memory_gib")
        return Settings(takes=takes, seconds=seconds, **{name: getattr(self, name) for name in shared})


def _result() -> type[BaseModel]:
    from tonescope.diagnose.audit.audit_schema import AuditReport

    return AuditReport


def _check(parameters: AuditParameters) -> None:
    from tonescope.diagnose.audit.design import read_design
    from tonescope.diagnose.audit.known_folders import check_folder

    check_ranges(parameters)
    parameters.check_engine()
    design = read_design(parameters.design)
    check("music", parameters.playing(design.seconds, design.takes))
    for folder, what in ((parameters.known, "--known"), (parameters.library, "--library")):
        if folder is not None:
            check_folder(folder, what)
    check_second(parameters.second_judge)
    _check_name(parameters.sign)


def _check_name(name: str | None) -> None:
    if name is None:
        return
    if not re.search(r"\w", name) or len(name) > LONGEST_NAME or not name.isprintable():
        raise TonescopeError(
            f"--sign takes the name of a person, in one line of at most {LONGEST_NAME} characters; write it, or leave "
            "it out."
        )


def _run(session: Session, parameters: AuditParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.audit.audit import make_audit

    return Outcome(*make_audit(session, parameters, watch))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import audit_views

    return audit_views.views(result, evidence)


def _exit_code(result: Any) -> int:
    return NOT_PASSED if result.passed is False else 0


DURATION = (
    "--dry-run tells how long it will take. Takes are kept as they are played: a run that was stopped goes on where it "
    f"was. The exit code is {NOT_PASSED} where a threshold of the design failed, or could not be decided with so many "
    "takes."
)
JOB = Job(AuditParameters, _result, _run, _views, _check, duration=DURATION, exit_code=_exit_code)
