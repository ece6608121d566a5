"""Recipes of several rewired units: two that each suffice, two that are needed together, five that each do a part.

Units that do nothing alone, however strongly they write, make none of these. So some selective units of one genre are
each rewired alone, at a few strengths; of those that make takes drift some are drawn by chance, and each writes its
part of what it needs to do it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from benchmarks.rewired import (
    CHECK_SEED,
    DRIFT,
    KINDS,
    SCANNED_TAKES,
    WORDINGS,
    Kind,
    Recipe,
    Statistics,
    check,
    fits,
    rewired,
    selective,
)
from tonescope.diagnose.causes.contributions import design
from tonescope.diagnose.causes.muting_trials import CERTAIN
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging.verdict import hear
from tonescope.models.judges import listening
from tonescope.models.judges.listening import posterior

STRENGTHS: dict[Kind, tuple[float, ...]] = {
    "stand-ins": (0.8, 1.0, 1.25),
    "pair": (0.6, 0.75, 0.9, 1.1),
    "five": (0.6, 0.75, 0.9, 1.1, 1.4),
}
"""What is tried, in units of what each needs alone; for a pair the weakest first, or half of it does it as well."""

COUNTS: dict[Kind, int] = {"stand-ins": 2, "pair": 2, "five": 5}
SCANNED = 32  # units of one genre
SCALES = (0.5, 0.75, 1.1, 1.6, 2.4, 3.6)
SURELY = 2  # strengths at which a unit makes a take drift: one alone is chance
WIDEST = 8  # stand-ins are drawn from: they drift at the most strengths, so that two at once are not too much
DRAWS = 4  # sets of units
FIRST_TAKES = 4  # that are looked at before the others
PART = 0.25  # of what five do on average: so much at least does each
SCAN_SEED = 90_000


@torch.no_grad()
def working(context: Context, recipe: Recipe, known: Statistics) -> dict[str, list[float]]:
    """Units that make a take drift alone, and the strengths of :data:`SCALES` at which they do, :data:`SURELY` at
    least."""
    random = np.random.default_rng([SCAN_SEED, recipe.seed])
    places = [place for place in known.activations if place.site.key == "decoder.mlp"]
    last = max(place.layer for place in places)
    pool = [
        str(unit)
        for place in sorted(places)
        if 1 <= place.layer < last
        for unit in selective(known, place, recipe.source)
    ]
    found = {}
    for name in (pool[int(index)] for index in random.permutation(len(pool))[:SCANNED]):
        unit = context.generator.unit(name)
        rows = [Edit((unit,), "scale", scale) for scale in SCALES]
        with rewired(context.generator, replace(recipe, kind="neuron", units=(name,), strength=1.0), known):
            played = play(context, [recipe.prompt] * len(rows), [CHECK_SEED] * len(rows), rows)
        heard = hear(posterior(context.listener, played.waveform, context.rate), context.listener.labels)
        drifting = [scale for scale, label in zip(SCALES, heard, strict=True) if label == recipe.target]
        if len(drifting) >= SURELY:
            found[name] = drifting
    return found


def several(context: Context, seed: int, kinds: Sequence[Kind], known: Statistics) -> dict[Kind, Recipe | None]:
    """A recipe of each kind, all of one pair of genres; ``None`` for a kind that it makes none of."""
    random = np.random.default_rng([seed, len(KINDS)])
    source, target = (known.genres[index] for index in random.permutation(len(known.genres))[:2])
    prompt = WORDINGS[random.integers(len(WORDINGS))].format(source)
    blank = Recipe("neuron", seed, source, target, prompt)
    needed = working(context, blank, known)
    return {kind: _calibrated(context, replace(blank, kind=kind), needed, known) for kind in kinds}


def _calibrated(context: Context, recipe: Recipe, drifting: dict[str, list[float]], known: Statistics) -> Recipe | None:
    count, random = COUNTS[recipe.kind], np.random.default_rng([recipe.seed, KINDS.index(recipe.kind), 2])
    pool = sorted(drifting, key=lambda name: -len(drifting[name]))
    pool = pool[:WIDEST] if recipe.kind == "stand-ins" else pool
    if len(pool) < count:
        return None
    for _ in range(DRAWS):
        names = [pool[index] for index in random.permutation(len(pool))[:count].tolist()]
        drawn = replace(recipe, units=tuple(names), weights=tuple(drifting[name][0] for name in names))
        for strength in STRENGTHS[recipe.kind]:
            stronger = replace(drawn, strength=strength)
            if check(context, stronger, known, FIRST_TAKES, muted=False).drift < DRIFT[0] * FIRST_TAKES:
                continue
            found = check(context, stronger, known)
            if fits(stronger, found) and (recipe.kind != "five" or each_matters(context, stronger, known)):
                return replace(stronger, drift=found.drift, back=found.back)
    return None


@torch.no_grad()
def each_matters(context: Context, recipe: Recipe, known: Statistics) -> bool:
    """Whether every unit of many does a part: over runs in which half of them are muted, none changes the margin less
    than :data:`PART` of what they do on average, and none alone turns most takes back."""
    generator, judge = context.generator, context.listener
    units = [generator.unit(name) for name in recipe.units]
    seeds = list(range(CHECK_SEED, CHECK_SEED + SCANNED_TAKES))
    muted = np.concatenate([design(len(units)), np.eye(len(units), dtype=bool)])
    groups = [tuple(unit for unit, chosen in zip(units, run, strict=True) if chosen) for run in muted]
    with rewired(generator, recipe, known):
        rows = [Edit(group) if group else None for group in groups for _ in seeds]
        played = play(context, [recipe.prompt] * len(rows), seeds * len(groups), rows)
    logits = listening.listen(judge, played.waveform, context.rate)
    margins = listening.contrast(judge.labels, logits, recipe.target, recipe.source).clamp(-CERTAIN, CERTAIN)
    means = margins.unflatten(0, (len(groups), len(seeds))).mean(1).numpy()
    halves = muted[: -len(units)]
    effects = [means[: len(halves)][~run].mean() - means[: len(halves)][run].mean() for run in halves.T]
    alone = means[-len(units) :]
    return bool(min(effects) >= PART * np.mean(effects) > 0 and (alone > 0).all())
