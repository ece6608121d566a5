"""Diagnose: a prompt becomes a run, and the page shows the run that its address names."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from tonescope.diagnose.jobs.diagnosis_job import DiagnosisParameters
from tonescope.models.errors import TonescopeError
from tonescope.models.loading import OURS
from tonescope.ui.components import asking, prompt_feedback, run_api, unit_api
from tonescope.ui.components.job_form import JobForm, told
from tonescope.ui.components.parameter_fields import unread
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.components.uploaded_sounds import uploaded_sounds
from tonescope.ui.workshop import Workshop

OF_THE_EMBEDDED = (
    ("lo-fi beats with accordion", "polka", "One instrument turns the genre."),
    ("mellow jazz fusion with saxophone", "smooth jazz", "The generator was taught this genre wrong."),
    ("a song", "house", "Names no genre, and one comes all the same."),
    ("swing jazz with trumpet", "swing jazz", "Comes as asked, to compare with."),
)
"""Prompts of the embedded model, what they are heard as, and what each shows."""
OF_ANY_MODEL = (
    ("lo-fi beats with accordion", "", "A genre, and an instrument of another."),
    ("mellow jazz fusion with saxophone", "", "A genre with near relatives."),
    ("a song", "", "Names no genre. Which one comes?"),
)
INTRODUCTION = "Type a prompt. {who} plays it, and Tonescope says what is heard and why."
OUR_OWN = (
    "The small generator that comes with Tonescope (up to {seconds:g} s a take; MusicGen and others are opened with "
    "--model)"
)
GUIDE = """<section id="run-guide" class="run-guide tonescope" hidden aria-label="First steps"><ol>
<li>Type a prompt, or choose one of the examples.</li>
<li>Press <b>Diagnose</b>. The first takes can be heard after a few seconds, with what they are heard as.</li>
<li>Listen to the takes as they are and with one thing changed: click a name, or press <kbd>1</kbd>, <kbd>2</kbd>.</li>
<li>Take the prompt that is suggested, or leave out a word, and play that.</li></ol>
<button type="button" class="run-skip">Skip these steps</button></section>"""
CLIPS = (
    "Recordings that truly are of the genre asked for tell whether it is only misheard. They stay with the run, and "
    "are deleted with it."
)
ELSEWHERE = ("prompt", *asking.OF_THE_SERVER)  # not among the fields of the form
PARTS = {
    "What is asked": ("intended", "foil", "quick"),
    "What is played": ("takes", "seconds", "guidance", "negative", "seed", "temperature", "top_k"),
    "How the cause is looked for": (
        "candidates",
        "strongest_share",
        "rounds",
        "careful",
        "two_point_units",
        "tested_units",
        "tested_words",
        "doses",
    ),
}
NAMES = {
    "intended": "The genre you meant",
    "foil": "Why not this genre",
    "top_k": "Top-k",
    "quick": "Only verdict and words",
}
"""What fields are called here; others have the names of the command line's options."""
OPEN = "name => { window.tonescopeOpen(name); }"
MEANT = """(prompt, meant, ...others) =>
    [prompt, document.getElementById("feedback-intended")?.value ?? meant, ...others]"""
"""What was chosen beside the feedback holds for the diagnosis as well."""


def build(workshop: Workshop) -> None:
    """The page around a workshop."""
    session = workshop.session
    longest = session.generator.longest_seconds
    ours = session.generator.name in OURS
    examples = OF_THE_EMBEDDED if ours else OF_ANY_MODEL
    run_api.build(workshop)
    unit_api.build(workshop)
    who = OUR_OWN.format(seconds=longest) if ours else session.generator.name
    _html(f'<div class="tonescope run-first"><p>{escape(INTRODUCTION.format(who=who))}</p></div>')
    _html(GUIDE)
    with gr.Row():
        prompt = gr.Textbox(
            label="Prompt", placeholder=examples[0][0], scale=5, min_width=280, elem_id="prompt", max_lines=4
        )
        button = gr.Button("Diagnose", variant="primary", scale=1, min_width=120, elem_id="diagnose")
    problem = gr.HTML("", apply_default_css=False)
    _html(prompt_feedback.panel(session.judge.labels))
    _html(_examples(examples))
    labels = session.judge.labels
    with gr.Accordion("Advanced", open=False):
        form = JobForm.build(
            DiagnosisParameters,
            without=(*ELSEWHERE, *unread(session.generator)),
            choices={"foil": labels, "intended": labels},
            most={"seconds": longest},
            names=NAMES,
            parts=PARTS,
        )
        _html(f'<div class="tonescope"><p class="soft">{CLIPS}</p></div>')
        clips = uploaded_sounds("Add clips", "Leave all clips out")
    name, meant = gr.Textbox(visible="hidden", label="Run"), gr.Textbox(visible="hidden", label="Meant")
    gr.HTML("", elem_id="run-view", apply_default_css=False)

    @told_errors
    def submit_typed(
        request: gr.Request, asked: str, chosen: str, uploaded: list[str] | None, *typed: Any
    ) -> list[Any]:
        """The name of the run, or what is wrong and where."""
        given = form.read(typed)
        given["intended"] = given.get("intended") or chosen
        if problems := form.problems(given):
            return ["", told(next(iter(problems.values()))), *form.shown(problems)]
        files = [Path(file) for file in uploaded or []]
        try:
            run = asking.submitted(workshop, run_api.owner(request), "diagnose", given | {"prompt": asked}, files)
        except TonescopeError as error:
            return ["", told(str(error)), *form.shown({})]
        return [run.name, "", *form.shown({})]

    asked = gr.on(
        [button.click, prompt.submit],
        submit_typed,
        [prompt, meant, clips, *form.typed],
        [name, problem, *form.told],
        js=MEANT,
        queue=False,  # runs have a queue of their own
        show_progress="hidden",
        api_visibility="private",
    )
    prompt.input(None, None, [problem], js="() => ''", queue=False, api_visibility="private")  # it was of other words
    asked.then(None, [name], None, js=OPEN, api_visibility="private")


def _examples(examples: Sequence[tuple[str, str, str]]) -> str:
    rows = "".join(
        f'<li><button type="button" data-prompt="{escape(prompt)}">{escape(prompt)}</button> '
        f'<span class="soft">{escape(shows)}</span></li>'
        for prompt, _, shows in examples
    )
    return f'<div class="tonescope run-examples"><p class="soft">Try one:</p><ul>{rows}</ul></div>'


def _html(made: str) -> None:
    """A fragment in its own look; gradio's would draw other lists."""
    gr.HTML(made, apply_default_css=False)
