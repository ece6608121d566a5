"""How far two judges agree over files: Cohen's kappa (1960) with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tonescope.diagnose.elsewhere.listen_schema import Agreement, FileResult
from tonescope.diagnose.stats import LEVEL, Interval, share

DRAWS, SEED = 2000, 0
FEWEST = 5  # files, of which an interval is told
SHOWN = 20


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Agreement above what chance gives two judges with these habits: 1 is full, 0 is chance; ``None`` where both
    always say one thing, so that there is nothing to agree on."""
    labels = sorted({*first, *second})
    table = np.zeros((len(labels), len(labels)))
    for one, other in zip(first, second, strict=True):
        table[labels.index(one), labels.index(other)] += 1
    table /= max(1, len(first))
    chance = float(table.sum(1) @ table.sum(0))
    return None if chance >= 1 - 1e-12 else (float(np.trace(table)) - chance) / (1 - chance)


def agreement(files: Sequence[FileResult]) -> Agreement | None:
    """That of the first two judges; ``None`` where only one listened."""
    heard = [(file.name, file.heard.judged) for file in files if len(file.heard.judged) > 1]
    pairs = [(name, judged[0].heard, judged[1].heard) for name, judged in heard]
    if not pairs:
        return None
    first, second = [pair[1] for pair in pairs], [pair[2] for pair in pairs]
    kappa, interval = cohens_kappa(first, second), None
    if kappa is not None and len(pairs) >= FEWEST:
        random = np.random.default_rng(SEED)
        draws = []
        for _ in range(DRAWS):
            rows = random.integers(len(pairs), size=len(pairs))
            drawn = cohens_kappa([first[row] for row in rows], [second[row] for row in rows])
            if drawn is not None:
                draws.append(drawn)
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        interval = Interval(low=float(low), high=float(high))
    names = [each.judge for each in files[0].heard.judged[:2]]
    alike = share(sum(one == other for one, other in zip(first, second, strict=True)), len(pairs))
    told = f"{names[0]} and {names[1]} hear {alike.count} of {alike.total} files alike"
    if kappa is not None:
        within = f" ({interval.low:.2f} to {interval.high:.2f})" if interval else ""
        told += f"; κ, which takes off what chance gives, is {kappa:.2f}{within}"
    return Agreement(
        first=names[0],
        second=names[1],
        files=len(pairs),
        alike=alike,
        kappa=kappa,
        interval=interval,
        disagreements=[pair for pair in pairs if pair[1] != pair[2]][:SHOWN],
        sentence=f"{told}.",
    )
