"""Compare: two runs beside each other, as the address names them (``?a=NAME&b=NAME``); library.js fills the page.

Without two runs it lists comparisons of models and folders: those name files of a machine, so they are started on the
command line, and kept in the workspace that the app shows.
"""

from __future__ import annotations

from html import escape

import gradio as gr

from tonescope.ui.components import run_api
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

TOLD = "Tick two runs in the <a href='{}/library'>library</a>, and press Compare."
MODELS = """<div class="tonescope"><h2>Models, and folders of takes</h2>
<p class="soft">Two checkpoints, a model and its adapter, or two folders are compared on the command line; the run is
then listed here.</p>
<pre class="command">tonescope compare embedded my-adapter --workspace default</pre>{}</div>"""
NONE = "<p class='soft'>None was run yet.</p>"
MOST = 200  # runs, the newest, that are looked through
OF_THE_MACHINE = ""  # the owner of what was run on the command line


def build(workshop: Workshop) -> None:
    """The page; what is shown on it comes from the addresses of the runs."""
    told = TOLD.format(workshop.root_path)
    gr.HTML(f'<div id="compare" class="run-sides tonescope"><p>{told}</p></div>', apply_default_css=False)
    models = gr.HTML("", apply_default_css=False, elem_id="compared-models")

    @told_errors
    def listed(request: gr.Request) -> str:
        """The visitor's own comparisons, and those of the command line, where the visitor is who has the machine."""
        runs, owner = workshop.workspace.runs, run_api.owner(request)
        owners = [OF_THE_MACHINE, owner] if workshop.is_for_one else [owner]
        found = [
            run
            for whose in owners
            for run in runs.page(whose, most=MOST).runs
            if run.job == "compare" and run.state == "done"
        ]
        rows = "".join(
            f'<li><div><p><a href="{escape(workshop.address(run.name))}">{escape(run.title[:120])}</a></p>'
            f"<p>{escape(run.sentence[:300])}</p></div></li>"
            for run in found
        )
        return MODELS.format(f'<ul class="run-list">{rows}</ul>' if rows else NONE)

    gr.on(None, listed, None, [models], api_visibility="private", concurrency_limit=None, show_progress="hidden")
