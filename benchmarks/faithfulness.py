"""The estimate against brute force: every tested unit is mean-ablated in a replay of the same codes, and the margin measured.

For each prompt: at least 1,000 random units, every head, and the 200 units that the estimate ranks first. The estimate is the closer one
(``diagnose --refine 64``: a second gradient for so many neurons and heads). Beside it, on the same units: the plain one, and GradDrop, the part of
AtP* (Kramár et al. 2024) that applies to neurons and head outputs. And, for the strongest 1 % together, gradients half of the way to the means.

    python -m benchmarks.faithfulness [--prompts 8] [--random 1000] [--refine 64]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.common import keep
from benchmarks.prompts import PROMPTS
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.integrated_gradients import two_point_integrated_gradients
from tonescope.diagnose.attribution.metrics import Metric, Playback, margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.applying import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.generator import Generator, Takes
from tonescope.models.hooks import Place, hooked, write
from tonescope.models.judges import listening
from tonescope.models.units import Location, Unit

SECONDS = 4.0
ROWS = 12
TOP = 200
AT = 20


def replayed(
    generator: Generator, take: Takes, metric: Metric, every: Sequence[Edit], means: MeanActivations
) -> np.ndarray:
    """Change of the metric of one take under each edit of a replay: (edits,). Variants are rows of a batch."""
    text, changes = generator.read_text(take.prompts), list[float]()
    with torch.no_grad():
        clean = Playback(generator, take.codes, text)
        anchor = clean.expected()
        for start in range(0, len(every), ROWS):
            # The untouched row is in the same batch: effects are so small that the shape of a batch would show.
            edits = [None, *every[start : start + ROWS]]
            size = len(edits)
            with edited(generator, edits, clean.sampling.guidance, means):
                many = Playback(
                    generator, take.codes.expand(size, -1, -1), generator.read_text(take.prompts * size),
                    anchor=tuple(side.expand(size, -1, -1) for side in anchor),
                )  # fmt: skip
                untouched, *others = metric(many).tolist()
                changes += [other - untouched for other in others]
    return np.array(changes)


def brute_force(
    generator: Generator, take: Takes, metric: Metric, units: Sequence[Unit], means: MeanActivations
) -> np.ndarray:
    """Change of the metric with each unit mean-ablated in a replay: (units,)."""
    return replayed(generator, take, metric, [Edit((unit,)) for unit in units], means)


def chosen(found: Attribution, random_units: int, seed: int) -> tuple[list[Unit], int]:
    """Random units of every layer and kind, then every head and the :data:`TOP` units with the largest estimates, each once.

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


def estimates(found: Attribution, units: Sequence[Unit]) -> np.ndarray:
    """The first take's estimate of each unit: (units,)."""
    return np.array([float(found.units[unit.location][0, unit.index]) for unit in units])


def grad_drop(generator: Generator, take: Takes, metric: Metric, means: MeanActivations) -> list[Attribution]:
    """One estimate a layer, with the gradient through that layer's own contribution dropped: what cancels there shows."""
    names = {name for name in ("self", "cross", "mlp") if generator.locations(f"decoder.{name}")}
    found = []
    for layer in range(generator.layers):
        places = [generator.place(Location("decoder", layer, name)) for name in sorted(names)]
        drops = [write(Place(place.module, "output", f"{place.name} dropped"), torch.Tensor.detach) for place in places]
        with hooked(drops):
            found.append(attribute(Context(generator, means=means), take, metric))
    return found


def dropped_estimate(found: Attribution, parts: Sequence[Attribution], layers: int) -> Attribution:
    """AtP* takes the mean of the absolute values (times layers / (layers - 1)); the sign is that of the plain estimate."""
    units = {}
    for place, effects in found.units.items():
        sizes = sum((part.units[place].abs() for part in parts if place in part.units), torch.zeros_like(effects))
        units[place] = effects.sign() * sizes / max(1, layers - 1)
    return replace(found, units=units)


