"""How well groups of units are ranked by what is estimated.

For some prompts, groups of units of one size, from all strong drivers to all random: rank correlation of the estimated
with the effect that is measured in regenerated takes, beside what the measurement itself is worth (from the rank
correlation of two halves of its takes). The estimate is what a few parallel passes predict in other takes, as in a
diagnosis; how it does with eight takes, and how sums of gradients rank the same groups (plain, and those of ``diagnose
--careful``), stands beside it. A few groups more are of units that are estimated to hold the verdict down: whether
muting those strengthens it is another claim, and listed apart (``holding``).

    python -m benchmarks.group_ranks [--groups 64] [--group-takes 32] [--estimate-takes 64]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks import kept_results
from benchmarks.embedded import SECONDS, embedded_context, usual_contrast
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Variant, verify
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.settings import CAREFUL, PLAIN
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

SHARE = 0.01  # of all units: the size of a group
ESTIMATING, MEASURING = 3000, 1000  # the first seeds of takes that groups are estimated by and measured on
RANKED = ("rank_correlation_8_takes", "rank_correlation_careful", "rank_correlation_plain", "reliability")
HOLDING = 4  # groups of units that are estimated to hold the verdict down
PREDICTED_ROWS = 16  # takes that are predicted together
POOL = 3  # strong members of a group are drawn from so many times its size
GROUP_PROMPTS = (
    "mellow jazz fusion with saxophone",
    "swing jazz with trumpet",
    "lo-fi beats with accordion",
    "dark techno",
)

EXPLORED = 8  # takes that say what a prompt is heard as

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A prompt, and what most of its takes are heard as."""

    context: Context
    prompt: str
    contrast: Contrast

    def play(self, seeds: Sequence[int]) -> Takes:
        """Takes of the prompt."""
        return play(self.context, [self.prompt] * len(seeds), seeds)

    def gradients(self, takes: Takes, options: tuple[int, int]) -> Attribution:
        """An attribution of the margin with so many SmoothGrad samples and rollout steps."""
        samples, rollout = options
        metric = margin(self.context.listener, self.contrast.target, smoothgrad_samples=samples)
        return attribute(self.context, takes, metric, rollout_steps=rollout)


@dataclass(frozen=True)
class GroupPlan:
    """How many groups, how many takes estimate them, and how many measure them."""

    groups: int
    estimate_takes: int
    group_takes: int


def groups(found: Attribution, shares: Sequence[float], size: int, seed: int) -> list[tuple[Unit, ...]]:
    """Groups of one head and ``size - 1`` neurons, of which so large a share is strong and the rest random. Strong
    are those that drive the margin; with a share below 0, those that hold it down."""
    random = np.random.default_rng(seed)
    heads, neurons = list[Unit](), list[Unit]()
    for unit, _ in found.ranked(found.count):
        (heads if unit.location.site.units == "head" else neurons).append(unit)
    made = []
    for strong in shares:
        chosen: list[Unit] = []
        for pool, wanted, reach in ((neurons, size - 1, POOL * size), (heads, 1, POOL)):
            ranked = pool if strong > 0 else pool[::-1]
            many = round(abs(strong) * wanted) if wanted > 1 else int(random.random() < abs(strong))
            picks = random.permutation(reach)[:many].tolist()
            rest = [index for index in random.permutation(len(pool)).tolist() if index not in picks][: wanted - many]
            chosen += [ranked[index] for index in (*picks, *rest)]
        made.append(tuple(chosen))
    return made


def groups_ranked(case: Case, size: int, plan: GroupPlan) -> Row:
    """How well groups of so many units are ranked by what is estimated."""
    count, context, contrast = plan.groups, case.context, case.contrast
    takes = case.play(range(ESTIMATING, ESTIMATING + plan.estimate_takes))
    sums = {"careful": case.gradients(takes, CAREFUL), "plain": case.gradients(takes, PLAIN)}
    made = groups(sums["careful"], [*np.linspace(1, 0, count), *[-1.0] * HOLDING], size, seed=2)
    variants = [Variant(str(index), Edit(group)) for index, group in enumerate(made)]
    predicting = context.with_batches(attributed=PREDICTED_ROWS)
    predicted = predicted_changes(predicting, takes, variants, contrast).numpy()
    played = verify(context, contrast, case.prompt, range(MEASURING, MEASURING + plan.group_takes), variants)
    every = [(played.outcomes[str(index)].margins - played.clean.margins).numpy() for index in range(len(made))]
    intact = [index for index in range(count) if not played.trial(str(index)).sound.broke]
    changes = [every[index] for index in intact]
    measured = [float(change.mean()) for change in changes]

    def agreement(found: Attribution) -> float:
        return rank_of([float(found.of(made[index]).mean()) for index in intact], measured)

    half = rank_of(*([float(change[start::2].mean()) for change in changes] for start in (0, 1)))
    holding = [float(sums["careful"].of(group).mean()) for group in made[count:]]
    return {
        "prompt": case.prompt,
        "heard": contrast.target,
        "groups": len(intact),
        "sound_broke": count - len(intact),
        "rank_correlation": rank_of(predicted[intact].mean(1), measured),
        "rank_correlation_8_takes": rank_of(predicted[intact, :8].mean(1), measured),
        **{f"rank_correlation_{name}": agreement(found) for name, found in sums.items()},
        "reliability": 2 * half / (1 + half),  # Spearman and Brown: of all takes, from that of their halves
        "holding_estimated": float(predicted[count:].mean()),
        "holding_estimated_careful": float(np.mean(holding)),
        "holding_measured": float(np.mean(every[count:])),
        "estimated": predicted[intact].mean(1).tolist(),
        "measured": measured,
    }


def rank_of(a: Sequence[float] | NDArray[np.floating], b: Sequence[float] | NDArray[np.floating]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(a, b).statistic)


def mean_rank(ranks: Sequence[Row], draws: int = 1000) -> dict[str, float]:
    """Rank correlation, the mean over prompts, with its interval by bootstrap over prompts and over the groups of
    each."""
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        found = []
        for row in (ranks[index] for index in random.integers(len(ranks), size=len(ranks))):
            pick = random.integers(len(row["estimated"]), size=len(row["estimated"]))
            found.append(rank_of(np.array(row["estimated"])[pick], np.array(row["measured"])[pick]))
        drawn.append(np.mean(found))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"mean": float(np.mean([row["rank_correlation"] for row in ranks])), "low": float(low), "high": float(high)}


def summary(ranks: Sequence[Row]) -> Row:
    """What all prompts so far say."""
    return {"rank_correlation": mean_rank(ranks)} | {key: float(np.mean([row[key] for row in ranks])) for key in RANKED}


def main() -> None:
    """Every prompt; every take of every group is regenerated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=64)
    parser.add_argument("--group-takes", type=int, default=32)
    parser.add_argument("--estimate-takes", type=int, default=64)
    given = parser.parse_args()
    context, plan, ranks = embedded_context(), GroupPlan(given.groups, given.estimate_takes, given.group_takes), []
    settings = {"seconds": SECONDS, "group_takes": plan.group_takes, "estimate_takes": plan.estimate_takes}
    for prompt in GROUP_PROMPTS:
        takes = play(context, [prompt] * EXPLORED, range(1, EXPLORED + 1))
        case = Case(context, prompt, usual_contrast(context, takes.waveform))
        size = max(1, round(SHARE * case.gradients(takes, PLAIN).count))
        ranks.append(groups_ranked(case, size, plan))
        models = (context.generator, context.listener)
        kept_results.keep("group_ranks", ranks, settings | summary(ranks), models=models)


if __name__ == "__main__":
    main()
