"""The runs of one job, the newest first, as a page of that job lists them for its visitor."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from tonescope.diagnose.store.run_list import Run
from tonescope.ui.components import run_view

if TYPE_CHECKING:
    from tonescope.ui.workshop import Workshop

MOST = 200  # runs, the newest, that are looked through
LONGEST_TITLE, LONGEST_SAID = 120, 300  # characters
SAID = {
    "queued": "It waits for its turn.",
    "running": "It is under way.",
    "stopped": "It was stopped, and can go on.",
    "interrupted": "Tonescope was ended during this run; it can go on.",
}


def runs_of(workshop: Workshop, owner: str, job: str) -> list[Run]:
    """A visitor's own, and those of the command line, where the visitor is who has the machine."""
    page = workshop.workspace.runs.page(workshop.owners(owner), most=MOST)
    return [run for run in page.runs if run.job == job]


def listed_runs(workshop: Workshop, runs: Sequence[Run]) -> str:
    """Runs as a list of links with what was found; empty where there are none."""
    rows = "".join(_row(workshop, run) for run in runs)
    return f'<div class="tonescope"><ul class="run-list">{rows}</ul></div>' if rows else ""


def shortened(text: str, longest: int) -> str:
    """A text of so many characters at most."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _row(workshop: Workshop, run: Run) -> str:
    said = run_view.sentence_case(run.problem) or run.sentence or SAID.get(run.state, "")
    badge = "" if run.problem else run_view.badge(run.badge)
    title = escape(shortened(run.title, LONGEST_TITLE))
    return (
        f'<li><div><p><a href="{escape(workshop.address(run.name))}">{title}</a></p>'
        f"<p>{escape(shortened(said, LONGEST_SAID))}{badge}</p></div></li>"
    )
