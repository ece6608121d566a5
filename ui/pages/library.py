"""Library: the runs of one visitor: search, open, compare, delete, export, import."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from tonescope.diagnose.store.run_archive import import_run
from tonescope.diagnose.store.run_list import PAGE, Page, Run
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import run_api, run_view
from tonescope.ui.components.job_form import told
from tonescope.ui.components.runs_of_job import shortened
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

NOTHING = "No run is here yet. What you diagnose is kept, and listed here for you alone."
OPENING = '<div class="tonescope"><p class="soft">Opening…</p></div>'
NOT_FOUND = "None of your runs has these words."
SAID = {
    "queued": "It waits for its turn.",
    "running": "It is under way.",
    "stopped": "It was stopped.",
    "interrupted": "Tonescope was ended during this run.",
}
LONGEST_TITLE, LONGEST_SAID, LONGEST_UNITS = 120, 300, 60  # characters


def build(workshop: Workshop) -> None:
    """The page around a workshop."""
    workspace = workshop.workspace

    def listed(words: str, most: int, request: gr.Request, note: str = "") -> list[Any]:
        page = workspace.runs.page(workshop.owners(run_api.owner(request)), search=words, most=most)
        return [_list(page, words, workshop), gr.update(visible=page.more), note]

    @told_errors
    def look(words: str, request: gr.Request) -> list[Any]:
        return [*listed(words, PAGE, request), PAGE]

    @told_errors
    def more(words: str, most: int, request: gr.Request) -> list[Any]:
        return [*listed(words, most + PAGE, request), most + PAGE]

    @told_errors
    def take(words: str, most: int, file: str | None, request: gr.Request) -> list[Any]:
        if not file:
            return listed(words, most, request)
        try:
            run = import_run(workspace, Path(file), owner=run_api.owner(request))
        except TonescopeError as error:
            return [gr.skip(), gr.skip(), told(str(error).replace(file, f"“{Path(file).name}”"))]
        return listed(words, most, request, _note(f"“{run.title[:60]}” is in your library now."))

    words = gr.Textbox(label="Search", placeholder="in prompts, and in what was found", max_lines=1, elem_id="search")
    note = gr.HTML("", apply_default_css=False)
    shown = gr.HTML(OPENING, apply_default_css=False, elem_id="library")
    older = gr.Button("Show older ones", visible=False, elem_classes="run-small")
    most = gr.State(PAGE)
    file = gr.UploadButton("Bring in a run that was exported", type="filepath", elem_classes="run-small")
    outputs = [shown, older, note]
    private: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None, "show_progress": "hidden"}
    older.click(more, [words, most], [*outputs, most], **private)
    file.upload(take, [words, most, file], outputs, **private)
    gr.on(None, look, [words], [*outputs, most], **private)  # when the page is opened, and whenever the words change


def _list(page: Page, words: str, workshop: Workshop) -> str:
    if not page.runs:
        return f'<div class="tonescope"><p class="soft">{NOT_FOUND if words.strip() else NOTHING}</p></div>'
    rows = "".join(_row(run, workshop) for run in page.runs)
    count = f"The newest {len(page.runs)} of {page.total}" if page.more else f"{page.total} in all"
    return f'<div class="tonescope"><ul class="run-list">{rows}</ul><p class="soft">{count}</p></div>'


def _row(run: Run, workshop: Workshop) -> str:
    address, title = escape(workshop.address(run.name)), escape(shortened(run.title, LONGEST_TITLE))
    said = escape(
        shortened(run_view.sentence_case(run.problem) or run.sentence or SAID.get(run.state, ""), LONGEST_SAID)
    )
    said += "" if run.problem else run_view.badge(run.badge)
    export = f' · <a href="{address}/run.zip" download>Export</a>' if run.state == "done" else ""
    return (
        f'<li><input type="checkbox" value="{escape(run.name)}" aria-label="Tick {title}"{_off(run)}>'
        f'<div><p><a href="{address}">{title}</a></p><p>{said}</p>'
        f'<p class="soft">{_when(run)} · {escape(_what(run))} · {run.state}{export}</p></div></li>'
    )


def _what(run: Run) -> str:
    """The job, and of an edit what was edited."""
    units = ", ".join(map(str, run.parameters.get("where") or [])) if run.job == "edit" else ""
    return f"edit of {shortened(units, LONGEST_UNITS)}" if units else run.job


def _off(run: Run) -> str:
    """What goes on can neither be compared nor deleted."""
    return "" if run.is_finished else " disabled"


def _when(run: Run) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))


def _note(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>'
