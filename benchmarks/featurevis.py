"""Does feature visualization drive units beyond what they do in real takes, and how much faster than a naive loop?

A random sample of live units of the embedded decoder is visualized, many in a batch. Each is held against the moments
of real takes (neuron objective). The naive loop makes the same steps for one unit at a time and runs the whole model in
each: text encoder, both halves of guidance, output heads and codec.

    python -m benchmarks.featurevis [--units 100] [--steps 128] [--seconds 2] [--timed 8]
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import torch

from benchmarks.kept_results import keep
from tonescope.diagnose.microscope.feature_visualization import Visualized, Wish, visualize_units
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.objectives import of_kind
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import ArtifactStore
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.relaxation import Chance
from tonescope.models.units import Unit

SITES = ("decoder.mlp", "decoder.self", "decoder.cross")
WANTED = 99.9  # percent
SEED = 26


def sampled(scope: Microscope, count: int) -> list[Unit]:
    """Live units, each as likely as any other."""
    generator = scope.generator
    every = [Unit(place, at) for place in generator.locations(*SITES) for at in range(generator.units(place))]
    random.Random(SEED).shuffle(every)
    live = (unit for unit in every if not scope.statistics(unit.location).dead(unit.index))
    return [unit for unit, _ in zip(live, range(count), strict=False)]


def naive_seconds(scope: Microscope, unit: Unit, wish: Wish, steps: int) -> float:
    """Seconds of the processor that one step for one unit takes where the whole model runs."""
    generator = scope.generator
    assert isinstance(generator, MusicGen)
    relaxation, place = generator.relaxation, generator.place(unit.location)
    parameters = relaxation.random([wish.seed], generator.frames(wish.seconds)).requires_grad_()
    optimiser = torch.optim.Adam([parameters], lr=relaxation.rate)
    objective = of_kind(wish.kind, unit, generator.head_width(unit.location))
    seen, spent = list[torch.Tensor](), list[float]()
    for step in range(steps):
        begun = time.process_time()
        draft = relaxation.draft(parameters, Chance((wish.seed,), step, 1.0))
        seen.clear()
        with hooked([read(place, seen.append), *relaxation.carrying(draft.carrier)]), generator.working_on(None):
            text = generator.read_text([wish.prompt])
            logits = generator.guided_logits(draft.state["codes"], text, Sampling().guidance)
            relaxation.sound(draft)
        likely = (logits.log_softmax(-1) * draft.carrier).sum(-1).mean()
        value = objective({unit.location: seen[0][:1]}).sum()
        optimiser.zero_grad()
        (-value - likely).backward()
        optimiser.step()
        spent.append(time.process_time() - begun)
    return median(spent)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--timed", type=int, default=8, help="steps of the naive loop that are timed")
    asked = parser.parse_args()
    session = Session.open()
    with TemporaryDirectory() as folder:
        kept = Microscope.of(session)
        scope = replace(kept, store=ArtifactStore(Path(folder)))
        scope.__dict__["examples"] = kept.examples  # real takes may be there from before, renderings may not
        wish = Wish(kind="neuron", samples=1, steps=asked.steps, seconds=asked.seconds)
        units = sampled(scope, asked.units)
        scope.naturalness()
        begun = time.process_time()
        made = visualize_units(scope, units, wish)
        ours = (time.process_time() - begun) / len(units) / wish.steps
        naive = naive_seconds(scope, units[0], wish, asked.timed)
    visualized = [Visualized.model_validate(one.artifact.result) for one in made]
    reached, rows = [found.renderings[0] for found in visualized], []
    for found, best in zip(visualized, reached, strict=True):
        rows.append(
            {
                "unit": found.unit,
                "value": round(best.value, 4),
                "best real": round(found.real.most, 4),
                "percentile": best.percentile,
                "beyond": best.beyond,
                "heard": best.heard,
                "flatness": best.sound.flatness,
            }
        )
    about = {
        "units": len(rows),
        "steps": wish.steps,
        "seconds": wish.seconds,
        "share_above_p999": fmean(one.percentile >= WANTED for one in reached),
        "share_beyond": fmean(one.beyond for one in reached),
        "speed_ratio": naive / ours,
        "seconds_a_step": ours,
        "naive_seconds_a_step": naive,
    }
    keep("featurevis", rows, about, models=(session.generator, session.judge))


if __name__ == "__main__":
    main()
