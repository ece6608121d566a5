"""A page that starts runs of one job and shows them: what is asked, a button, the run that the address names, and the
runs of before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr

from tonescope.diagnose.jobs import job_registry
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import asking, run_api
from tonescope.ui.components.job_form import JobForm, told
from tonescope.ui.components.kept_files import Given
from tonescope.ui.components.parameter_fields import unread
from tonescope.ui.components.runs_of_job import listed_runs, runs_of
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

OPEN = "name => { window.tonescopeOpen(name); }"
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Button:
    """What starts a run: its name, and parameters that it sets; ``is_main``, whether it is what most want."""

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    is_main: bool = True


@dataclass(frozen=True)
class Own:
    """What a page asks beside the job's fields: what is typed into, and how that is read as parameters and files."""

    typed: Sequence[Any] = ()
    read: Callable[[Sequence[Any]], tuple[dict[str, Any], Sequence[Given]]] = lambda typed: ({}, ())


@dataclass(frozen=True)
class JobPage:
    """What such a page is made of.

    Attributes:
        job: whose runs it starts.
        about: what comes of it, in a sentence or two.
        buttons: what starts one.
        fields: parameters that are asked at once; ``advanced``, those that are folded.
        none: what is said where no run is listed.
        another: what leads from a run to the form.
        names: what fields are called, where the command line has another name.
        infos: what is said of fields, where the command line says another thing.
        choices: what can be chosen, by parameter; of ``several``, many at once.
        own: puts what the page asks beside that under the introduction.
    """

    job: str
    about: str
    buttons: Sequence[Button]
    fields: Sequence[str]
    advanced: Sequence[str]
    none: str
    another: str
    names: Mapping[str, str] = field(default_factory=dict)
    infos: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    several: Sequence[str] = ()
    own: Callable[[], Own] = Own


def build(workshop: Workshop, page: JobPage) -> None:
    """Put its components on the page that is open."""
    html(f'<div class="tonescope run-first"><p>{escape(page.about)}</p></div>')
    path = f"{workshop.root_path}/{page.job}"
    html(f'<p class="tonescope run-another run-from"><a href="{escape(path)}">{escape(page.another)}</a></p>')
    with gr.Column(elem_id="job-form"):  # steps aside for a run
        own = page.own()
        form = _form(workshop, page)
        with gr.Row():
            pressed = [_button(button, number) for number, button in enumerate(page.buttons)]
        problem = gr.HTML("", apply_default_css=False)
    name = gr.Textbox(visible="hidden", label="Run")
    gr.HTML("", elem_id="run-view", apply_default_css=False)
    before = gr.HTML("", apply_default_css=False, elem_id="runs-before")

    @told_errors
    def listed(request: gr.Request) -> str:
        runs = listed_runs(workshop, runs_of(workshop, run_api.owner(request), page.job))
        none = f'<p class="soft">{escape(page.none)}</p>'
        return f'<div class="tonescope"><h2>Your runs</h2>{runs or none}</div>'

    for button, component in zip(page.buttons, pressed, strict=True):
        start, outputs = _starts(workshop, page, button, own, form), [name, problem, *form.told]
        asked = component.click(start, [*own.typed, *form.typed], outputs, queue=False, **PRIVATE)
        shown = asked.then(None, [name], None, js=OPEN, api_visibility="private")
        shown.then(listed, None, [before], **PRIVATE)
    again = gr.Button("List the runs again", visible="hidden", elem_id="runs-again")  # pressed when a run ends
    again.click(listed, None, [before], concurrency_limit=None, **PRIVATE)
    gr.on(None, listed, None, [before], concurrency_limit=None, **PRIVATE)  # when the page is opened


def _button(button: Button, number: int) -> Any:
    how: dict[str, Any] = {"variant": "primary" if button.is_main else "secondary", "elem_classes": "run-small"}
    return gr.Button(button.name, elem_id=f"start-{number}", **how)


def in_words(problem: str) -> str:
    """A problem without the names that options and files have on the command line."""
    told = problem.replace("default_design.yaml", "the default design")
    return re.sub(r"--([a-z][a-z-]*)", lambda found: f"“{found[1].replace('-', ' ')}”", told)


def html(made: str) -> None:
    """A fragment in its own look; gradio's would draw other lists."""
    gr.HTML(made, apply_default_css=False)


def _form(workshop: Workshop, page: JobPage) -> JobForm:
    """The fields, of which some are folded."""
    row = job_registry.find(page.job)
    assert row is not None
    parameters, generator = row.load().parameters, workshop.session.generator
    parts = []
    for names, is_folded in ((page.fields, False), (page.advanced, True)):
        shown = [name for name in names if name not in unread(generator)]
        if not shown:
            continue
        with gr.Accordion("Advanced", open=False) if is_folded else gr.Column():
            parts.append(
                JobForm.build(
                    parameters,
                    without=set(parameters.model_fields) - set(shown),
                    choices=page.choices,
                    several=page.several,
                    most={"seconds": generator.longest_seconds},
                    names=page.names,
                    infos=page.infos,
                )
            )
    return JobForm(parameters, [field for part in parts for field in part.fields])


def _starts(workshop: Workshop, page: JobPage, button: Button, own: Own, form: JobForm) -> Callable[..., list[Any]]:
    """What a press of a button does."""

    @told_errors
    def start(request: gr.Request, *typed: Any) -> list[Any]:
        """The name of the run, or what is wrong and where."""
        given = form.read(typed[len(own.typed) :])
        if problems := form.problems(given):
            return ["", told(in_words(next(iter(problems.values())))), *form.shown(problems)]
        try:
            asked, files = own.read(typed[: len(own.typed)])
            whole = given | asked | dict(button.given)
            run = asking.submitted(workshop, run_api.owner(request), page.job, whole, files)
        except TonescopeError as error:
            return ["", told(in_words(str(error))), *form.shown({})]
        return [run.name, "", *form.shown({})]

    return start