def together(
    generator: Generator, take: Takes, metric: Metric, found: Attribution, means: MeanActivations
) -> dict[str, float]:
    """The strongest 1 % muted together in a replay: measured, and estimated at the clean take and half of the way."""
    group = tuple(unit for unit, _ in found.ranked(round(0.01 * found.count)))
    text = generator.read_text(take.prompts)
    with torch.no_grad():
        clean = Playback(generator, take.codes, text)
        anchor = clean.expected()
        with edited(generator, [Edit(group)], clean.sampling.guidance, means):
            measured = float(
                metric(Playback(generator, take.codes, generator.read_text(take.prompts), anchor=anchor)) - found.metric
            )
    # Half of the way is left there, so the estimate from that point counts twice.
    middle = 2 * float(attribute(Context(generator, means=means), take, metric, at=Edit(group, strength=0.5)).of(group))
    return {"group_measured": measured, "group_estimated": float(found.of(group)), "group_estimated_half_way": middle}


def precision(estimate: np.ndarray, measured: np.ndarray) -> float:
    """How many of the strongest units are among those that are estimated to be."""
    best = set(np.argsort(-np.abs(measured))[:AT].tolist())
    return len(best & set(np.argsort(-np.abs(estimate))[:AT].tolist())) / AT


def scores(estimate: np.ndarray, measured: np.ndarray, random_count: int, neurons: np.ndarray) -> dict[str, float]:
    """Agreement over everything, over random units alone, and on which of the tested units, or neurons alone, are the strongest."""
    return {
        "spearman": float(spearmanr(estimate, measured).statistic),
        "spearman_random": float(spearmanr(estimate[:random_count], measured[:random_count]).statistic),
        "precision_at_20": precision(estimate, measured),
        "precision_at_20_neurons": precision(estimate[neurons], measured[neurons]),
    }


def main() -> None:
    """Prompt by prompt; one take each, because both sides speak of the same take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--refine", type=int, default=64, help="so many neurons and heads get a second gradient")
    arguments = parser.parse_args()
    session = Session.open()
    generator, judge = session.generator, session.judge
    means = session.means(Settings())
    rows: list[dict[str, Any]] = []
    for prompt in PROMPTS[: arguments.prompts]:
        take = generator.generate([prompt], [1], SECONDS)
        label = judge.labels[int(listening.posterior(judge, take.waveform, generator.sample_rate)[0].argmax())]
        metric = margin(judge, label, None)
        found = attribute(Context(generator, means=means), take, metric)
        units, random_count = chosen(found, arguments.random, seed=0)
        measured = brute_force(generator, take, metric, units, means)
        dropped = grad_drop(generator, take, metric, means)
        neurons = np.array([unit.location.name == "mlp" for unit in units])
        closer = two_point_integrated_gradients(Context(generator, means=means), take, metric, found, arguments.refine)
        others = {
            "plain": estimates(found, units),
            "graddrop": estimates(dropped_estimate(found, dropped, generator.layers), units),
        }
        row = {
            "prompt": prompt, "heard": label, "units": len(units), **scores(estimates(closer, units), measured, random_count, neurons),
            **{
                f"{name}_{which}": value
                for which, estimate in others.items()
                for name, value in scores(estimate, measured, random_count, neurons).items()
                if name in ("spearman", "precision_at_20")
            },
            **together(generator, take, metric, found, means),
        }  # fmt: skip
        rows.append(row)
        about = {"seconds": SECONDS, "refined_units_of_each_kind": arguments.refine} | {
            name: float(np.mean([row[name] for row in rows]))
            for name in row
            if name.startswith(("spearman", "precision"))
        }
        about |= {f"worst_{name}": min(row[name] for row in rows) for name in ("spearman", "precision_at_20")}
        keep("faithfulness", rows, about, models=[generator.model, judge])


if __name__ == "__main__":
    main()
