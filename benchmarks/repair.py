"""Prompts that get better: how fast feedback is, how well it predicts, and what repair repairs, on the embedded models.

Prompts are those of ``repair_prompts.toml``, which nothing was built on. What is done is kept line by line in
``--folder``, so that a run that was stopped goes on where it was; the result is written once all parts are there.

    python -m benchmarks.repair [--smoke] [--folder build/repair]
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept_results import keep
from benchmarks.prompts import PROMPTS
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.judging.intent import read_intent
from tonescope.diagnose.repair.live_feedback import LiveFeedback
from tonescope.diagnose.repair.race import Track
from tonescope.diagnose.repair.rewrites import Rewrite, Wish, random_rewrites
from tonescope.diagnose.repair.suggest_schema import FIXED, Suggestion
from tonescope.diagnose.repair.suggestion import suggest
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share
from tonescope.models.generator import Sampling

TABLE = Path(__file__).with_name("repair_prompts.toml")
BUDGET, HEARD, FIRST_SEED, BINS = 120, 4, 3_000_000, 5
SMOKE_BUDGET, SMOKE_PROMPTS = 20, 1
RANDOM = 16  # rewrites at random, in the place of the candidates

Row = dict[str, Any]


@dataclass
class Ledger:
    """What is done, one JSON line each."""

    path: Path

    def rows(self, part: str) -> list[Row]:
        """The rows of a part."""
        if not self.path.is_file():
            return []
        lines = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return [row for row in lines if row["part"] == part]

    def do(self, part: str, prompt: str, make: Callable[[], Row]) -> Row:
        """A row, made if it is not there."""
        for row in self.rows(part):
            if row["prompt"] == prompt:
                return row
        row = {"part": part, "prompt": prompt, **make()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return row


def keystrokes(prompt: str) -> Iterator[str]:
    """The prompt as it grows."""
    return (prompt[:length] for length in range(1, len(prompt) + 1))


def latency(live: LiveFeedback, prompts: list[str]) -> Row:
    """Milliseconds a keystroke: what finds and predicts, all of it."""
    live.on(prompts[0])
    spent = []
    for prompt in prompts:
        for typed in keystrokes(prompt):
            started = time.perf_counter()
            live.on(typed)
            spent.append(1000 * (time.perf_counter() - started))
    return {"keystrokes": len(spent), "p50_ms": float(np.median(spent)), "p95_ms": float(np.percentile(spent, 95))}


def foretold(session: Session, live: LiveFeedback, prompt: str) -> Row:
    """What was predicted of a prompt and named by it, and what is heard in a few takes."""
    track = Track(Context(session.generator, session.judge), session.judge.labels[0])
    rewrite = Rewrite("none", "", prompt, Sampling())
    heard = track.all_of(rewrite, range(FIRST_SEED, FIRST_SEED + HEARD)).posterior.argmax(1).tolist()
    counts = [heard.count(at) for at in range(len(session.judge.labels))]
    found = live.on(prompt).prediction
    intent = read_intent(prompt, session.judge, session.taxonomy)
    named = intent.label if intent.how in ("named", "nearest") else None
    most = [session.judge.labels[at] for at, count in enumerate(counts) if count == max(counts)]
    sure = found.probability if found else 0.0
    hits = counts[session.judge.labels.index(found.genre)] / HEARD if found else 0.0
    return {
        "right": bool(found and found.genre in most),
        "named_right": named in most,
        "probability": sure,
        "hits": hits,
    }


def repaired(session: Session, meant: str, prompt: str, budget: int, *, at_random: bool = False) -> Row:
    """What a repair comes to, or as many random rewrites at the same cost."""
    request = Request(prompt, Settings(seed=FIRST_SEED), meant)
    candidates = None
    if at_random:
        wish = Wish(prompt, Sampling(), meant, session.taxonomy)
        candidates = random_rewrites(wish, session.generator, RANDOM)
    started = time.perf_counter()
    found, _ = suggest(session, request, Watch(), budget=budget, candidates=candidates)
    return {**_row(found), "seconds": time.perf_counter() - started}


def _row(found: Suggestion) -> Row:
    best = found.best
    return {
        "meant": found.intended,
        "conclusion": found.conclusion,
        "before": found.original.matched.value,
        "after": best.matched.value if best else 0.0,
        "best": best.prompt if best else "",
        "takes": found.takes,
    }


def fixed(rows: list[Row]) -> tuple[float, str]:
    """Of the prompts that are confused, the share that is fixed, with its interval."""
    confused = [row for row in rows if row["before"] < FIXED]
    found = share(sum(row["after"] >= FIXED for row in confused), len(confused))
    return found.value, str(found)


def _calibration(rows: list[Row]) -> float:
    """Expected calibration error over prompts."""
    bins: dict[int, list[Row]] = {}
    for row in rows:
        bins.setdefault(min(BINS - 1, int(BINS * row["probability"])), []).append(row)
    gaps = [abs(sum(row["probability"] - row["hits"] for row in some)) for some in bins.values()]
    return sum(gaps) / max(len(rows), 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one prompt of each part, kept nowhere")
    parser.add_argument("--folder", type=Path, default=Path("build/repair"))
    given = parser.parse_args()
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    session = Session.open()
    live = LiveFeedback(session.generator, session.judge, session.taxonomy, session.vocabulary)
    most, budget = (SMOKE_PROMPTS, SMOKE_BUDGET) if given.smoke else (None, BUDGET)
    ledger = Ledger(given.folder / ("smoke.jsonl" if given.smoke else "repair.jsonl"))
    confused = [(meant, prompt) for meant, prompts in table["confused"].items() for prompt in prompts][:most]
    hopeless = [(meant, prompt) for meant, prompts in table["hopeless"].items() for prompt in prompts][:most]
    quick = latency(live, list(PROMPTS)[: most or 20])
    seen = [
        ledger.do("foretold", prompt, lambda prompt=prompt: foretold(session, live, prompt))  # type: ignore[misc]
        for prompt in table["unseen"]["prompts"][:most]
    ]
    parts: dict[str, list[Row]] = {"repaired": [], "random": [], "hopeless": []}
    for part, prompts in (("repaired", confused), ("random", confused), ("hopeless", hopeless)):
        for meant, prompt in prompts:

            def make(meant: str = meant, prompt: str = prompt, part: str = part) -> Row:
                return repaired(session, meant, prompt, budget, at_random=part == "random")

            parts[part].append(ledger.do(part, prompt, make))
    fixed_share, fixed_told = fixed(parts["repaired"])
    random_share, random_told = fixed(parts["random"])
    lost = [row for row in parts["hopeless"] if row["before"] < FIXED]
    about = {
        **quick,
        "accuracy": float(np.mean([row["right"] for row in seen])),
        "baseline_accuracy": float(np.mean([row["named_right"] for row in seen])),
        "calibration_error": _calibration(seen),
        "unseen_prompts": len(seen),
        "confused_prompts": sum(row["before"] < FIXED for row in parts["repaired"]),
        "fixed_share": fixed_share,
        "fixed": fixed_told,
        "random_fixed_share": random_share,
        "random_fixed": random_told,
        "hopeless_recognised": float(np.mean([row["conclusion"] == "genre missing" for row in lost] or [0.0])),
        "hopeless_prompts": len(lost),
        "budget": budget,
    }
    rows = [*parts["repaired"], *parts["random"], *parts["hopeless"]]
    if given.smoke:
        print(json.dumps(about, indent=1))
    else:
        keep("repair", rows, about, models=[session.generator, session.judge])


if __name__ == "__main__":
    main()
