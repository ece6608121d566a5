"""``tonescope runs``: the runs that are kept, to be listed, shown, deleted, sent and received."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tonescope.ui import console
from tonescope.ui.cli.given import check_given
from tonescope.ui.cli.output_options import AsJson, Details
from tonescope.ui.cli.workspace_options import OWN, InWorkspace, open_workspace
from tonescope.ui.printable import printable

if TYPE_CHECKING:
    from tonescope.diagnose.store.run_list import Run

HIDDEN = ("worker", "until")  # columns that say nothing to people
LONGEST = 60  # characters of a title in a list

Name = Annotated[str, typer.Argument(metavar="NAME", help="The run's name, as the list shows it.")]

runs = typer.Typer(
    name="runs",
    help="The runs that are kept in a workspace: list, show and delete them, send and receive them as files.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@runs.callback()
def _options(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_runs()


@runs.command("list")
def list_runs(
    search: Annotated[str, typer.Argument(metavar="[WORDS]", help="Words of the prompt or of what was found.")] = "",
    most: Annotated[int, typer.Option("--most", min=1, max=1000, help="How many at most, the newest first.")] = 20,
    before: Annotated[
        str | None, typer.Option("--before", metavar="NAME", help="Only what is older than this run.")
    ] = None,
    workspace: InWorkspace = OWN,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first."""
    check_given({"workspace": workspace, "before": before})
    with open_workspace(workspace, make=False) as opened:
        page = opened.runs.page(search=search, before=before, most=most)
    if as_json:
        console.put(json.dumps([_row(run) for run in page.runs], indent=2))
        return
    for run in page.runs:
        console.put(printable(_line(run)))
    if page.more:
        console.tell(f"{page.total} in all; --before {page.runs[-1].name} shows those that are older.")
    if not page.runs:
        console.tell(
            "No such run is kept."
            if search
            else "No run is kept yet; tonescope diagnose … --workspace default keeps one."
        )


@runs.command("show")
def show_run(name: Name, workspace: InWorkspace = OWN, as_json: AsJson = False, details: Details = False) -> None:
    """Show what a run found. No model is loaded for it."""
    check_given({"workspace": workspace})
    with open_workspace(workspace, make=False) as opened:
        run, content = opened.runs.get(name), opened.content(name)
    if as_json:
        console.put(json.dumps({**_row(run), "result": content.result}, indent=2))
        return
    from tonescope.ui.first_screen import show_first
    from tonescope.ui.terminal import show_views

    if run.state != "done":
        console.tell(f"This run is {run.state}. {run.problem}".strip())
    if details:
        show_views(content.views)
    else:
        show_first(content.views, None)
    if content.sounds.files:
        console.tell(f"Its sounds are in {content.folder / 'audio'}.")


@runs.command("delete")
def delete_runs(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Which; their files go as well.")],
    workspace: InWorkspace = OWN,
    as_json: AsJson = False,
) -> None:
    """Delete runs."""
    check_given({"workspace": workspace})
    with open_workspace(workspace, make=False) as opened:
        for name in names:
            opened.runs.get(name)  # a name that is none is told before anything is deleted
        for name in names:
            opened.delete(name)
            console.tell(f"Deleted {name}.")
    if as_json:
        console.put(json.dumps({"deleted": names}))


@runs.command("export")
def export(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file, if it is there.")] = False,
    workspace: InWorkspace = OWN,
) -> None:
    """Write a run to one file, for somebody else's workspace."""
    check_given({"workspace": workspace, "file": file})
    from tonescope.diagnose.store.run_archive import export_run

    with open_workspace(workspace, make=False) as opened:
        written = export_run(opened, name, Path(file), overwrite=overwrite)
    console.tell(f"Written to {written}.")


@runs.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What tonescope runs export wrote.")],
    workspace: InWorkspace = OWN,
    as_json: AsJson = False,
) -> None:
    """Put an exported run into a workspace, and print its name."""
    check_given({"workspace": workspace, "file": file})
    from tonescope.diagnose.store.run_archive import import_run

    with open_workspace(workspace) as opened:
        run = import_run(opened, Path(file))
    console.put(json.dumps(_row(run), indent=2) if as_json else run.name)


def _row(run: Run) -> dict[str, Any]:
    return {name: value for name, value in asdict(run).items() if name not in HIDDEN}


def _line(run: Run) -> str:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    title = run.title if len(run.title) <= LONGEST else f"{run.title[: LONGEST - 1]}…"
    said = f": {run.problem or run.sentence}" if run.problem or run.sentence else ""
    return f"{run.name}  {made}  {run.state:<11}  {run.job} “{title}”{said}"
