"""Guide: what a diagnosis does, and how to read what it says. Text alone."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr

from tonescope.ui.workshop import Workshop


def build(workshop: Workshop) -> None:
    """The page; nothing on it needs the models."""
    del workshop
    text = (files(__package__ or "") / "guide.html").read_text(encoding="utf-8")
    gr.HTML(f'<div class="tonescope frame-reading">{text}</div>', apply_default_css=False)
