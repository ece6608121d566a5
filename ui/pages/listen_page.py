"""Listen: sound that was made elsewhere is dropped here, and the page tells what is heard in it, and plays it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Encodes
from tonescope.ui.components import job_page
from tonescope.ui.components.job_page import Button, JobPage, Own
from tonescope.ui.components.kept_files import Given
from tonescope.ui.components.uploaded_sounds import uploaded_sounds
from tonescope.ui.workshop import Workshop

ABOUT = (
    "Drop music from anywhere: what genre, tempo and key is heard in it, whether it repeats itself, and whether it is "
    "what was asked for. The files stay with their run, and are deleted with it."
)
PROMPT = "The prompt, where there was one: what is heard is held against it."
SURROGATE = "Which units of this generator respond to the files; it did not make them."
NONE = "Nothing was listened to yet."
MOST_FILES = 50
DROP = "Drop sound files here (wav, flac, ogg, opus, mp3, aiff; up to 64 MiB at once), or choose them."


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
        names={
            "prompt": "What it was made from",
            "in_domain": "In domain",
            "fresh": "Hear again",
            "surrogate": "Traced through",
        },
        infos={"prompt": PROMPT, "surrogate": SURROGATE},
        choices={"surrogate": (generator.name,)},
        own=_files,
    )
    job_page.build(workshop, page)


def _files() -> Own:
    """Where files are dropped."""
    files = uploaded_sounds("Choose files", "Take all out again", drop=DROP)

    def read(values: Sequence[Any]) -> tuple[dict[str, Any], Sequence[Given]]:
        given = [Path(name) for name in values[0] or ()]
        if not given:
            raise TonescopeError("there is no file to listen to yet; drop or choose one or several.")
        if len(given) > MOST_FILES:
            raise TonescopeError(f"these are {len(given)} files, and {MOST_FILES} are the most here; leave some out.")
        return {}, given

    return Own([files], read)
