"""What a diagnosis costs beside an earlier version, side by side in one run, and how many takes a search plays.

``--before PYTHON`` is the interpreter of an environment in which the earlier version is installed, with its own
dependencies. Every prompt is diagnosed by both commands in turns, each as a process of its own, as a user would:
``tonescope diagnose PROMPT --json``, and ``--quick`` of this version. Ratios are of wall time, this version over the
earlier one, the median over prompts and repeats. The verdict is known once the stages before it are done.

    python -m benchmarks.cost --before ../earlier/.venv/bin/python [--repeats 2]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks import kept_results
from tonescope.diagnose.runtime.session import Session

PROMPTS = ("lo-fi beats with accordion", "mellow jazz fusion with saxophone", "dark techno")
BEFORE_VERDICT = ("generate", "listen")
COSTS = ("cost_ratio", "quick_ratio", "verdict_ratio")

Row = dict[str, Any]


def diagnosed(python: str, prompt: str, *options: str) -> tuple[float, Row]:
    """Seconds of the whole command, and what it found."""
    started = time.perf_counter()
    done = subprocess.run(
        [python, "-m", "tonescope", "diagnose", prompt, "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        cwd="/",
    )
    seconds = time.perf_counter() - started
    found: Row = json.loads(done.stdout)
    return seconds, found


def verdict_seconds(found: Row) -> float:
    """Until what is heard was known, models and imports aside."""
    return sum(found["timings"][stage] for stage in BEFORE_VERDICT if stage in found["timings"])


def measured(before: str, prompt: str) -> Row:
    """One prompt by both versions."""
    whole, found = diagnosed(sys.executable, prompt)
    earlier, other = diagnosed(before, prompt)
    quick, _ = diagnosed(sys.executable, prompt, "--quick")
    search = found["drivers"]["search"] or {"generations": 0}
    return {
        "prompt": prompt,
        "verdict": found["verdict"]["kind"],
        "found_by": found["drivers"]["group"]["found_by"],
        "generations": search["generations"],
        "cost_ratio": whole / earlier,
        "quick_ratio": quick / earlier,
        "verdict_ratio": verdict_seconds(found) / verdict_seconds(other),
    }


def main() -> None:
    """Every prompt in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the interpreter of the earlier version")
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    session, rows = Session.open(), list[Row]()
    for _ in range(given.repeats):
        for prompt in PROMPTS:
            rows.append(measured(given.before, prompt))
            about = {name: median(row[name] for row in rows) for name in COSTS}
            kept_results.keep("cost", rows, about, models=(session.generator, session.judge))


if __name__ == "__main__":
    main()
