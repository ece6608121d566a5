"""``show`` as a job: everything about a unit, the units of a location, or the map of a model."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.index_options import IndexOptions
from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import of_generator
from tonescope.diagnose.jobs.parameters import Flag, Positional, Range, check_ranges
from tonescope.models.errors import TonescopeError
from tonescope.models.outline import check_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.store.workspace import Workspace

OWN = "default"


class ShowParameters(IndexOptions):
    """Of what, and in whose diagnoses a unit is looked for."""

    place: Annotated[
        str,
        Positional("[UNIT|LOCATION]"),
        Field(description="A unit, a location, or nothing for the map of the model."),
    ] = ""
    sort: Annotated[
        Literal["unit", "mean", "variance", "most", "density", "sparsest"],
        Field(description="What units of a location are sorted by."),
    ] = "unit"
    most: Annotated[
        int, Range(1, 100_000, "{} units cannot be listed"), Field(description="Units of a location, at most.")
    ] = 200
    full: Annotated[
        bool,
        Field(description="Compute curves and names of the unit's location, where they are not known yet (minutes)."),
    ] = False
    runs_of: Annotated[
        str | None,
        Flag("--runs-of", metavar=f"{OWN}|FOLDER"),
        Field(
            description="The workspace whose diagnoses and bookmarks are looked through. (default: your own, if there "
            "is one)"
        ),
    ] = None

    def workspace(self, folder: Path | None = None) -> AbstractContextManager[Workspace | None]:
        """The workspace whose runs are looked through: the one that is named; else that in a folder, or the user's own,
        if there is one."""
        from tonescope.diagnose.store.workspace import Workspace, existing

        if self.runs_of is not None:
            return Workspace.open(None if self.runs_of == OWN else Path(self.runs_of), make=False)
        known = existing(folder)
        return Workspace.open(known, make=False) if known is not None else nullcontext()


def _result() -> type[BaseModel]:
    from tonescope.diagnose.unit_index.page_views import ShowResult

    return ShowResult


def _check(parameters: ShowParameters) -> None:
    check_ranges(parameters)
    parameters.check_index()
    if parameters.runs_of is not None and not parameters.runs_of.strip():
        raise TonescopeError("--runs-of was given nothing; name a workspace, or leave it out.")
    if parameters.runs_of is not None:
        with parameters.workspace():
            pass  # one that is not there is told before models are loaded
    place = parameters.place.strip()
    if not place:
        return
    if ":" not in place and place.count(".") != 2:
        raise TonescopeError(
            f"“{place[:60]}” is neither a unit (decoder.3.mlp:117) nor a location (decoder.3.mlp); `tonescope units` "
            "lists them."
        )
    check_written([place])
    if ":" not in place:
        parameters.check_any_index()


def _run(session: Session, parameters: ShowParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.unit_index.page_views import shown

    with parameters.workspace(watch.workspace) as workspace:
        return Outcome(*shown(session, parameters, workspace, watch))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.unit_index import page_views

    return page_views.views(result, evidence)


JOB = Job(
    ShowParameters,
    _result,
    _run,
    _views,
    _check,
    places=lambda parameters: of_generator(parameters.place.strip()) if parameters.place.strip() else (),
)
