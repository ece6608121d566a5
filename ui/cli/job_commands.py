"""Commands to which the registry of jobs adds its own: made when one is asked for, so that help is instant."""

from __future__ import annotations

from typing import Any, ClassVar

from typer.core import TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job_registry import Kind, Row

HELP = {"help_option_names": ["-h", "--help"]}
APP = "App, workspace and settings"
PANELS: dict[Kind, str] = {
    "diagnosis": "A prompt",
    "report": "A whole model",
    "listening": "Audio made elsewhere",
    "technique": "Inside the model",
    "judge": APP,
}
"""The titles that help lists commands under, in their order, by the kind of job; what is no job names its own."""


class JobCommands(TyperGroup):
    """Commands of the registry, and those that are no jobs.

    Attributes:
        of_group: which rows are its own: those of the first level, if empty, which are listed under :data:`PANELS`.
    """

    of_group: ClassVar[str] = ""

    def rows(self) -> list[Row]:
        """The rows whose commands stand here."""
        return [row for row in job_registry.ROWS if row.group == self.of_group]

    def list_commands(self, ctx: Any) -> list[str]:
        """Jobs first, panel by panel."""
        names = [row.name for row in self.rows()] + super().list_commands(ctx)
        return sorted(names, key=self._panel_order)

    def _panel_order(self, name: str) -> int:
        row = self._row(name)
        panel = PANELS[row.kind] if row else getattr(self.commands[name], "rich_help_panel", None)
        titles = list(dict.fromkeys(PANELS.values()))
        return titles.index(panel) if panel in titles else len(titles)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command with its name and help, enough to list it."""
        row = self._row(cmd_name)
        return _made(row, _stands_in) if row else super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The whole command, for the one that is run."""
        if row := self._row(args[0]):
            from tonescope.ui.cli.job_command import command

            return row.name, _made(row, command(row), row.load().duration), args[1:]
        return super().resolve_command(ctx, args)

    def _row(self, name: str) -> Row | None:
        return next((row for row in self.rows() if row.name == name), None)


def _stands_in() -> None:
    """Nothing: only its name is listed."""


def _made(row: Row, run: Any, duration: str = "") -> Any:
    text = f"{row.help}\n\n{duration}" if duration else row.help
    panel = None if row.group else PANELS[row.kind]
    info = CommandInfo(name=row.name, callback=run, help=text, context_settings=HELP, rich_help_panel=panel)
    return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode="rich")
