"""At which depth of the generator the genre is decided: a linear probe of every layer (Alain and Bengio 2016).

From the mean of the residual stream over a take, a logistic regression tells the genre that is heard. It is tested on
prompts that it was not fitted on, so that it cannot know words by heart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.stats import Share, share

FOLDS = 5
FEWEST = 4  # takes of a genre, and prompts, that a probe can be fitted on
NEARLY = 0.95  # of the best layer's accuracy: the first layer that comes so near decides

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Depth:
    """What a probe of one layer tells: ``right`` takes of all, on prompts that it has not seen."""

    layer: int
    right: Share


@dataclass(frozen=True)
class Depths:
    """The probes of all layers; ``chance``, the share of the genre that is heard most; ``decided``, the first layer
    that comes near the best."""

    layers: tuple[Depth, ...]
    chance: float
    decided: int | None


def depth_probes(layers: Mapping[int, Floats], heard: Ints, prompt: Ints) -> Depths | None:
    """Probes of (takes, width) means by layer.

    Args:
        layers: by layer.
        heard: (takes,) the genre that is heard in each.
        prompt: (takes,) which prompt each is of.

    Returns:
        ``None`` where there are too few takes of two genres, or too few prompts.
    """
    kept = _enough(heard, prompt)
    folds = min(FOLDS, len(np.unique(prompt[kept])))
    if folds < 2 or len(np.unique(heard[kept])) < 2:
        return None
    target, groups = heard[kept], prompt[kept]
    found = tuple(
        Depth(layer, share(int(_predicted(values[kept], target, groups, folds).sum()), len(target)))
        for layer, values in sorted(layers.items())
    )
    best = max(depth.right.value for depth in found)
    chance = float(np.unique(target, return_counts=True)[1].max() / len(target))
    near = [depth.layer for depth in found if depth.right.value >= NEARLY * best]
    return Depths(found, chance, near[0] if best > chance + 0.05 else None)


def _enough(heard: Ints, prompt: Ints) -> NDArray[np.bool_]:
    """Takes of genres that are heard often enough, in two prompts or more."""
    good = [
        genre
        for genre in np.unique(heard[heard >= 0]).tolist()
        if (heard == genre).sum() >= FEWEST and len(np.unique(prompt[heard == genre])) >= 2
    ]
    kept: NDArray[np.bool_] = np.isin(heard, good)
    return kept


def _predicted(values: Floats, target: Ints, groups: Ints, folds: int) -> NDArray[np.bool_]:
    """Which takes are told rightly (takes,)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    right = np.zeros(len(target), bool)
    for fitted, tested in GroupKFold(folds).split(values, target, groups):
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, C=0.1))
        if len(np.unique(target[fitted])) < 2:
            right[tested] = target[tested] == target[fitted][0]
            continue
        probe.fit(values[fitted], target[fitted])
        right[tested] = probe.predict(values[tested]) == target[tested]
    return right
