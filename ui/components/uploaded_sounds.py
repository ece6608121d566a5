"""A field that takes sound files, chosen or dropped, a few at a time, and lists them."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from tonescope.ui.components.told_errors import told_errors

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


def uploaded_sounds(choose: str, clear: str, *, drop: str = "") -> gr.State:
    """Put it on the page that is open; the state holds where the files are.

    Args:
        choose, clear: what its buttons say.
        drop: what the place says on which files can be dropped; without it, there is none.
    """
    files = gr.State([])
    if drop:
        place = f'<div class="run-drop tonescope" data-drop><p class="soft">{escape(drop)}</p></div>'
        gr.HTML(place, apply_default_css=False)
    listed = gr.HTML("", apply_default_css=False)
    with gr.Row():
        chosen = gr.UploadButton(
            choose, file_count="multiple", file_types=["audio"], type="filepath", elem_classes="run-small"
        )
        cleared = gr.Button(clear, visible=False, elem_classes="run-small")

    @told_errors
    def add(before: list[str], more: list[str] | None) -> list[Any]:
        kept = [*before, *(more or [])]
        names = "".join(f"<li>{escape(Path(file).name)}</li>" for file in kept)
        return [kept, f'<div class="tonescope"><ul>{names}</ul></div>', gr.update(visible=bool(kept))]

    outputs = [files, listed, cleared]
    chosen.upload(add, [files, chosen], outputs, **PRIVATE)
    cleared.click(lambda: [[], "", gr.update(visible=False)], None, outputs, **PRIVATE)
    return files
