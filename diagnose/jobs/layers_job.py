"""``layers`` as a job: the sound at every depth of the network that plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.settings import Guidance, Seconds, Seed, check_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

MOST_TAKES = 16


class LayersParameters(JobParameters):
    """What to play."""

    prompt: Annotated[str, Positional(), Field(description="What to play.")]
    takes: Annotated[
        int,
        Range(1, MOST_TAKES, "{} takes cannot be read layer by layer", "2 to 8 are usual"),
        Field(description="How many takes to read."),
    ] = 4
    seconds: Seconds = 4.0
    guidance: Guidance = 3.0
    seed: Seed = 1
    stems: Annotated[
        bool,
        Field(
            description="Probe every layer for drums, bass, chords and lead as well, on composed pieces (some "
            "minutes, once for a model)."
        ),
    ] = False


def _result() -> type[BaseModel]:
    from tonescope.diagnose.microscope.layer_views import LayerMapResult

    return LayerMapResult


def _check(parameters: LayersParameters) -> None:
    check_prompt(parameters.prompt)
    check_ranges(parameters)


def _run(session: Session, parameters: LayersParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.microscope.layer_map import MapWish, layer_map
    from tonescope.diagnose.microscope.layer_views import outcome
    from tonescope.diagnose.microscope.microscope import Microscope
    from tonescope.diagnose.microscope.stem_probes import stem_probes

    scope, wish = Microscope.of(session, watch.progress), MapWish(**parameters.model_dump(exclude={"stems"}))
    made = layer_map(scope.within(0.0, 0.5) if parameters.stems else scope, wish)
    stems = stem_probes(scope.within(0.5, 1.0)) if parameters.stems else None
    return Outcome(*outcome(session, made, wish, stems))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.microscope import layer_views

    return layer_views.views(result, evidence)


JOB = Job(LayersParameters, _result, _run, _views, _check)
