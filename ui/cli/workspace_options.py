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


def open_workspace(named: str, *, make: bool = True) -> Workspace:
    """The workspace of a name: a folder, or the user's own. ``make``: whether a folder that is named is made where
    there is none; what only reads refuses it."""
    from tonescope.diagnose.store.workspace import Workspace

    return Workspace.open(None if named == OWN else Path(named), make=make)
