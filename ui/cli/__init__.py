"""The command line: one file a command, and a command of every row of :mod:`tonescope.diagnose.jobs.job_registry`.

Heavy imports happen inside commands, so that help is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job_registry import Row, find
from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.cli import account_command, runs_command, schema_command, ui_command, units_command

HELP = {"help_option_names": ["-h", "--help"]}


class Commands(TyperGroup):
    """The commands: those of the registry, which are made when one is asked for, and those that are no jobs."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Jobs first."""
        return [row.name for row in job_registry.ROWS] + super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command with its name and help, enough to list it."""
        row = find(cmd_name)
        return _made(row, _stands_in) if row else super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The whole command, for the one that is run."""
        if row := find(args[0]):
            from tonescope.ui.cli.job_command import command

            return row.name, _made(row, command(row), row.load().duration), args[1:]
        return super().resolve_command(ctx, args)

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


def _stands_in() -> None:
    """Nothing: only its name is listed."""


def _made(row: Row, run: Any, duration: str = "") -> Any:
    text = f"{row.help}\n\n{duration}" if duration else row.help
    info = CommandInfo(name=row.name, callback=run, help=text, context_settings=HELP)
    return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode="rich")


app = typer.Typer(
    cls=Commands,
    name="tonescope",
    help="Why did the music generator not play what the prompt asked for? Tonescope listens, finds the words, seconds "
    "and neurons that drove it, and proves it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)
app.command("ui")(ui_command.ui)
app.command("account")(account_command.account)
app.command("units")(units_command.units)
app.command("schema")(schema_command.schema)
app.add_typer(runs_command.runs)


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
