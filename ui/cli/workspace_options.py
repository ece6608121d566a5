"""The option that names a workspace, for every command that keeps runs or looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tonescope.diagnose.store.workspace import Workspace

OWN = "default"
InWorkspace = Annotated[
    str,
    typer.Option("--workspace", metavar=f"{OWN}|FOLDER", help="Where runs are kept (default: your own folder)."),
]


def open_workspace(named: str) -> Workspace:
    """The workspace of a name: a folder, or the user's own."""
    from tonescope.diagnose.store.workspace import Workspace

    return Workspace.open(None if named == OWN else Path(named))
