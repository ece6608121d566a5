"""Interventions as rows of one batch against the same interventions one at a time: variants a second, side by side.

python -m benchmarks.batching [--variants 48] [--repeats 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from statistics import median

import torch

from benchmarks.kept_results import keep
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.models.generator import Generator, Takes
from tonescope.models.loading import load_generator
from tonescope.models.units import Unit

PROMPT = "mellow jazz fusion with saxophone"
SECONDS = 4.0
ALONE = 8  # variants that are played one at a time, in each repeat others


def timed(generator: Generator, edits: Sequence[Edit], rows: int) -> tuple[float, Takes]:
    """Seconds for a take under each edit, ``rows`` at a time, and the takes."""
    context = Context(generator, seconds=SECONDS).with_batches(played=rows)
    started = time.perf_counter()
    takes = play(context, [PROMPT] * len(edits), [1] * len(edits), edits)
    return time.perf_counter() - started, takes


def random_edits(generator: Generator, count: int) -> list[Edit]:
    """One random neuron each, set to 1, in every layer in turn."""
    locations, random = generator.locations("decoder.mlp"), torch.Generator().manual_seed(0)
    edits = []
    for index in range(count):
        location = locations[index % len(locations)]
        neuron = int(torch.randint(generator.units(location), (1,), generator=random))
        edits.append(Edit((Unit(location, neuron),), "set", 1.0))
    return edits


def same(some: Takes, others: Takes) -> bool:
    """Whether takes are the same, bit for bit."""
    return all(torch.equal(tensor, others.state[name]) for name, tensor in some.state.items())


def main() -> None:
    """Set one random neuron in each variant, one at a time and together, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=48, help=f"{ALONE} or more")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    generator = load_generator()
    edits = random_edits(generator, arguments.variants)
    timed(generator, edits[:4], 4)
    rows = []
    for repeat in range(arguments.repeats):
        chosen = [(repeat * ALONE + index) % len(edits) for index in range(ALONE)]
        alone, single = timed(generator, [edits[index] for index in chosen], 1)
        together, batched = timed(generator, edits, len(edits))
        each_alone, each_batched = alone / ALONE, together / len(edits)
        rows.append(
            {
                "repeat": repeat,
                "seconds_each_alone": each_alone,
                "seconds_each_batched": each_batched,
                "ratio": each_alone / each_batched,
                "same_codes": same(single, batched.pick(chosen)),
            }
        )
    ratios, same_codes = [float(row["ratio"]) for row in rows], all(row["same_codes"] for row in rows)
    if not same_codes:
        print("WARNING: some takes differ between the batch and single runs")
    about = {"variants": len(edits), "seconds": SECONDS, "same_codes": same_codes}
    about |= {"ratio": median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios)}
    keep("batching", rows, about, models=[generator])


if __name__ == "__main__":
    main()
