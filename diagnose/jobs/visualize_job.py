"""``visualize`` as a job: the sound that drives one unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import (
    FirstSeed,
    Length,
    Naturalness,
    Samples,
    Steps,
    UnitName,
    check_unit,
    of_generator,
)
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Range, check_ranges
from tonescope.diagnose.settings import check_prompt
from tonescope.models.outline import check_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.microscope.feature_visualization import Wish
    from tonescope.diagnose.microscope.objectives import Kind
    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

SIDES: dict[str, tuple[Literal["positive", "negative"], ...]] = {
    "positive": ("positive",),
    "negative": ("negative",),
    "both": ("positive", "negative"),
}
KINDS = ("channel", "neuron")
NAMED = ("samples", "steps", "seconds", "seed", "by", "prompt", "start", "diversity", "naturalness")


class VisualizeParameters(JobParameters):
    """Which unit, how it is asked, and how far to go."""

    unit: UnitName
    objective: Annotated[
        str,
        Flag("--objective", metavar="channel|neuron|UNIT + UNIT - UNIT"),
        Field(
            description="Its mean over the whole sound (channel), one moment of it (neuron), or its mean and those of "
            "others together, such as “decoder.3.mlp:12 - 0.5 * decoder.3.mlp:40”, each in standard deviations."
        ),
    ] = "channel"
    side: Annotated[Literal["positive", "negative", "both"], Field(description="Up, down, or both.")] = "positive"
    samples: Samples = 2
    steps: Steps = 128
    seconds: Length = 2.0
    by: Annotated[
        Literal["auto", "sound", "state", "prompt"],
        Field(description="What is changed: the sound itself, what the generator plays, or what it reads."),
    ] = "auto"
    prompt: Annotated[str, Field(description="What the generator reads meanwhile, or starts to read from.")] = "music"
    start: Annotated[
        Literal["auto", "example", "noise"],
        Field(description="Begin at the real examples that have most of it, or at noise."),
    ] = "auto"
    diversity: Annotated[
        float, Range(0, 100, "diversity cannot weigh {}"), Field(description="How unlike samples are to be.")
    ] = 1.0
    naturalness: Naturalness = 3.0
    seed: FirstSeed = 1

    @property
    def wish(self) -> Wish:
        """As the technique takes it."""
        from tonescope.diagnose.microscope.feature_visualization import Wish

        named = {name: getattr(self, name) for name in NAMED}
        kind: Kind = "neuron" if self.objective == "neuron" else "channel"
        composed = "" if self.objective in KINDS else " ".join(self.objective.split())
        return Wish(kind=kind, composed=composed, sides=SIDES[self.side], **named)


def _result() -> type[BaseModel]:
    from tonescope.diagnose.microscope.visualize_views import FeatureVisualization

    return FeatureVisualization


def _check(parameters: VisualizeParameters) -> None:
    check_unit(parameters.unit.strip())
    check_prompt(parameters.prompt)
    check_ranges(parameters)
    if parameters.objective not in KINDS:
        from tonescope.diagnose.microscope.aims import terms_of

        check_written([str(term.unit) for term in terms_of(parameters.objective)])


def _run(session: Session, parameters: VisualizeParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.microscope.feature_visualization import visualize_units
    from tonescope.diagnose.microscope.microscope import Microscope
    from tonescope.diagnose.microscope.visualize_views import outcome

    scope, wish = Microscope.of(session, watch.progress), parameters.wish
    (made,) = visualize_units(scope, [scope.unit(parameters.unit.strip())], wish)
    return Outcome(*outcome(session, made, wish))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.microscope import visualize_views

    return visualize_views.views(result, evidence)


JOB = Job(
    VisualizeParameters,
    _result,
    _run,
    _views,
    _check,
    file="visualization",
    duration="The first time with a model, real takes are played to compare with, which takes longer.",
    places=lambda parameters: of_generator(parameters.unit.strip()),
)
