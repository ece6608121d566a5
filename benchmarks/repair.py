"""Prompts that get better: how fast feedback is, how well it predicts, and what repair repairs, on the embedded models.

Prompts are those of ``repair_prompts.toml``, which nothing was built on. What is done is kept line by line in
``--folder``, so that a run that was stopped goes on where it was; the result tells of the parts that are done.

    python -m benchmarks.repair [--smoke] [--parts latency unseen repaired random hopeless steering] [--prompts N]
                                [--second-judge NAME|by-hand] [--folder build/repair]

``latency`` takes a minute, ``unseen`` two or three, a repaired prompt about one and a half (so that of all three kinds
some hours), a steered prompt as long as a diagnosis and some eighty takes more, on one core. ``steering`` has two
listeners: the embedded judge, and the one that ``--second-judge`` names (``by-hand``: the classifier of hand-made
features of ``benchmarks/rare_genres.py``, which is fitted first and needs librosa).
"""

from __future__ import annotations

import argparse
import json
import os
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.kept_results import keep
from benchmarks.prompts import PROMPTS
from benchmarks.repair_steering import CLIPS, listeners, steering_row
from benchmarks.repair_steering import summary as steering_summary
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.judging.intent import read_intent
from tonescope.diagnose.repair.live_feedback import LiveFeedback
from tonescope.diagnose.repair.race import Track
from tonescope.diagnose.repair.rewrites import Rewrite, Wish, random_rewrites
from tonescope.diagnose.repair.suggest_schema import FIXED, Suggestion
from tonescope.diagnose.repair.suggest_sentences import best_of
from tonescope.diagnose.repair.suggestion import suggest
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share
from tonescope.models.generator import Sampling
from tonescope.ui.components.prompt_feedback import PromptFeedback

TABLE = Path(__file__).with_name("repair_prompts.toml")
BUDGET, HEARD, FIRST_SEED, BINS = 120, 4, 3_000_000, 5
SMOKE_BUDGET, SMOKE_PROMPTS = 20, 1
TYPED = 20  # prompts that are typed
REPAIRED = {"repaired": "confused", "random": "confused", "hopeless": "hopeless"}
"""Parts that repair prompts, and which of the table."""
STEERED_TAKES, SMOKE_TAKES, SMOKE_CLIPS = 8, 2, 4
PARTS = ("latency", "unseen", *REPAIRED, "steering")
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


def latency(feedback: PromptFeedback, prompts: Sequence[str]) -> Row:
    """Milliseconds that the server spends on a keystroke: linter, prediction, phrases, and the HTML of it; and on the
    whole prompt, once the typing pauses. ``cpu_p95_ms`` is what it computes, whatever else the machine does."""
    load = os.getloadavg()[0]
    feedback.html(prompts[0])
    spent, computed, paused = [], [], []
    for prompt in prompts:
        for typed in keystrokes(prompt):
            started, cpu = time.perf_counter(), time.process_time()
            feedback.html(typed, settled=False)
            spent.append(1000 * (time.perf_counter() - started))
            computed.append(1000 * (time.process_time() - cpu))
        started = time.perf_counter()
        feedback.html(prompt)
        paused.append(1000 * (time.perf_counter() - started))
    found: dict[str, Any] = {"p50_ms": np.median(spent), "p95_ms": np.percentile(spent, 95)}
    found |= {"paused_p95_ms": np.percentile(paused, 95), "cpu_p95_ms": np.percentile(computed, 95)}
    found["load_before"] = load
    return {"keystrokes": len(spent)} | {name: round(float(value), 1) for name, value in found.items()}


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
    return {**_row(found, at_random=at_random), "seconds": time.perf_counter() - started}


def _row(found: Suggestion, *, at_random: bool = False) -> Row:
    """What was found; of random rewrites the best of those alone, of a repair the prompt that it offers."""
    is_offered = found.conclusion in ("fixed", "better") and not at_random
    best = best_of(found) if is_offered else found.best
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


