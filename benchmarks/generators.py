"""Generators that denoise: replay against generation by family, what an attribution costs at full size, and edits as
rows of one batch.

Replay is compared with random weights at the sizes of the tests: units of the denoiser at every step, both guidance
halves. What a gradient costs is measured with random weights in the published size of Stable Audio Open 1.0: the
attribution of every unit, beside the generation of the same take. Edits are batched where a step of one row is too
small a piece of work for the cores, so on the smallest model; a larger one keeps them busy by itself.

    python -m benchmarks.generators [--parts replay batching overhead] [--seconds 5] [--steps 100]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks import kept_results
from benchmarks.diffusion_size import full_size
from benchmarks.full_size import LABELS, full_size_judge, zero_means
from tests.models.families.seam import PIPELINES
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.models.generator import Generator, Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
STEPS, SECONDS = 12, 0.6
LIMIT = 1e-5
EDITS, REPEATS = 32, 5
Row = dict[str, Any]


@dataclass
class Watch:
    """What units of the denoiser do at every step: (branches, takes, along, features) by location and step."""

    generator: Generator
    guidance: float
    seen: dict[tuple[Location, int], Tensor] = field(default_factory=dict)

    def hooks(self) -> list[Any]:
        """One at every place of units."""
        places = [place for place in self.generator.locations() if place.network == "denoiser" and place.site.units]
        return [read(self.generator.place(place), partial(self._note, place)) for place in places]

    def _note(self, place: Location, tensor: Tensor) -> None:
        layout = self.generator.layout(place, self.guidance)
        for at, step in enumerate(layout.split(tensor.detach()).unbind(2)):
            self.seen[place, layout.first_step + at] = step.clone()


@torch.no_grad()
def replay() -> list[Row]:
    """The largest absolute difference of any unit, by family and guidance."""
    rows = []
    for family, tiny in PIPELINES.items():
        generator = tiny.generator(steps=STEPS)
        for guidance in (1.0, 4.0):
            sampling = Sampling(guidance)
            stepped, whole = Watch(generator, guidance), Watch(generator, guidance)
            with hooked(stepped.hooks()):
                takes = generator.generate([PROMPT] * 2, [1, 2], SECONDS, sampling, decode=False)
            with hooked(whole.hooks()):
                generator.run(takes, sampling, generator.locations("denoiser.mlp"))
            gaps = [float((value - whole.seen[key]).abs().max()) for key, value in stepped.seen.items()]
            largest = max(float(value.abs().max()) for value in stepped.seen.values())
            rows.append(
                {
                    "part": "replay",
                    "family": family,
                    "guidance": guidance,
                    "compared": len(gaps),
                    "max_abs_difference": max(gaps),
                    "largest": largest,
                }
            )
    return rows


def batching() -> list[Row]:
    """Seconds of an edited take alone over those in one batch, by family."""
    rows = []
    for family, tiny in PIPELINES.items():
        generator = tiny.generator(steps=STEPS)
        places = generator.locations("denoiser.mlp")
        edits = [Edit((Unit(places[index % len(places)], index // len(places)),)) for index in range(EDITS)]
        context = Context(generator, means=zero_means(generator), seconds=SECONDS)
        ratios = [_seconds(context, edits, 1) / _seconds(context, edits, EDITS) for _ in range(REPEATS + 1)][1:]
        rows.append({"part": "batching", "family": family, "edits": EDITS, "ratio": median(ratios)})
    return rows


def _seconds(context: Context, edits: Sequence[Edit], together: int) -> float:
    started = time.perf_counter()
    count = len(edits)
    play(context.with_batches(played=together), [PROMPT] * count, [1] * count, edits, strict=False)
    return time.perf_counter() - started


def overhead(seconds: float, steps: int) -> list[Row]:
    """One take of Stable Audio Open in its published size, and the attribution of every unit."""
    torch.manual_seed(0)
    generator = full_size("cpu", steps)
    judge = full_size_judge()
    sampling = Sampling(generator.recommended.guidance or Sampling().guidance)
    context = Context(generator, judge, zero_means(generator, sampling.guidance), sampling, seconds)
    spent = dict[str, float]()

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        found = work()
        spent[name] = time.perf_counter() - started
        print(f"{name}: {spent[name]:.0f} s", flush=True)
        return found

    takes = timed("generation", lambda: generator.generate([PROMPT], [1], seconds, context.sampling))
    timed("attribution", lambda: attribute(context, takes, margin(judge, *LABELS[:2]), few_steps=True))
    whole = sum(spent.values()) / spent["generation"]
    return [{"part": "overhead", "family": "stable audio", "steps": steps, "seconds": seconds, "ratio": whole, **spent}]


def main() -> None:
    """Measure some parts; those that are kept and not asked for stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--parts", nargs="+", choices=["replay", "batching", "overhead"], default=["replay", "batching"]
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of the take of full size")
    parser.add_argument("--steps", type=int, default=100, help="of the take of full size")
    given = parser.parse_args()
    work: dict[str, Callable[[], list[Row]]] = {
        "replay": replay,
        "batching": batching,
        "overhead": lambda: overhead(given.seconds, given.steps),
    }
    try:
        rows: list[Row] = kept_results.load("generators")["rows"]
    except (OSError, json.JSONDecodeError):
        rows = []
    rows = [row for row in rows if row["part"] not in given.parts]
    for part in given.parts:
        rows += work[part]()
    of = {part: [row for row in rows if row["part"] == part] for part in work}
    about: Row = {"limit": LIMIT}
    if of["replay"]:
        families = {row["family"] for row in of["replay"]}
        about["max_abs_difference"] = {
            family: max(row["max_abs_difference"] for row in of["replay"] if row["family"] == family)
            for family in sorted(families)
        }
    if of["batching"]:
        about["batching"] = min(row["ratio"] for row in of["batching"])
    if of["overhead"]:
        about["overhead"] = of["overhead"][0]["ratio"]
    kept_results.keep("generators", rows, about)


if __name__ == "__main__":
    main()
