"""Audit: a design of prompts, declared before anything is played; a forecast, and the audit itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

import gradio as gr

from tonescope.diagnose.audit import design
from tonescope.ui.components import job_page
from tonescope.ui.components.job_page import Button, JobPage, Own
from tonescope.ui.components.kept_files import Given
from tonescope.ui.workshop import Workshop

ABOUT = (
    "What does the model play over a whole list of prompts: which genres it misses or neglects, which words mislead "
    "it, what it plays when nobody asks, what it repeats? The forecast plays a few takes, and says how long all take "
    "and how small a difference they can show. An audit can be stopped at any time, and goes on where it was."
)
NONE = "No audit was made yet."
DESIGN = "Design: what is asked, and what has to hold (thresholds)"
MOST = 200_000  # characters of a design on the page
LINES, MOST_LINES = 10, 24


def build(workshop: Workshop) -> None:
    """The page around a workshop."""
    page = JobPage(
        "audit",
        ABOUT,
        buttons=[Button("Forecast", {"dry_run": True}), Button("Start the audit", is_main=False)],
        fields=("takes_at_most", "sign", "depth"),
        advanced=("seed", "guidance", "temperature", "top_k"),
        none=NONE,
        another="New audit",
        names={"sign": "Signed by", "depth": "Every layer", "top_k": "Top-k"},
        own=_design,
    )
    job_page.build(workshop, page)


def default_design() -> str:
    """The YAML of the default design, with what each part means, and without what is said of the command line."""
    text = (resources.files(design.__package__ or "") / "default_design.yaml").read_text(encoding="utf-8")
    return text[text.index("name:") :]


def _design() -> Own:
    """The field that holds a design, and what fills it."""
    usual = default_design()
    typed = gr.Textbox(
        usual, label=DESIGN, lines=LINES, max_lines=MOST_LINES, max_length=MOST, elem_id="design", autoscroll=False
    )
    at = 'data-into="#design textarea"'
    job_page.html(
        f'<p class="run-chips"><label class="run-file">Open a YAML file<input type="file" accept=".yaml,.yml" {at} '
        f'data-most="{MOST}"></label>'
        f'<button type="button" {at} data-default="{escape(usual)}">The default design</button></p>'
    )

    def read(values: Sequence[Any]) -> tuple[dict[str, Any], Sequence[Given]]:
        text = str(values[0] or "")
        return ({} if text.strip() in ("", usual.strip()) else {"design": text}), ()

    return Own([typed], read)
