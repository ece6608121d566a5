"""Listen: sound that was made elsewhere is dropped here, and the page tells what is heard in it, and plays it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Encodes
from tonescope.ui.components import job_page
from tonescope.ui.components.job_page import Button, JobPage, Own
from tonescope.ui.components.kept_files import Given
from tonescope.ui.workshop import Workshop

ABOUT = (
    "Drop music from anywhere: what genre, tempo and key is heard in it, whether it repeats itself, and whether it is "
    "what was asked for. The files stay with their run, and are deleted with it."
)
NONE = "Nothing was listened to yet."
MOST_FILES = 50
HEIGHT = 140  # pixels of where files are dropped


def build(workshop: Workshop) -> None:
    """The page around a workshop."""
    generator = workshop.session.generator
    page = JobPage(
        "listen",
        ABOUT,
        buttons=[Button("Listen")],
        fields=("prompt", "in_domain"),
        advanced=(*(("surrogate",) if isinstance(generator, Encodes) else ()), "fresh"),
        none=NONE,
        another="Listen to other files",
        names={"prompt": "What it was asked for", "in_domain": "Sounds that the judge knows", "fresh": "Hear again"},
        choices={"surrogate": (generator.name,)},
        own=_files,
    )
    job_page.build(workshop, page)


def _files() -> Own:
    """Where files are dropped."""
    typed = gr.File(
        label="Sound files: drop them here, or click (wav, flac, ogg, opus, mp3, aiff; 64 MiB at once)",
        file_count="multiple",
        file_types=["audio"],
        type="filepath",
        height=HEIGHT,
        elem_id="dropped",
    )

    def read(values: Sequence[Any]) -> tuple[dict[str, Any], Sequence[Given]]:
        files = [Path(name) for name in values[0] or ()]
        if not files:
            raise TonescopeError("there is no file to listen to yet; drop one or several above.")
        if len(files) > MOST_FILES:
            raise TonescopeError(f"these are {len(files)} files, and {MOST_FILES} are the most here; leave some out.")
        return {}, files

    return Own([typed], read)
