"""Is the cause found where it is known, in a generator that denoises? As :mod:`benchmarks.localise`, on copies of the
flow generator in which one neuron or one head was rewired, and on copies in which nothing was.

Copies are drawn, each at a strength at which takes drift and turn back when the unit is muted by hand, and kept beside
the results; a stopped run goes on.

    python -m benchmarks.localise_flow FOLDER [--copies 12] [--make]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import kept_results
from benchmarks.localise import localised, summary
from benchmarks.rewired import Kind, Recipe, Statistics, calibrated, draw, statistics
from tonescope.diagnose.context import Context
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.loading import EMBEDDED, EMBEDDED_FLOW

NAME, RECIPES = "localise_flow", Path(__file__).parent / "rewired_flow.json"
SECONDS = 4.0
KINDS: tuple[Kind, ...] = ("neuron", "head", "clean")
FIRST_SEED, MOST_DRAWS = 1000, 60  # seeds of copies, and how many are drawn for each kind at most


def made(path: Path = RECIPES) -> dict[str, Any]:
    """Recipes that were kept, and how far seeds were drawn, by kind."""
    if not path.is_file():
        return {"kept": [], "next": {kind: FIRST_SEED for kind in KINDS}}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def recipes(found: dict[str, Any], kind: Kind) -> list[Recipe]:
    """The kept ones of a kind."""
    rows = [row for row in found["kept"] if row["kind"] == kind]
    return [Recipe(**{**row, "units": tuple(row["units"]), "weights": tuple(row["weights"])}) for row in rows]


def make(context: Context, known: Statistics, copies: int, path: Path = RECIPES) -> None:
    """Draw until there are enough of every kind, or :data:`MOST_DRAWS` were tried; each is written at once."""
    found = made(path)
    for kind in KINDS:
        while len(recipes(found, kind)) < copies and found["next"][kind] < FIRST_SEED + MOST_DRAWS:
            seed = found["next"][kind]
            found["next"][kind] += 1
            recipe = calibrated(context, draw(kind, seed, known), known)
            if recipe:
                found["kept"].append(recipe.as_dict())
            print(f"{kind} {seed}: {recipe or 'none'}", flush=True)
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _done() -> list[dict[str, Any]]:
    kept = kept_results.RESULTS / f"{NAME}.json"
    rows: list[dict[str, Any]] = kept_results.load(NAME)["rows"] if kept.is_file() else []
    return rows


def run(session: Session, context: Context, known: Statistics, todo: Sequence[Recipe]) -> None:
    """Diagnose every copy that was not diagnosed before."""
    rows = _done()
    for recipe in todo:
        if any((row["kind"], row["seed"]) == (recipe.kind, recipe.seed) for row in rows):
            continue
        rows.append(localised(session, context, recipe, known))
        models = (session.generator, session.judge)
        kept_results.keep(NAME, rows, summary(rows), packages=("diffusers",), models=models)


def main() -> None:
    """Make what is missing, and diagnose it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", default=EMBEDDED_FLOW, help="the flow generator's; the one that is shipped, if absent"
    )
    parser.add_argument("--copies", type=int, default=12, help="of each kind")
    parser.add_argument("--make", action="store_true", help="draw what is missing, and diagnose none")
    given = parser.parse_args()
    session = Session.open(given.folder, EMBEDDED)
    context = session.context(Settings(seconds=SECONDS))
    known = statistics(context)
    make(context, known, given.copies)
    if not given.make:
        run(session, context, known, [recipe for kind in KINDS for recipe in recipes(made(), kind)[: given.copies]])


if __name__ == "__main__":
    main()
