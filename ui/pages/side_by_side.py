"""Compare: two runs beside each other, as the address names them (``?a=NAME&b=NAME``); library.js fills the page.

Without two runs it lists comparisons of models and folders, and starts one: for who has the machine alone, since they
name files of it.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from tonescope.diagnose.jobs.compare_job import CompareParameters
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import asking, run_api
from tonescope.ui.components.job_form import JobForm, told
from tonescope.ui.components.runs_of_job import listed_runs, runs_of
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

TOLD = "Tick two runs in the <a href='{}/library'>library</a>, and press Compare."
ABOUT = (
    "Two checkpoints, a model and its adapter, or two folders of takes: what a listener notices between them, and "
    "which place of the model carries it."
)
ELSEWHERE = "On a server for several people that is done on its command line; the run is then listed here."
LINE = '<pre class="command">tonescope compare embedded my-adapter --workspace default</pre>'
PARTS = {"Which two": ("first", "second"), "What is done": ("takes", "seconds", "outside")}
NAMES = {"first": "A", "second": "B", "outside": "Only what is heard"}
NONE = '<div class="tonescope"><p class="soft">No comparison was made yet.</p></div>'
OPEN = "name => { if (name) location.href = `${window.tonescope.base}run/${name}`; }"


def build(workshop: Workshop) -> None:
    """The page; what is shown on it comes from the addresses of the runs."""
    place = TOLD.format(workshop.root_path)
    gr.HTML(f'<div id="compare" class="run-sides tonescope"><p>{place}</p></div>', apply_default_css=False)
    with gr.Column(elem_id="compare-models"):
        how = ABOUT if workshop.is_for_one else f"{ABOUT} {ELSEWHERE}"
        line = "" if workshop.is_for_one else LINE
        gr.HTML(
            f'<div class="tonescope"><h2>Models, and folders of takes</h2><p class="soft">{how}</p>{line}</div>',
            apply_default_css=False,
        )
        if workshop.is_for_one:
            _form(workshop)
        models = gr.HTML("", apply_default_css=False, elem_id="compared-models")

    @told_errors
    def listed(request: gr.Request) -> str:
        """The visitor's own comparisons, and those of the command line, where the visitor is who has the machine."""
        found = runs_of(workshop, run_api.owner(request), asking.COMPARE)
        return listed_runs(workshop, [run for run in found if run.state == "done"]) or NONE

    gr.on(None, listed, None, [models], api_visibility="private", concurrency_limit=None, show_progress="hidden")


def _form(workshop: Workshop) -> None:
    """What starts a comparison; its run is opened."""
    form = JobForm.build(
        CompareParameters,
        without=[name for name in CompareParameters.model_fields if not any(name in some for some in PARTS.values())],
        choices={},
        most={"seconds": workshop.session.generator.longest_seconds},
        names=NAMES,
        parts=PARTS,
    )
    button = gr.Button("Compare", elem_classes="run-small", elem_id="compare-start")
    name, problem = gr.Textbox(visible="hidden", label="Run"), gr.HTML("", apply_default_css=False)

    @told_errors
    def start(request: gr.Request, *typed: Any) -> list[Any]:
        """The name of the run, or what is wrong and where."""
        given = form.read(typed)
        if problems := form.problems(given):
            return ["", "", *form.shown(problems)]
        try:
            run = asking.compared(workshop, run_api.owner(request), {"first": "", "second": ""} | given)
        except TonescopeError as error:
            return ["", told(str(error)), *form.shown({})]
        return [run.name, "", *form.shown({})]

    outputs: list[Any] = [name, problem, *form.told]
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    button.click(start, form.typed, outputs, concurrency_limit=None, **private).then(
        None, [name], None, js=OPEN, api_visibility="private"
    )