def spread(rows: Sequence[Any], most: int | None) -> list[Any]:
    """So many rows at most, evenly from the first to the last, so that no kind is left out."""
    if most is None or most >= len(rows):
        return list(rows)
    return [rows[number * len(rows) // most] for number in range(most)]


def measured(given: Asked, session: Session, ledger: Ledger) -> None:
    """Do what is asked for and not done yet; how quick the feedback is, is always measured anew."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    live = LiveFeedback(session.generator, session.judge, session.taxonomy, session.vocabulary)
    if "latency" in given.parts:
        feedback, typed = PromptFeedback(session), list(PROMPTS)[: given.most or TYPED]
        ledger.do("latency", time.strftime("%Y-%m-%d %H:%M:%S"), lambda: latency(feedback, typed))
    if "unseen" in given.parts:
        for prompt in spread(table["unseen"]["prompts"], given.most):
            ledger.do("unseen", prompt, lambda prompt=prompt: foretold(session, live, prompt))  # type: ignore[misc]
    for part, name in REPAIRED.items():
        wanted = spread([(meant, prompt) for meant, prompts in table[name].items() for prompt in prompts], given.most)
        for meant, prompt in wanted if part in given.parts else ():

            def make(meant: str = meant, prompt: str = prompt, part: str = part) -> Row:
                return repaired(session, meant, prompt, given.budget, at_random=part == "random")

            ledger.do(part, prompt, make)
    if "steering" in given.parts:
        _steer(given, session, ledger, table["steering"])


def _steer(given: Asked, session: Session, ledger: Ledger, table: dict[str, list[str]]) -> None:
    wanted = spread([(meant, prompt) for meant, prompts in table.items() for prompt in prompts], given.most)
    if {prompt for _, prompt in wanted} <= {row["prompt"] for row in ledger.rows("steering")}:
        return
    hearing = listeners(session, given.second_judge, given.clips)
    names = [listener.name for listener in hearing]
    for meant, prompt in wanted:

        def make(meant: str = meant, prompt: str = prompt) -> Row:
            row = steering_row(session, hearing, meant, prompt, given.steered_takes, given.settings)
            return {**row, "listeners": names}

        ledger.do("steering", prompt, make)


def summary(ledger: Ledger) -> Row:
    """What follows from the parts that are done; the others are absent."""
    about: Row = {"parts": " ".join(part for part in PARTS if ledger.rows(part))}
    if quick := ledger.rows("latency"):
        about |= {name: value for name, value in quick[-1].items() if name not in ("part", "prompt")}
    if seen := ledger.rows("unseen"):
        right, named = (share(sum(row[name] for row in seen), len(seen)) for name in ("right", "named_right"))
        about |= {
            "accuracy": right.value,
            "accuracy_told": str(right),
            "baseline_accuracy": named.value,
            "baseline_accuracy_told": str(named),
            "calibration_error": _calibration(seen),
            "unseen_prompts": len(seen),
            "unseen": seen,
        }
    for part, name in (("repaired", "fixed"), ("random", "random_fixed")):
        if rows := ledger.rows(part):
            about[f"{name}_share"], about[name] = fixed(rows)
            about["confused_prompts"], about[f"{name}_of"] = sum(row["before"] < FIXED for row in rows), len(rows)
    if hopeless := ledger.rows("hopeless"):
        lost = [row for row in hopeless if row["before"] < FIXED]
        recognised = [row for row in lost if row["conclusion"] == "genre missing"]
        told = share(len(recognised), len(lost))
        about |= {"hopeless_recognised": told.value if lost else 0.0, "hopeless_told": str(told)}
        about["hopeless_prompts"] = len(lost)
        about["hopeless_by_genre"] = {
            genre: f"{sum(row['meant'] == genre for row in recognised)} of {sum(row['meant'] == genre for row in lost)}"
            for genre in sorted({row["meant"] for row in lost})
        }
    if rows := ledger.rows("steering"):
        about |= steering_summary(rows, rows[0]["listeners"])
    return about


@dataclass(frozen=True)
class Asked:
    """Which parts, at most how many prompts of each (all, if absent), how many takes a repair may play, who else
    listens (having learned from how many ``clips`` of each genre, if by hand), and in how many takes of each dose, and
    with which diagnosis, steering is measured."""

    parts: Sequence[str]
    most: int | None = None
    budget: int = BUDGET
    second_judge: str | None = None
    steered_takes: int = STEERED_TAKES
    clips: int = CLIPS
    settings: Settings = field(default_factory=lambda: Settings(seed=FIRST_SEED))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one prompt of each part, kept nowhere")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--prompts", type=int, metavar="N", help="of each part, from all over its list; all, if absent")
    parser.add_argument("--second-judge", metavar="NAME", help="the second listener of steering; by-hand, if offline")
    parser.add_argument("--folder", type=Path, default=Path("build/repair"))
    given = parser.parse_args()
    session = Session.open()
    if given.smoke:
        with TemporaryDirectory() as folder:
            ledger = Ledger(Path(folder) / "smoke.jsonl")
            quick = Settings(seed=FIRST_SEED, takes=4, candidates=8, rounds=1, tested_words=1)
            asked = Asked(given.parts, SMOKE_PROMPTS, SMOKE_BUDGET, given.second_judge, SMOKE_TAKES, SMOKE_CLIPS, quick)
            measured(asked, session, ledger)
            print(json.dumps(summary(ledger), indent=1))
        return
    ledger = Ledger(given.folder / "repair.jsonl")
    measured(Asked(given.parts, given.prompts, second_judge=given.second_judge), session, ledger)
    rows = [row for part in REPAIRED for row in ledger.rows(part)]
    keep("repair", rows, {**summary(ledger), "budget": BUDGET}, models=[session.generator, session.judge])


if __name__ == "__main__":
    main()
