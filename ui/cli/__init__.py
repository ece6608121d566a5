"""The command line: one file a command, and a command of every row of :mod:`tonescope.diagnose.jobs.job_registry`.

Heavy imports happen inside commands, so that help is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.cli import (
    account_command,
    bookmarks_command,
    judge_command,
    runs_command,
    schema_command,
    ui_command,
    units_command,
)
from tonescope.ui.cli.job_commands import APP, HELP, PANELS, JobCommands


class Commands(JobCommands):
    """The commands of the first level."""

    def invoke(self, ctx: Any) -> Any:
        """Run one; a stop by Ctrl-C is told before typer makes something else of it."""
        console.check_process()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise TonescopeError(console.STOPPED) from error

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **__: Any) -> Any:
        """Run the command line and exit; whatever goes wrong ends in one sentence."""
        console.prepare_streams()
        with console.plain_errors():
            given = list(sys.argv[1:] if args is None else args)
            with self.make_context(prog_name or "tonescope", given) as ctx:
                self.invoke(ctx)
            sys.stdout.flush()
        sys.exit(0)


app = typer.Typer(
    cls=Commands,
    name="tonescope",
    help="Why did the music generator not play what the prompt asked for? Tonescope listens, finds the words, seconds "
    "and neurons that drove it, and proves it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)
app.command("units", rich_help_panel=PANELS["technique"])(units_command.units)
app.command("ui", rich_help_panel=APP)(ui_command.ui)
app.add_typer(runs_command.runs, rich_help_panel=APP)
app.add_typer(bookmarks_command.bookmarks, rich_help_panel=APP)
app.add_typer(judge_command.judge, rich_help_panel=APP)
app.command("account", rich_help_panel=APP)(account_command.account)
app.command("schema", rich_help_panel=APP)(schema_command.schema)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as installed

        console.put(installed("tonescope"))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        if shown := ctx.get_help():
            console.put(shown)
        raise typer.Exit(console.MENDABLE)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line."""
    return app(arguments)
