"""Compare: two runs beside each other, as the address names them (``?a=NAME&b=NAME``); library.js fills the page."""

from __future__ import annotations

import gradio as gr

from tonescope.ui.workshop import Workshop

TOLD = "Tick two runs in the <a href='{}/library'>library</a>, and press Compare."


def build(workshop: Workshop) -> None:
    """The page; what is shown on it comes from the addresses of the runs."""
    told = TOLD.format(workshop.root_path)
    gr.HTML(f'<div id="compare" class="run-sides tonescope"><p>{told}</p></div>', apply_default_css=False)
