"""How many takes does a whole diagnosis play on a generator of full size, to search for causes and to verify them?

Random weights of the size of musicgen-small cost what trained ones cost, and nothing small does it in them, so that the
search goes to its end: the most that a diagnosis of such a size plays with the default settings. Takes are short; how
many there are does not depend on that.

    python -m benchmarks.generations [--takes 4] [--seconds 1]
"""

from __future__ import annotations

import argparse
import time

from benchmarks.full_size import LABELS, PROMPT, full_size_generator, full_size_judge, zero_means
from benchmarks.kept_results import keep
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.report.output_folder import trials
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows


def main() -> None:
    """One diagnosis, counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.0)
    given = parser.parse_args()
    generator, judge = full_size_generator(), full_size_judge()
    models = Models(generator, judge, from_rows([{"label": label, "family": label} for label in LABELS]))
    started = time.perf_counter()
    settings = Settings(takes=given.takes, seconds=given.seconds)
    found, _ = diagnose(Request(PROMPT, settings), models, zero_means(generator))
    search, group = found.drivers.search, found.drivers.group
    row = {
        "model": generator.name,
        "units": found.estimated_units,
        "takes": given.takes,
        "candidates": search.candidates if search else 0,
        "searched": search.generations if search else 0,
        "verified": sum(sum(trial.heard.values()) for trial in trials(found)) + len(found.drivers.tested),
        "found_by": group.found_by if group else None,
        "seconds_a_take": given.seconds,
    }
    played = row["takes"] + row["searched"] + row["verified"]
    keep("generations", [row], {"played": played, "minutes": (time.perf_counter() - started) / 60} | row)


if __name__ == "__main__":
    main()
