"""The scripts and styles of the score view, the A/B player, the charts, cells that play and narrowed tables, as text.

They lie in ``components/``, plain JavaScript and CSS, and become one module script: a report holds it, and an app puts
it into its head once.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

SCRIPTS = ("transport.js", "ab.js", "lanes.js", "score.js", "cells.js", "narrow.js")
STYLES = ("ab.css", "score.css", "chart.css")


def script() -> str:
    """The body of a ``<script type="module">`` that defines ``<tonescope-ab>`` and ``<tonescope-score>``."""
    return "\n".join(map(_text, SCRIPTS))


def styles() -> str:
    """Their CSS; the colours come from the look of the page."""
    return "\n".join(map(_text, STYLES))


@lru_cache(maxsize=len(SCRIPTS) + len(STYLES))
def _text(name: str) -> str:
    return (files(__package__ or "") / "components" / name).read_text(encoding="utf-8")
