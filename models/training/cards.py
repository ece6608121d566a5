"""Model cards and the table of planted facts, written from ``results.json``: no number in them is typed by hand."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment

from .planted import facts

_CARDS = {"generator": "card_generator.md.j2", "judge": "card_judge.md.j2"}


def _percent(value: dict[str, Any]) -> str:
    """``17 of 20 (85 %; 64 to 95 %)`` for a share with its interval."""
    return f"{value['count']} of {value['total']} ({100 * value['count'] / value['total']:.0f} %; {100 * value['low']:.0f} to {100 * value['high']:.0f} %)"


def _trainings(folder: Path) -> dict[str, Any]:
    side = folder / "tonescope.json"
    return json.loads(side.read_text(encoding="utf-8")).get("trainings", {}) if side.exists() else {}


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write ``README.md`` beside each model from what was measured."""
    environment = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
    environment.filters["share"] = _percent
    for name, template in _CARDS.items():
        text = (resources.files(__package__) / template).read_text(encoding="utf-8")
        card = environment.from_string(text).render(results=results, facts=facts(), trainings=_trainings(folder / name))
        (folder / name / "README.md").write_text(card, encoding="utf-8")
