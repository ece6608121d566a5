"""The estimate against brute force: every tested unit is mean-ablated in a replay, and the margin measured.

For each prompt: at least 1,000 random units, every head, and the 200 units that the estimate ranks first. The
estimate is the closer one (``diagnose --refine 64``: a second gradient for so many neurons and heads). Beside it, on
the same units: the plain one, and GradDrop, the part of AtP* (Kramár et al. 2024) that applies to neurons and head
outputs. And, for the strongest 1 % together, gradients half of the way to the means.

    python -m benchmarks.faithfulness [--prompts 8] [--random 1000] [--refine 64]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.embedded import SECONDS, embedded_context, usual_contrast
from benchmarks.kept_results import keep
from benchmarks.prompts import PROMPTS
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.integrated_gradients import two_point_integrated_gradients
from tonescope.diagnose.attribution.metrics import Metric, Playback, margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.models.generator import Takes
from tonescope.models.hooks import Place, hooked, write
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Unit

ROWS = 12
TOP = 200
AT = 20
SHARE = 0.01  # of the units that are muted together

Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class Case:
    """One take, and what is asked of it."""

    context: Context
    take: Takes
    metric: Metric

    def attribute(self, at: Edit | None = None) -> Attribution:
        """The estimate by one gradient."""
        return attribute(self.context, self.take, self.metric, at=at)

    @torch.no_grad()
    def measure(self, edits: Sequence[Edit]) -> Numbers:
        """Change of the metric under each edit of a replay: (edits,). Variants are rows of a batch."""
        generator, context, changes = self.context.generator, self.context, list[float]()
        anchor = generator.expected(self._replay(1))
        for start in range(0, len(edits), ROWS):
            # The untouched row is in the same batch: effects are so small that the shape of a batch would show.
            rows = [None, *edits[start : start + ROWS]]
            with edited(generator, rows, context.guidance, context.means):
                expanded = tuple(side.expand(len(rows), -1, -1) for side in anchor)
                untouched, *others = self.metric(Playback(generator, self._replay(len(rows)), expanded)).tolist()
            changes += [other - untouched for other in others]
        return np.array(changes)

    def _replay(self, rows: int) -> Any:
        generator, takes = self.context.generator, self.take.pick([0] * rows)
        return generator.replay(takes, generator.read_text(takes.prompts), self.context.sampling)


def chosen(found: Attribution, random_units: int, seed: int) -> tuple[list[Unit], int]:
    """Random units of every layer and kind, then every head and the :data:`TOP` largest estimates, each once.

    Also how many of them, the first ones, are random.
    """
    everything = [
        Unit(location, index) for location, effects in sorted(found.units.items()) for index in range(effects.shape[1])
    ]
    size = min(random_units, len(everything))
    drawn = [everything[index] for index in np.random.default_rng(seed).choice(len(everything), size, replace=False)]
    heads = [unit for unit in everything if unit.location.name != "mlp"]
    strongest = sorted(everything, key=lambda unit: -abs(float(found.units[unit.location][0, unit.index])))[:TOP]
    return list(dict.fromkeys(drawn + heads + strongest)), size


def estimates(found: Attribution, units: Sequence[Unit]) -> Numbers:
    """The first take's estimate of each unit: (units,)."""
    return np.array([float(found.units[unit.location][0, unit.index]) for unit in units])


def grad_drop(case: Case, found: Attribution) -> Attribution:
    """AtP*'s GradDrop: one estimate a layer, with the gradient through that layer's own contribution dropped, so
    that what cancels there shows. The size is the mean of the absolute values (times layers / (layers - 1)); the
    sign is that of the plain estimate."""
    generator = case.context.generator
    locations = generator.locations(*ATTRIBUTED)
    sizes = {location: torch.zeros_like(effects) for location, effects in found.units.items()}
    layers = sorted({location.layer for location in locations})
    for layer in layers:
        places = [generator.place(location) for location in locations if location.layer == layer]
        drops = [write(Place(place.module, "output", f"{place.name} dropped"), torch.Tensor.detach) for place in places]
        with hooked(drops):
            for location, effects in case.attribute().units.items():
                sizes[location] += effects.abs()
    units = {place: effects.sign() * sizes[place] / max(1, len(layers) - 1) for place, effects in found.units.items()}
    return replace(found, units=units)


def together(case: Case, found: Attribution) -> dict[str, float]:
    """The strongest 1 % muted together in a replay: measured, and estimated at the clean take and half of the way."""
    group = tuple(unit for unit, _ in found.ranked(round(SHARE * found.count)))
    middle = case.attribute(at=Edit(group, strength=0.5))
    return {
        "group_measured": float(case.measure([Edit(group)])[0]),
        "group_estimated": float(found.of(group)),
        # Half of the way is left there, so the estimate from that point counts twice.
        "group_estimated_half_way": 2 * float(middle.of(group)),
    }


def precision(estimate: Numbers, measured: Numbers) -> float:
    """How many of the strongest units are among those that are estimated to be."""
    best = set(np.argsort(-np.abs(measured))[:AT].tolist())
    return len(best & set(np.argsort(-np.abs(estimate))[:AT].tolist())) / AT


def scores(estimate: Numbers, measured: Numbers, random_count: int, neurons: Numbers) -> dict[str, float]:
    """Agreement over everything, over random units alone, and on which units, or neurons alone, are the strongest."""
    return {
        "spearman": float(spearmanr(estimate, measured).statistic),
        "spearman_random": float(spearmanr(estimate[:random_count], measured[:random_count]).statistic),
        "precision_at_20": precision(estimate, measured),
        "precision_at_20_neurons": precision(estimate[neurons], measured[neurons]),
    }


def measure(context: Context, prompt: str, random_units: int, refine: int) -> dict[str, Any]:
    """One prompt; one take, because both sides speak of the same take."""
    take = context.generator.generate([prompt], [1], SECONDS)
    heard = usual_contrast(context, take.waveform).target
    case = Case(context, take, margin(context.listener, heard))
    found = case.attribute()
    units, random_count = chosen(found, random_units, seed=0)
    measured = case.measure([Edit((unit,)) for unit in units])
    neurons = np.array([unit.location.name == "mlp" for unit in units])

    def against(estimate: Attribution) -> dict[str, float]:
        return scores(estimates(estimate, units), measured, random_count, neurons)

    closer = two_point_integrated_gradients(context, take, case.metric, found, refine)
    row: dict[str, Any] = {"prompt": prompt, "heard": heard, "units": len(units), **against(closer)}
    for name, estimate in {"plain": found, "graddrop": grad_drop(case, found)}.items():
        agreement = against(estimate)
        row |= {f"{which}_{name}": agreement[which] for which in ("spearman", "precision_at_20")}
    return row | together(case, found)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over prompts, and the worst of them."""
    means = {
        name: float(np.mean([row[name] for row in rows]))
        for name in rows[0]
        if name.startswith(("spearman", "precision"))
    }
    return means | {f"worst_{name}": min(row[name] for row in rows) for name in ("spearman", "precision_at_20")}


def main() -> None:
    """Prompt by prompt; what is known so far is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--refine", type=int, default=64, help="so many neurons and heads get a second gradient")
    arguments = parser.parse_args()
    context = embedded_context()
    rows: list[dict[str, Any]] = []
    for prompt in PROMPTS[: arguments.prompts]:
        rows.append(measure(context, prompt, arguments.random, arguments.refine))
        about = {"seconds": SECONDS, "two_point_units_of_each_kind": arguments.refine, **summary(rows)}
        keep("faithfulness", rows, about, models=[context.generator, context.listener])


if __name__ == "__main__":
    main()
