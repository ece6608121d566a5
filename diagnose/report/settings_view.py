"""The view of settings that are not what the checkpoint is made for: read before anything about units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report import pasteable
from tonescope.diagnose.report.view import Command, View

if TYPE_CHECKING:
    from tonescope.diagnose.schema import Diagnosis


def view(diagnosis: Diagnosis) -> View | None:
    """What was set otherwise, and the line that does not; ``None`` where nothing was."""
    suspects = diagnosis.suspects
    if not suspects:
        return None
    differing = ", ".join(f"{row.name} {row.used:g} instead of {row.recommended:g}" for row in suspects)
    sentence = (
        f"{diagnosis.model.name} was not played as it is made to be ({differing}): that comes before words and units "
        "as a cause, so first play it as it is made to be."
    )
    return View(
        "settings",
        "First suspect: the settings",
        [(sentence, "observed")],
        commands=[Command("Played as it is made to be:", pasteable.as_recommended(diagnosis))],
        depth="first",
    )
