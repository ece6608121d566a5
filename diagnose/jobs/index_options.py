"""What jobs that look into an index can be asked alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tonescope.diagnose.jobs.parameters import Flag, JobParameters
from tonescope.models.errors import TonescopeError


class IndexOptions(JobParameters):
    """Which index."""

    index: Annotated[
        Path | None,
        Flag("--index", metavar="FOLDER"),
        Field(description="The index to look into. (default: the newest of these models)"),
    ] = None

    def check_index(self) -> None:
        """Refuse a folder that there is not. Raises :class:`TonescopeError`."""
        if self.index is not None and not self.index.expanduser().is_dir():
            raise TonescopeError(
                f"there is no folder {str(self.index)[:200]}; build an index with `tonescope index`, or "
                "leave --index out."
            )
