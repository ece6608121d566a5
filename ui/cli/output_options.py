"""The options that say where results go: one object for every job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tonescope.ui.cli.given import check_given

PANEL = "Output"
OWN = "default"  # the workspace of the user
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FOLDER", help="Write sound, JSON and an HTML report here.", rich_help_panel=PANEL),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace what Tonescope wrote in that folder; all else stays.", rich_help_panel=PANEL
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, and nothing else on standard output.", rich_help_panel=PANEL),
]
Details = Annotated[
    bool,
    typer.Option("--details", help="Show all that was found, and how sure it is.", rich_help_panel=PANEL),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing of progress on standard error.", rich_help_panel=PANEL)
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="default|FOLDER",
        help="Keep this run in a workspace as well, where tonescope runs and the page list it.",
        rich_help_panel=PANEL,
    ),
]
Timings = Annotated[bool, typer.Option("--timings", help="Show where the time went.", rich_help_panel=PANEL)]


@dataclass(frozen=True)
class OutputOptions:
    """Where results go. Raises :class:`tonescope.models.errors.TonescopeError` for a folder whose name is nothing but
    blanks."""

    out: Out = None
    overwrite: Overwrite = False
    as_json: AsJson = False
    details: Details = False
    quiet: Quiet = False
    timings: Timings = False
    workspace: Keep = None

    def __post_init__(self) -> None:
        check_given(vars(self))

    @property
    def folder(self) -> Path | None:
        """The folder to write."""
        return Path(self.out).expanduser() if self.out is not None else None

    @property
    def workspace_folder(self) -> Path | None:
        """The folder of a workspace that is named; none for the user's own."""
        return Path(self.workspace).expanduser() if self.workspace is not None and self.workspace != OWN else None
