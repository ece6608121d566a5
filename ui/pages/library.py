"""Library: the runs of one visitor: search, open, delete, export, import."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from tonescope.diagnose.store.run_archive import import_run
from tonescope.diagnose.store.run_list import Page, Run
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import run_api
from tonescope.ui.components.job_form import told
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

NOTHING = "No run is here yet. What you diagnose is kept, and listed here for you alone."
NOT_FOUND = "None of your runs has these words."


def build(workshop: Workshop) -> None:
    """The page around a workshop."""
    workspace = workshop.workspace

    def listed(words: str, request: gr.Request, note: str = "") -> list[Any]:
        page = workspace.runs.page(run_api.owner(request), search=words)
        finished = [(_choice(run), run.name) for run in page.runs if run.is_finished]
        return [
            _list(page, words, workshop),
            gr.update(choices=finished, value=[]),
            _note(note),
            gr.update(value=False),
        ]

    @told_errors
    def look(words: str, request: gr.Request) -> list[Any]:
        return listed(words, request)

    @told_errors
    def delete(words: str, names: list[str], is_sure: bool, request: gr.Request) -> list[Any]:
        if not names:
            return listed(words, request, "Tick the runs that are to be deleted.")
        if not is_sure:
            return [gr.skip(), gr.skip(), _note("Tick “Yes, delete them for good” first."), gr.skip()]
        for name in names:
            workspace.delete(name, run_api.owner(request))
        return listed(words, request, f"Deleted {len(names)} of your runs.")

    @told_errors
    def take(words: str, file: str | None, request: gr.Request) -> list[Any]:
        if not file:
            return listed(words, request)
        try:
            run = import_run(workspace, Path(file), owner=run_api.owner(request))
        except TonescopeError as error:
            return [gr.skip(), gr.skip(), told(str(error)), gr.skip()]
        return listed(words, request, f"“{run.title[:60]}” is in your library now.")

    with gr.Row():
        words = gr.Textbox(label="Search", placeholder="words of a prompt, or of what was found", scale=4)
    note = gr.HTML("", apply_default_css=False)
    shown = gr.HTML("", apply_default_css=False, elem_id="library")
    with gr.Accordion("Delete", open=False):
        names = gr.CheckboxGroup([], label="Runs to delete")
        is_sure = gr.Checkbox(False, label="Yes, delete them for good")
        remove = gr.Button("Delete")
    file = gr.File(label="Bring a run that was exported", file_types=[".zip"], type="filepath", height=120)
    outputs = [shown, names, note, is_sure]
    private: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None, "show_progress": "hidden"}
    remove.click(delete, [words, names, is_sure], outputs, **private)
    file.upload(take, [words, file], outputs, **private)
    gr.on(None, look, [words], outputs, **private)  # when the page is opened, and whenever the words change


def _list(page: Page, words: str, workshop: Workshop) -> str:
    if not page.runs:
        return f'<div class="tonescope"><p class="soft">{NOT_FOUND if words.strip() else NOTHING}</p></div>'
    rows = "".join(_row(run, workshop) for run in page.runs)
    more = (
        f'<p class="soft">The newest {len(page.runs)} of {page.total}; search for the others.</p>' if page.more else ""
    )
    return f'<div class="tonescope"><ul class="run-list">{rows}</ul>{more}</div>'


def _row(run: Run, workshop: Workshop) -> str:
    address = escape(workshop.address(run.name))
    said = run.problem or run.sentence or run.state
    export = f' · <a href="{address}/run.zip" download>Export</a>' if run.state == "done" else ""
    return (
        f'<li><p><a href="{address}">{escape(run.title[:120])}</a></p><p>{escape(said[:300])}</p>'
        f'<p class="soft">{_when(run)} · {escape(run.job)} · {run.state}{export}</p></li>'
    )


def _when(run: Run) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))


def _choice(run: Run) -> str:
    return f"{_when(run)} {run.title[:60]}"


def _note(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>' if text else ""
