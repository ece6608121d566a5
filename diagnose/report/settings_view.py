"""The view of settings that are not what the checkpoint is made for: read before anything about units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.setting_suspects import differing
from tonescope.diagnose.report import pasteable
from tonescope.diagnose.report.view import Command, View

if TYPE_CHECKING:
    from tonescope.diagnose.schema import Diagnosis


def view(diagnosis: Diagnosis) -> View | None:
    """What was set otherwise, and the line that does not; ``None`` where nothing was."""
    suspects = diagnosis.suspects
    if not suspects:
        return None
    name, told = diagnosis.model.name, differing(suspects)
    title = "First suspect: the settings"
    if diagnosis.verdict.kind == "match":
        title = "Other settings than it is made for"
        sentence = f"Not tested: these settings differ from what {name} is made for ({told}); play once with them."
    else:
        sentence = (
            f"{name} was not played as it is made to be ({told}): that comes before words and units as a cause, so "
            "first play it as it is made to be."
        )
    return View(
        "settings",
        title,
        [(sentence, "observed")],
        commands=[Command("Played as it is made to be:", pasteable.as_recommended(diagnosis))],
        depth="first",
    )
