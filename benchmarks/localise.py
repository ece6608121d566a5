"""Is the cause found where it is known? Diagnoses of rewired generators (:mod:`benchmarks.rewired`).

Every copy is diagnosed as a user would, by its prompt alone. What is asked of the result, by kind of copy:

- one neuron, one head: is it listed first, and verified alone;
- two stand-ins, a pair: is the set that is reported the rewired units, does it hold them;
- five neurons: are four of them reported as members or alternates;
- a neuron of the text encoder, an adapter: is the right network, the right location blamed;
- clean copies: is a small set of units blamed for what nobody rewired. Whole places are counted apart: where one reads
  the prompt, what it carries is no invention.

The mean activations are those of the generator before it was rewired, as an approximation: all but one of the prompts
that they are over are not of the source genre. Recipes are made once (``python -m benchmarks.localise --make``), from
seeds of which those below :data:`HELD_BACK` were used while search and verification were written, and kept in
``rewired.json``.

    python -m benchmarks.localise [--kinds neuron,head] [--limit 60] [--resume]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import kept_results
from benchmarks.embedded import SECONDS
from benchmarks.rewired import KINDS, Kind, Recipe, Statistics, calibrated, draw, rewired, statistics
from benchmarks.rewired_several import COUNTS, several
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share

RECIPES = Path(__file__).parent / "rewired.json"
HELD_BACK: dict[Kind, int] = dict.fromkeys(KINDS, 2000) | dict.fromkeys(("neuron", "head", "adapter"), 3000)
"""Seeds of each kind from here on had no part in writing what it is about. Those of neurons, heads and adapters were
diagnosed once, when all was written; of the others some were diagnosed before what is tested alone, and when a location
is the better answer, was changed last."""
WANTED: dict[Kind, int] = {
    "neuron": 10,
    "head": 8,
    "stand-ins": 6,
    "pair": 6,
    "five": 6,
    "text": 6,
    "adapter": 6,
    "clean": 20,
}
SETTINGS = Settings(takes=4, seconds=SECONDS, tested_words=0)
SMALL = 5  # units that a set may hold for a clean copy to count as blamed
UNITS = ("alone", "together")  # how a set of units is found

Row = dict[str, Any]


# --- recipes ---------------------------------------------------------------------------------------------------------


def kept_recipes(first: Mapping[Kind, int] = HELD_BACK) -> list[Recipe]:
    """Those that were made before, of each kind from its first seed on."""
    lists = ("units", "weights")
    rows: list[Row] = [
        {key: tuple(value) if key in lists else value for key, value in row.items()} for row in _made()["kept"]
    ]
    recipes = [Recipe(**row) for row in rows]
    return [recipe for recipe in recipes if recipe.seed >= first[recipe.kind]]


def _made() -> dict[str, Any]:
    """Recipes that were kept, and the seeds of each kind that give none."""
    if not RECIPES.is_file():
        return {"kept": [], "rejected": {}}
    found: dict[str, Any] = json.loads(RECIPES.read_text(encoding="utf-8"))
    return found


def make(context: Context, known: Statistics, first: Mapping[Kind, int], kinds: Sequence[Kind]) -> None:
    """Draw recipes until there are enough of every kind; what was drawn before is not drawn again."""
    made = _made()
    seed = min(first[kind] for kind in kinds)
    while short := [kind for kind in kinds if _count(kept_recipes(first), kind) < WANTED[kind]]:
        drawn = {(row["kind"], row["seed"]) for row in made["kept"]}
        tried = {kind: seed < first[kind] or seed in made["rejected"].get(kind, ()) for kind in short}
        new = [kind for kind in short if (kind, seed) not in drawn and not tried[kind]]
        together = [kind for kind in new if kind in COUNTS]
        found = several(context, seed, together, known) if together else {}
        found |= {kind: calibrated(context, draw(kind, seed, known), known) for kind in new if kind not in COUNTS}
        for kind, recipe in found.items():
            if recipe:
                made["kept"].append(recipe.as_dict())
            else:
                made["rejected"].setdefault(kind, []).append(seed)
            print(f"{kind} {seed}: {recipe or 'none'}", flush=True)
            RECIPES.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        seed += 1


def _count(recipes: Sequence[Recipe], kind: Kind) -> int:
    return sum(recipe.kind == kind for recipe in recipes)


# --- one copy --------------------------------------------------------------------------------------------------------


def localised(session: Session, context: Context, recipe: Recipe, known: Statistics) -> Row:
    """Diagnose one copy, and compare what is found with what was rewired."""
    started = time.perf_counter()
    assert context.means is not None
    with rewired(session.generator, recipe, known):
        found, _ = diagnose(Request(recipe.prompt, SETTINGS), session.models, context.means)
    group, units = found.drivers.group, found.drivers.units
    told = [row.unit for row in units if row.role != "candidate"]
    rewired_units = set(recipe.units)
    verified = {row.unit for row in units if row.badge == "verified" and row.verified and _turns(row.verified)}
    blamed = bool(group and group.turns and group.found_by != "gradients")
    return {
        "kind": recipe.kind,
        "seed": recipe.seed,
        "source": recipe.source,
        "target": recipe.target,
        "strength": recipe.strength,
        "verdict": found.verdict.kind,
        "rewired": [*recipe.units] or [recipe.location or "nothing"],
        "first": units[0].unit if units else None,
        "set": group.names if group else [],
        "found_by": group.found_by if group else None,
        "told": told,
        "muted": f"{group.muted.flips}/{group.muted.flippable}" if group else "-",
        "blamed": blamed,
        "where": found.blame.where,
        "location": found.blame.location,
        "is_first": bool(units) and units[0].unit in rewired_units,
        "verified_alone": bool(rewired_units & verified),
        "exact": blamed and any(set(names) == rewired_units for names in _small_sets(found)),
        "contained": blamed and any(rewired_units <= set(names) for names in _small_sets(found)),
        "rewired_told": len(rewired_units & set(told)),
        "generations": found.drivers.search.generations if found.drivers.search else 0,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _turns(trial: Any) -> bool:
    return bool(2 * trial.flips >= max(1, trial.flippable))


def _small_sets(found: Diagnosis) -> list[list[str]]:
    """The set; and, of a unit that does it alone, with the others that do."""
    names = found.drivers.group.names if found.drivers.group else []
    alternates = [row.unit for row in found.drivers.units if row.role == "alternate"]
    return [names, [*names, *alternates]] if len(names) == 1 else [names]


# --- all of them -----------------------------------------------------------------------------------------------------

MEASURES: dict[str, tuple[tuple[Kind, ...], Callable[[Row], bool]]] = {
    "single_first": (("neuron", "head"), lambda row: row["is_first"]),
    "single_verified": (("neuron", "head"), lambda row: row["verified_alone"]),
    "small_sets_exact": (("stand-ins", "pair"), lambda row: row["exact"]),
    "small_sets_contained": (("stand-ins", "pair"), lambda row: row["contained"]),
    "five_found": (("five",), lambda row: row["rewired_told"] >= 4),
    "place_right": (
        ("text", "adapter"),
        lambda row: row["where"] == "text encoder" if row["kind"] == "text" else row["location"] == row["rewired"][0],
    ),
    "false_blame": (("clean",), lambda row: row["blamed"] and row["found_by"] in UNITS and len(row["set"]) <= SMALL),
    "places_named": (("clean",), lambda row: row["blamed"] and row["found_by"] == "location"),
}


def summary(rows: Sequence[Row]) -> Row:
    """Each measure with its interval, over the copies that it is about."""
    about: Row = {"seconds": SETTINGS.seconds, "takes": SETTINGS.takes}
    for name, (kinds, holds) in MEASURES.items():
        some = [row for row in rows if row["kind"] in kinds]
        about[name] = share(sum(map(holds, some)), len(some)).model_dump()
    about["generations"] = sum(row["generations"] for row in rows) / max(1, len(rows))
    return about


def main() -> None:
    """Diagnose every kept recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--first-seed", type=int, help="of all kinds; those that were held back, if absent")
    parser.add_argument("--limit", type=int, default=1000, help="so many copies of each kind at most")
    parser.add_argument("--make", action="store_true", help="draw recipes that are missing, and diagnose none")
    parser.add_argument("--resume", action="store_true", help="go on with the copies that the kept result lacks")
    given = parser.parse_args()
    kinds = [kind for kind in KINDS if kind in given.kinds.split(",")]
    first = HELD_BACK if given.first_seed is None else dict.fromkeys(KINDS, given.first_seed)
    session = Session.open()
    context = session.context(Settings(seconds=SECONDS))
    known = statistics(context)
    if given.make:
        make(context, known, first, kinds)
        return
    recipes = [recipe for recipe in kept_recipes(first) if recipe.kind in kinds]
    rows: list[Row] = kept_results.load("localise")["rows"] if given.resume else []
    done = {(row["kind"], row["seed"]) for row in rows}
    for recipe in recipes:
        if (recipe.kind, recipe.seed) in done or sum(row["kind"] == recipe.kind for row in rows) >= given.limit:
            continue
        rows.append(localised(session, context, replace(recipe), known))
        kept_results.keep("localise", rows, summary(rows), models=(session.generator, session.judge))


if __name__ == "__main__":
    main()
