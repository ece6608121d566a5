"""Confusion: genres are asked for, and the page shows which are heard as others, as a heat map that plays."""

from __future__ import annotations

from tonescope.ui.components import job_page
from tonescope.ui.components.job_page import Button, JobPage
from tonescope.ui.workshop import Workshop

ABOUT = (
    "Which genres does the model mix up? Each is asked for in a few wordings and played several times; the page shows "
    "what is heard instead, how surely, and why. Cells of the map can be heard."
)
GENRES = "Choose some, or type one and press Enter; without any, all that the judge knows are asked for."
NONE = "Nothing was compared yet. Choose two or more genres, or none for all that the judge knows."


def build(workshop: Workshop) -> None:
    """The page around a workshop."""
    page = JobPage(
        "confusion",
        ABOUT,
        buttons=[Button("Start")],
        fields=("genres", "takes", "seconds", "wordings", "explain"),
        advanced=("seed", "guidance", "temperature", "top_k"),
        none=NONE,
        another="New confusion report",
        names={"takes": "Takes a wording", "explain": "Confusions to explain", "top_k": "Top-k"},
        infos={"genres": GENRES},
        choices={"genres": workshop.session.judge.labels},
        several=("genres",),
    )
    job_page.build(workshop, page)
