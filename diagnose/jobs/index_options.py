"""What jobs that look into an index can be asked alike."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tonescope.diagnose.jobs.parameters import Flag, JobParameters
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.store.workspace import Workspace

OWN = "default"


class IndexOptions(JobParameters):
    """Which index, and whose runs and bookmarks."""

    index: Annotated[
        Path | None,
        Flag("--index", metavar="FOLDER"),
        Field(description="The index to look into. (default: the newest of these models)"),
    ] = None
    runs_of: Annotated[
        str | None,
        Flag("--runs-of", metavar=f"{OWN}|FOLDER"),
        Field(description="Look through the diagnoses of this workspace as well."),
    ] = None

    def check_index(self) -> None:
        """Refuse a folder that there is not. Raises :class:`TonescopeError`."""
        if self.index is not None and not self.index.expanduser().is_dir():
            raise TonescopeError(
                f"there is no folder {str(self.index)[:200]}; build an index with `tonescope index`, or "
                "leave --index out."
            )
        if self.runs_of is not None and not self.runs_of.strip():
            raise TonescopeError("--runs-of was given nothing; name a workspace, or leave it out.")

    def workspace(self) -> AbstractContextManager[Workspace | None]:
        """The workspace whose runs are looked through, if one is named."""
        if self.runs_of is None:
            return nullcontext()
        from tonescope.diagnose.store.workspace import Workspace

        return Workspace.open(None if self.runs_of == OWN else Path(self.runs_of))
