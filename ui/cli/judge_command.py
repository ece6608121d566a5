"""``tonescope judge``: how well a judge hears. ``judge calibrate`` is a job; ``judge show`` shows what came of one."""

from __future__ import annotations

import typer

from tonescope.ui import console
from tonescope.ui.cli.job_commands import HELP, JobCommands
from tonescope.ui.cli.model_options import Calibration, Device, JudgeOptions, Labels, OnlyJudge
from tonescope.ui.cli.output_options import AsJson, Quiet


class JudgeCommands(JobCommands):
    """What can be asked about a judge."""

    of_group = "judge"


judge = typer.Typer(
    cls=JudgeCommands,
    name="judge",
    help="How well a judge hears: calibrate it on clips of known labels, and show its calibration.",
    context_settings=HELP,
    no_args_is_help=True,
)


@judge.command("show", context_settings=HELP)
def show(
    judge: OnlyJudge = "embedded",
    device: Device = "cpu",
    labels: Labels = None,
    calibration: Calibration = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what a judge chooses between, and the calibration that it hears with."""
    import json

    from tonescope.models.judges.two_towers import TwoTowers

    options = JudgeOptions(judge=judge, device=device, labels=labels, calibration=calibration)
    with console.progress_shown(quiet, loads=not as_json):
        session = options.open()
    found = session.judge.fitted if isinstance(session.judge, TwoTowers) else None
    if as_json:
        shown = {
            "name": session.judge.name,
            "description": session.judge.description,
            "fingerprint": session.judge.fingerprint(),
            "labels": [vars(genre) for genre in session.taxonomy.genres],
            "calibration": found.card.model_dump(mode="json") if found else None,
        }
        console.put(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    from tonescope.diagnose.report.calibration_views import views_of_judge
    from tonescope.ui.terminal import show_views

    show_views(views_of_judge(session.judge, session.taxonomy))
