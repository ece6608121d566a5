"""Does a comparison name the place that an adapter touches?

Adapters of the embedded generator are trained, each on the weights of one place alone, drawn at random: a lesson that
something is played otherwise than it was. A comparison of the base with each has to name that place and no other.
``named`` is how many were, of ``adapters``. Beside it, what each place brings on finished takes, and whether other
places brought as much. An adapter that was trained and a row that was measured are kept, so that a run that was stopped
goes on.

    python -m benchmarks.compare [--adapters 10] [--steps 60] [--takes 2] [--seconds 4] [--kept out/compare]
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kept_results import keep
from tonescope.diagnose.compare.compare_models import CompareWish, Listening, compare_models
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.runtime.session import Session
from tonescope.models.generator import Generator
from tonescope.models.loading import EMBEDDED, load_generator
from tonescope.models.units import Location
from training.plant_adapters import Fact, Lessons, adapter_facts, plant, play_lessons

SEED = 26
SITES = ("decoder.mlp", "decoder.self", "decoder.cross")
RANK = 8
LESSON_TAKES = 9  # of each genre
GENRES = ("techno", "ragtime", "house", "waltz")  # what the comparison plays; the facts that are planted are about some
MODULES = {
    "mlp": r".*layers\.{}\.(fc1|fc2)",
    "self": r".*layers\.{}\.self_attn\.(q_proj|k_proj|v_proj|out_proj)",
    "cross": r".*layers\.{}\.encoder_attn\.(q_proj|k_proj|v_proj|out_proj)",
}
"""The linear layers of a place, as an adapter's configuration names them."""


def modules_at(place: Location) -> str:
    """A regular expression of the linear layers of a place."""
    return MODULES[place.name].format(place.layer)


def drawn(generator: Generator, count: int) -> list[Location]:
    """Places to touch, each as likely as any other."""
    places = generator.locations(*SITES)
    return random.Random(SEED).sample(places, min(count, len(places)))


def lessons_of(count: int) -> list[Fact]:
    """What each adapter learns: facts that are not sealed, one after the other."""
    facts = [fact for fact in adapter_facts() if not fact.sealed]
    return [facts[at % len(facts)] for at in range(count)]


def row_of(
    base: Generator, adapted: Generator, listening: Listening, place: Location, fact: Fact, wish: CompareWish
) -> dict[str, Any]:
    """What a comparison says of one adapter."""
    found, _ = compare_models(base, adapted, listening, wish, Watch())
    first, second = [*found.parts[:2], None, None][:2]
    tested = next((row for row in found.grafts if row.parts == [str(place)]), None)
    return {
        "touched": str(place),
        "lesson": fact.name,
        "named": ", ".join(found.named),
        "right": found.named == [str(place)],
        "places that differ": len(found.parts),
        "brings": first.brings.value if first and first.brings else None,
        "next brings": second.brings.value if second and second.brings else None,
        "very takes": f"{tested.same} of {tested.takes}" if tested else "",
        "heard otherwise": found.behaviour.heard_change.value if found.behaviour.heard_change else None,
        "first place that differs": next((row.location for row in found.likeness if row.cka < 0.999), ""),
    }


def about_of(rows: Sequence[dict[str, Any]], asked: argparse.Namespace) -> dict[str, Any]:
    """What follows from the rows."""
    return {
        "named": sum(row["right"] for row in rows),
        "adapters": len(rows),
        "steps": asked.steps,
        "takes": asked.takes,
        "seconds": asked.seconds,
        "lesson takes": LESSON_TAKES,
    }


def trained(place: Location, fact: Fact, lessons: Lessons, folder: Path, steps: int) -> Path:
    """The adapter of one place; one that is there already is not trained again."""
    made = folder / f"{place}-{fact.name}-{steps}"
    if not (made / "adapter_model.safetensors").is_file():
        plant(fact, lessons, made, steps=steps, modules=modules_at(place), rank=RANK)
    return made


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--takes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each take")
    parser.add_argument("--kept", type=Path, default=Path("out/compare"), help="where adapters and lessons are kept")
    asked = parser.parse_args()
    session = Session.open()
    lessons = play_lessons(session.generator, asked.kept / "lessons.safetensors", LESSON_TAKES)
    wish = CompareWish(genres=GENRES, takes=asked.takes, seconds=asked.seconds, tested=1)
    rows = []
    places = drawn(session.generator, asked.adapters)
    for place, fact in zip(places, lessons_of(len(places)), strict=True):
        folder = trained(place, fact, lessons, asked.kept, asked.steps)
        measured = folder / f"row-{asked.steps}-{asked.takes}-{asked.seconds:g}.json"
        if not measured.is_file():
            adapted = load_generator(EMBEDDED, adapter=str(folder))
            row = row_of(session.generator, adapted, session, place, fact, wish)
            measured.write_text(json.dumps(row), encoding="utf-8")
        rows.append(json.loads(measured.read_text(encoding="utf-8")))
    keep("compare", rows, about_of(rows, asked), packages=("peft",), models=(session.generator, session.judge))


if __name__ == "__main__":
    main()
