"""Renders the model cards from ``results.json``: no number in them is typed by hand."""

from __future__ import annotations

import json
from importlib import resources
from math import prod
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from tonescope.diagnose.repair.genre_predictor import WEIGHTS_FILE, GenrePredictor, PredictorRecord
from training.planted import facts, misled
from training.tables import genres

_CARDS = {"generator": "card_generator.md.j2", "judge": "card_judge.md.j2"}


def percent(value: dict[str, Any]) -> str:
    """A proportion as ``17 of 20 (85 %; 64 to 95 %)``, a mean of proportions as ``85 % (64 to 95 %)``."""
    if "mean" in value:
        return f"{100 * value['mean']:.0f} % ({100 * value['low']:.0f} to {100 * value['high']:.0f} %)"
    if not value["total"]:
        return "none to count"
    share, low, high = (100 * part for part in (value["count"] / value["total"], value["low"], value["high"]))
    return f"{value['count']} of {value['total']} ({share:.0f} %; {low:.0f} to {high:.0f} %)"


def _aimed(value: float, aim: float, least: bool = True) -> str:
    """``aim: at least 85 %, met``; with ``least`` false ``aim: at most 5 points, met``."""
    met = "met" if (value >= aim if least else value <= aim) else "**missed**"
    return f"aim: at least {100 * aim:.0f} %, {met}" if least else f"aim: at most {aim:g} points, {met}"


def _trainings(folder: Path) -> dict[str, Any]:
    metadata = folder / "tonescope.json"
    return json.loads(metadata.read_text(encoding="utf-8")).get("trainings", {}) if metadata.exists() else {}


def _predictor(folder: Path) -> PredictorRecord | None:
    """The record of the genre predictor that a folder ships, if it ships one."""
    return GenrePredictor.load(folder).record if (folder / WEIGHTS_FILE).exists() else None


def _build(folder: Path) -> dict[str, Any]:
    """Sizes of the generator, from its ``config.json``; ``frame_rate`` is in frames a second."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    decoder, codec = config["decoder"], config["audio_encoder"]
    return {
        "layers": decoder["num_hidden_layers"],
        "n_codebooks": decoder["num_codebooks"],
        "codebook_size": codec["codebook_size"],
        "sample_rate": codec["sampling_rate"],
        "frame_rate": codec["sampling_rate"] // prod(codec["upsampling_ratios"]),
        "genres": len(genres()),
    }


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write ``README.md`` into the folder of each model.

    Args:
        folder: holds ``generator`` and ``judge``.
        results: what ``evaluate`` measured, by part; parts may be missing.
    """
    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False, undefined=StrictUndefined
    )
    environment.filters |= {"share": percent, "aimed": _aimed}
    for name, template in _CARDS.items():
        text = (resources.files(__package__) / template).read_text(encoding="utf-8")
        card = environment.from_string(text).render(
            results=results,
            facts=facts(),
            misled=sorted(misled()),
            trainings=_trainings(folder / name),
            made=_build(folder / "generator"),
            predictor=_predictor(folder / name),
        )
        (folder / name / "README.md").write_text(card, encoding="utf-8")
