"""``edit`` as a job: what it can be asked, and what is refused before anything heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.intervene.edit_kinds import NEEDS_SOURCE, VALUED, wrong_names, wrong_source
from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.runtime.duration import course_of_experiment, foretelling
from tonescope.diagnose.settings import (
    LONGEST_SECONDS,
    Foil,
    Guidance,
    MemoryGib,
    NegativePrompt,
    Seconds,
    Seed,
    Settings,
    TakeCount,
    check,
    check_prompt,
)
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

MOST_STEPS = 10_000


class ExperimentParameters(JobParameters):
    """What ``edit`` can be asked: what to play, which units to change and how, and the settings that matter for it."""

    prompt: Annotated[str, Positional(), Field(description="What to play.")]
    where: Annotated[
        list[str],
        Positional("WHERE"),
        Field(
            description="Units (decoder.3.mlp:117), locations (decoder.3.mlp) or sites (decoder.mlp). "
            "Layers count from 0."
        ),
    ]
    kind: Annotated[
        str, Field(description="What becomes of them: mean (muted), zero, scale, set, patch, resample.")
    ] = "mean"
    value: Annotated[
        float | None,
        Range(-10_000, 10_000, "a value of {} would leave no sound", "units are seldom beyond 100"),
        Field(description="The factor to scale by, or the value to set."),
    ] = None
    source: Annotated[
        str | None,
        Flag("--source", "--donor", metavar="PROMPT"),
        Field(description="Patch in what this prompt makes of them, on the same noise."),
    ] = None
    between: Annotated[
        tuple[float, float] | None,
        Flag(metavar="START END"),
        Range(0, LONGEST_SECONDS, "no edit can start or end at {} seconds"),
        Field(description="Only in these seconds."),
    ] = None
    steps: Annotated[
        tuple[int, int] | None,
        Flag(metavar="FIRST END"),
        Range(0, MOST_STEPS, "no edit can start or end at step {}"),
        Field(description="Only in these denoising steps, counted from 0, up to before END."),
    ] = None
    branch: Annotated[str, Field(description="Half of guidance to edit: both, cond (prompted), uncond.")] = "both"
    strength: Annotated[
        float,
        Flag("--strength", "--amount"),
        Range(-100, 100, "an edit cannot go {} times the way", "1 is all the way"),
        Field(description="How far to go; 1 is all the way."),
    ] = 1.0
    takes: Annotated[TakeCount, Field(description="How many fresh takes to edit; 8 or more give useful intervals.")] = 8
    seconds: Seconds = 4.0
    seed: Annotated[
        Seed, Field(description="As in diagnose: with as many --takes, the edited takes are those that it tests in.")
    ] = 1
    guidance: Guidance = None
    negative: NegativePrompt = None
    foil: Annotated[Foil, Field(description="Measure what is heard against this genre.")] = None
    memory_gib: MemoryGib = None

    @property
    def settings(self) -> Settings:
        """The settings as results hold them."""
        return Settings.of(self)


def _result() -> type[BaseModel]:
    from tonescope.diagnose.jobs.experiment import Experiment

    return Experiment


def _check(parameters: ExperimentParameters) -> None:
    check(parameters.prompt, parameters.settings)
    check_ranges(parameters)
    kind, source = parameters.kind, parameters.source
    for reason in (*wrong_names(kind, parameters.branch), *wrong_source(kind, source, parameters.takes)):
        raise TonescopeError(reason)
    if source is not None:
        check_prompt(source, "source prompt")
    if (parameters.value is None) == (parameters.kind in VALUED):
        told = "needs a value" if parameters.value is None else "takes no value"
        raise TonescopeError(
            f"an edit of the kind {parameters.kind[:20]} {told}; --value goes with {' and '.join(VALUED)}."
        )


def _run(session: Session, parameters: ExperimentParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.intervene.interventions import Edit
    from tonescope.diagnose.jobs.experiment import targets

    how: dict[str, Any] = {name: getattr(parameters, name) for name in ("kind", "branch", "strength", "steps")}
    how |= {"value": parameters.value or 0.0, "seconds": parameters.between}
    edit = Edit(targets(session.generator, parameters.where), **how)
    prompt, settings, source = parameters.prompt, parameters.settings, parameters.source
    sets = 3  # untouched, edited, and random others edited
    course = course_of_experiment(sets, parameters.kind in NEEDS_SOURCE)
    progress = foretelling(watch.progress, watch.expect, course)
    found = session.experiment(prompt, edit, settings, source=source, progress=progress)
    return Outcome(*found)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import experiment_views

    return experiment_views.views(result, evidence)


def _places(parameters: ExperimentParameters) -> Sequence[str]:
    return parameters.where


JOB = Job(ExperimentParameters, _result, _run, _views, _check, file="experiment", places=_places)
