"""A diagnosis and an experiment to show, made once for all tests of this folder, and a report of no job at all."""

from __future__ import annotations

from functools import cache

from tests import tiny
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.evidence import Evidence
from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.diagnose.report.view import Figure, Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.models.units import Unit

QUICK = Settings(takes=2, seconds=0.5, tested_words=1, tested_units=1, doses=(2.0,), rounds=1)
BEACON = "![x](https://example.org/x) <img src=x> $x$ ${1} {{1}}"
"""What a page must show as it is: Markdown, HTML, mathematics, templates."""


@cache
def session() -> Session:
    return tiny.session()


@cache
def diagnosed() -> tuple[Diagnosis, Evidence]:
    return session().diagnose("house house piano", QUICK)


@cache
def edited() -> tuple[Experiment, Played]:
    location = session().generator.location("decoder.1.mlp")
    return session().experiment("smooth jazz", Edit((Unit(location, 5),), "set", 30.0), QUICK)


def toy_views(text: str = "tempo") -> list[View]:
    """Views of a report that no code knows."""
    plot = {"data": [{"type": "bar", "x": [1, 2], "y": [3, 4]}], "layout": {}}
    return [
        View("headline", f"Audit of {text}", [(f"{text} comes in time.", "verified")], depth="first", tone="good"),
        View("card", f"A card of {text}", [(f"{text} on a card.", "tested")], depth="first"),
        View(
            "all",
            f"All of {text}",
            [(f"{text} is told.", "observed"), (f"A note on {text}.", None)],
            [Table(("asked", text), (("100", "101"), ("120", text)), ("observed", "estimated"))],
            [Figure(f"A figure of {text}", plot, f"{text} rises.", "observed")],
            [[Sound(f"slow {text}", "slow", 0, text), Sound("fast", "fast", 0)]],
        ),
        View("numbers", f"Numbers of {text}", [(f"{text} in numbers.", None)], depth="numbers"),
    ]
