"""``find`` as a job: units by what they respond to, or by a statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.index_options import IndexOptions
from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import check_location
from tonescope.diagnose.jobs.parameters import Flag, Positional, Range, check_ranges
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

LONGEST = 200  # characters


class FindParameters(IndexOptions):
    """What is looked for, and where."""

    query: Annotated[
        str,
        Positional("WORDS"),
        Field(
            description="What units respond to (kick, slow tempo, accordion, polka), or a statistic (sparsest, most)."
        ),
    ]
    location: Annotated[
        list[str],
        Flag("--location", "-l", metavar="LOCATION"),
        Field(
            default_factory=list,
            description="Only there; may be given several times. (default: all that an index is over)",
        ),
    ]
    most: Annotated[
        int, Range(1, 1000, "{} units cannot be shown", "20 is usual"), Field(description="How many are shown.")
    ] = 20


def _result() -> type[BaseModel]:
    from tonescope.diagnose.unit_index.find_views import FindResult

    return FindResult


def _check(parameters: FindParameters) -> None:
    check_ranges(parameters)
    parameters.check_index()
    if not parameters.query.strip():
        raise TonescopeError("nothing was asked for; name what units are to respond to, such as kick or slow tempo.")
    if len(parameters.query) > LONGEST:
        raise TonescopeError(f"what is asked for has {len(parameters.query)} letters; ask for a word or two.")
    for name in parameters.location:
        check_location(name.strip())
    parameters.check_any_index()


def _run(session: Session, parameters: FindParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.unit_index.find_views import found_units

    return Outcome(found_units(session, parameters, watch.progress), None)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.unit_index import find_views

    return find_views.views(result)


DURATION = (
    "The first time at a location, stimuli of what is asked for are passed through the models (some seconds each)."
)
JOB = Job(FindParameters, _result, _run, _views, _check, file="found", duration=DURATION)
