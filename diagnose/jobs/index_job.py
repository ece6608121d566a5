"""``index`` as a job: what every unit of some locations does over a corpus of sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import of_generator
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.runtime.engine_options import MOST_WORKERS
from tonescope.models.errors import TonescopeError
from tonescope.models.outline import check_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session


class IndexParameters(JobParameters):
    """Over which sound, and where."""

    corpus: Annotated[
        str,
        Positional("[FOLDER|HUB_ID]"),
        Field(description="A folder of sound files, a data set of the Hub (owner/name), or composed."),
    ] = "composed"
    location: Annotated[
        list[str],
        Flag("--location", "-l", metavar="LOCATION|SITE"),
        Field(
            default_factory=list,
            description="Where: decoder.3.mlp, or all layers of decoder.mlp; may be given several times. (default: "
            "neurons and heads of what plays)",
        ),
    ]
    top: Annotated[
        int,
        Range(1, 256, "{} examples cannot be kept", "8 to 20 are usual"),
        Field(description="So many of the recordings in which a unit does most are kept."),
    ] = 12
    seconds: Annotated[
        float | None,
        Range(0, 60, "{} seconds cannot pass together", above=True),
        Field(description="Length of the parts that recordings are cut into. (default: what the judge hears at once)"),
    ] = None
    longest: Annotated[
        float,
        Range(1, 600, "{} seconds of a recording cannot be heard"),
        Field(description="Seconds of a recording that are heard; of a longer one, parts spread over it."),
    ] = 120.0
    limit: Annotated[
        int | None,
        Range(1, 10**9, "{} recordings cannot be looked at"),
        Field(description="Stop after so many recordings; a later run goes on from there."),
    ] = None
    index: Annotated[
        Path | None,
        Flag("--index", metavar="FOLDER"),
        Field(description="Where the index is kept, and goes on where it was. (default: in the cache)"),
    ] = None
    engine: Annotated[
        Literal["local", "ray"],
        Field(description="Where it is computed: in this process, or by the workers of a Ray cluster."),
    ] = "local"
    ray_address: Annotated[str | None, Flag(metavar="HOST:PORT"), Field(description="A running Ray cluster.")] = None
    workers: Annotated[
        int | None, Range(1, MOST_WORKERS, "{} workers cannot be started"), Field(description="Ray workers.")
    ] = None


def _result() -> type[BaseModel]:
    from tonescope.diagnose.unit_index.index_views import IndexResult

    return IndexResult


def _check(parameters: IndexParameters) -> None:
    from tonescope.diagnose.unit_index.open_corpus import check_corpus

    check_ranges(parameters)
    check_corpus(parameters.corpus)
    if any(not name.strip() for name in parameters.location):
        raise TonescopeError("--location was given nothing; name a location such as decoder.3.mlp, or leave it out.")
    check_written(parameters.location)
    if parameters.engine != "ray" and (parameters.ray_address or parameters.workers):
        raise TonescopeError("--ray-address and --workers are for Ray; add --engine ray, or leave them out.")
    if parameters.index is not None and parameters.index.expanduser().exists():
        folder = parameters.index.expanduser()
        if not folder.is_dir():
            raise TonescopeError(f"{str(folder)[:200]} is a file, so no index can be kept in it; name a folder.")


def _run(session: Session, parameters: IndexParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.unit_index.index_views import outcome
    from tonescope.diagnose.unit_index.indexing import build_index

    built = build_index(session, parameters, watch.progress)
    return Outcome(*outcome(session, built))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.unit_index import index_views

    return index_views.views(result)


DURATION = (
    "What was looked at is kept: an index that was stopped goes on where it was, and a larger --limit looks at what is "
    "new."
)
JOB = Job(
    IndexParameters,
    _result,
    _run,
    _views,
    _check,
    duration=DURATION,
    places=lambda parameters: [place for name in parameters.location for place in of_generator(name.strip())],
)
