"""Measures the embedded models on held-out material; writes ``results.json`` and the model cards.

python -m training.evaluate --folder WORK [--only classifier|codec|judge|generator]
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import tomllib
from collections.abc import Callable
from datetime import date
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tonescope.models.loading import EMBEDDED, load_generator, load_judge
from training import cards, clips
from training.assemble import embedded
from training.classifier import prepare
from training.evaluation.classifier_quality import classifier_report
from training.evaluation.codec_quality import codec_report
from training.evaluation.generator_quality import generator_report
from training.evaluation.judge_quality import judge_report
from training.planted import facts

log = logging.getLogger(__name__)

TEST_CLIPS = 570
VALIDATION_CLIPS = 190
LOOPED = 60
PARTS = ("classifier", "codec", "judge", "generator")


def _measured() -> dict[str, Any]:
    """When and on what a part was measured."""
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers", "numpy", "scipy")},
    }


def _held_out() -> dict[str, list[clips.Recipe]]:
    """The sets of clips that are measured on, by name; in ``test-looped`` every clip has the planted drum loop."""
    lofi, first = facts()["lofi_drum_loop"]["genre"], clips.SPLITS["test"] + 500_000_000
    return {
        "validation": clips.uniform("validation", VALIDATION_CLIPS),
        "test": clips.uniform("test", TEST_CLIPS),
        "test-looped": [clips.Recipe(lofi, seed, drum_loop=True) for seed in range(first, first + LOOPED)],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and classifiers are kept")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure these and keep the other results")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder: Path = arguments.folder
    table = tomllib.loads((resources.files(__package__) / "evaluation/table.toml").read_text(encoding="utf-8"))
    sets = _held_out()
    for name, recipes in sets.items():
        clips.write(folder / f"clips-{name}", recipes)
    validation, test, looped = (clips.Clips.open(folder / f"clips-{name}") for name in sets)
    codec = load_generator(EMBEDDED).model.audio_encoder
    classifiers = prepare(folder)
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "classifier": lambda: classifier_report(codec, classifiers["aware"], test, looped, table["classifier"]),
        "codec": lambda: codec_report(codec, classifiers, test),
        "judge": lambda: judge_report(codec, validation, test),
        "generator": lambda: generator_report(classifiers["aware"], load_judge(EMBEDDED), table),
    }
    path = embedded() / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for part in arguments.only or PARTS:
        results[part] = measures[part]() | {"measured": _measured()}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    cards.write(embedded(), results)
    log.info("written to %s", path)


if __name__ == "__main__":
    main()
