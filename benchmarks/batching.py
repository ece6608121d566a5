"""Interventions as rows of one batch against the same interventions one at a time: variants a second, side by side.

python -m benchmarks.batching [--variants 48]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch

from benchmarks.common import keep
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.loading import load_generator
from tonescope.models.units import Unit

PROMPT = "mellow jazz fusion with saxophone"
SECONDS = 4.0


def play(generator: Generator, edits: list[Edit], rows: int) -> tuple[float, Takes]:
    """Seconds for a take under each edit, ``rows`` at a time."""
    started = time.perf_counter()
    takes = play(
        Context(generator, sampling=Sampling(), seconds=SECONDS, batches=Batches(played=rows)),
        [PROMPT] * len(edits),
        [1] * len(edits),
        edits,
    )
    return time.perf_counter() - started, takes


def main() -> None:
    """Mute one random neuron in each variant, one at a time and together, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    generator = load_generator()
    places = generator.locations("decoder.mlp")
    random = torch.Generator().manual_seed(0)
    edits = []
    for index in range(arguments.variants):
        place = places[index % len(places)]
        neuron = int(torch.randint(generator.units(place), (1,), generator=random))
        edits.append(Edit((Unit(place, neuron),), "set", 1.0))
    play(generator, edits[:4], 4)
    rows, ratios = [], []
    for repeat in range(arguments.repeats):
        alone_edits = edits[repeat * 8 : repeat * 8 + 8]
        alone, single = play(generator, alone_edits, 1)
        together, batched = play(generator, edits, len(edits))
        same = all(torch.equal(single.codes[i], batched.codes[repeat * 8 + i]) for i in range(len(alone_edits)))
        ratios.append((alone / len(alone_edits)) / (together / len(edits)))
        rows.append(
            {
                "repeat": repeat,
                "seconds_each_alone": alone / len(alone_edits),
                "seconds_each_batched": together / len(edits),
                "ratio": ratios[-1],
                "same_codes": same,
            }
        )
    if not all(row["same_codes"] for row in rows):
        print("WARNING: some takes differ between the batch and single runs")
    about = {"variants": len(edits), "seconds": SECONDS, "same_codes": all(row["same_codes"] for row in rows)}
    about |= {"ratio": median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios)}
    keep("batching", rows, about, models=[generator.model])


if __name__ == "__main__":
    main()
