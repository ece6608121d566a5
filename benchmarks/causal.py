"""What is true on regenerated takes: muting the strongest units flips the verdict, random ones like them do not.

Units are chosen on some takes and muted in fresh ones, beside the same takes untouched. Two measurements:

1. Over many prompts, the strongest 1 %, chosen in rounds with the gradients of ``diagnose --careful``, against as many
   matched random units: change of the margin, and share of takes whose verdict flips with the sound intact. Where takes
   of a prompt are not unanimous, new noise alone flips some, and any edit brings new noise: so the rates are those of
   prompts whose takes are all heard alike, of those the units are chosen by and of as many that only screen. Others are
   measured too and listed apart, where ``--alike`` does not leave them out. ``natural`` is how many untouched fresh
   takes, of a third set, are heard as something else.
2. For some prompts, groups of units of one size, from all strong drivers to all random: rank correlation of the
   estimated with the measured effect, beside what the measurement itself is worth (from the rank correlation of two
   halves of its takes). The estimate is what a few parallel passes predict in other takes, as in a diagnosis; how it
   does with eight takes, and how sums of gradients rank the same groups (plain, and those of ``diagnose --careful``),
   stands beside it. A few groups more are of units that are estimated to hold the verdict down: whether muting those
   strengthens it is another claim, and listed apart (``holding``).

    python -m benchmarks.causal [--prompts 20] [--takes 8] [--groups 64] [--group-takes 32] [--estimate-takes 64]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks import kept_results
from benchmarks.embedded import SECONDS, embedded_context, usual_contrast
from benchmarks.prompts import PROMPTS
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.greedy_group_search import Search, greedy_group_search
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Variant, verify
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.settings import CAREFUL, DRAWS, PLAIN, ROUNDS
from tonescope.diagnose.stats import share
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import posterior
from tonescope.models.units import Unit

SHARE = 0.01
SCREENING = 2000  # the first seed of takes that only screen
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

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A prompt, and what most of its takes are heard as."""

    context: Context
    prompt: str
    contrast: Contrast

    def play(self, seeds: Sequence[int]) -> Takes:
        """Takes of the prompt."""
        return play(self.context, self.prompt, seeds)

    def gradients(self, takes: Takes, options: tuple[int, int]) -> Attribution:
        """An attribution of the margin with so many SmoothGrad samples and rollout steps."""
        samples, rollout = options
        metric = margin(self.context.listener, self.contrast.target, smoothgrad_samples=samples)
        return attribute(self.context, takes, metric, rollout_steps=rollout)


@dataclass(frozen=True)
class GroupPlan:
    """The second measurement: how many groups, how many takes estimate them, and how many measure them."""

    groups: int
    estimate_takes: int
    group_takes: int


def play(context: Context, prompt: str, seeds: Sequence[int]) -> Takes:
    """Takes of a prompt, as one batch."""
    return context.generator.generate([prompt] * len(seeds), seeds, context.seconds, context.sampling)


# --- the first measurement -------------------------------------------------------------------------------------------


def strongest_muted(case: Case, takes: Takes, seeds: SeedPlan) -> tuple[Row, int]:
    """The strongest units muted in fresh takes, beside random ones like them; and how many units that are."""
    found, careful = case.gradients(takes, PLAIN), case.gradients(takes, CAREFUL)
    target = case.contrast.target
    strongest = greedy_group_search(case.context, takes, target, careful, Search(SHARE), seeds=seeds)
    controls = [matched_controls(strongest, found.activity, draw) for draw in seeds.explore]
    variants = [Variant("muted", Edit(strongest)), Variant("control", tuple(map(Edit, controls)))]
    played = verify(case.context, case.contrast, case.prompt, seeds.test, variants)
    muted, random = played.trial("muted"), played.trial("control")
    row = {
        "estimated": float(found.of(strongest).mean()),
        "effect": muted.effect.mean,
        "control": random.effect.mean,
        "flips": muted.flips,
        "control_flips": random.flips,
        "flippable": muted.flippable,
        "strays": seeds.takes - muted.flippable,
        "fresh": seeds.takes,
        "sound_broke": muted.sound.broke,
        "control_sound_broke": random.sound.broke,
    }
    return row, len(strongest)


def heard_alike(case: Case, takes: Takes, seeds: SeedPlan) -> bool:
    """Whether these takes, and as many that only screen, are all heard as one thing."""
    context, more = case.context, case.play([SCREENING + seed for seed in seeds.explore])
    waveform = torch.cat([takes.waveform, more.waveform])
    heard = hear(posterior(context.listener, waveform, context.rate), context.listener.labels)
    return set(heard) == {case.contrast.target}


# --- the second ------------------------------------------------------------------------------------------------------


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


# --- what all prompts say --------------------------------------------------------------------------------------------


def rate(rows: Sequence[Row], key: str, of: str, draws: int = 4000) -> dict[str, float]:
    """Share of takes with its 95 % interval: by bootstrap over prompts, whose takes are not independent; Wilson's
    where all are alike."""
    hits, totals = (np.array([row[name] for row in rows], dtype=int) for name in (key, of))
    plain = share(int(hits.sum()), int(totals.sum()))
    if plain.count in (0, plain.total):
        return plain.model_dump()
    drawn = np.random.default_rng(0).integers(len(rows), size=(draws, len(rows)))
    low, high = np.quantile(hits[drawn].sum(1) / np.maximum(totals[drawn].sum(1), 1), [0.025, 0.975])
    return {"count": plain.count, "total": plain.total, "low": float(low), "high": float(high)}


def mean(rows: Sequence[Row], key: str, draws: int = 4000) -> dict[str, float]:
    """Mean over prompts with its bootstrap interval."""
    values = np.array([row[key] for row in rows])
    drawn = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


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


def summary(rows: Sequence[Row], ranks: Sequence[Row]) -> Row:
    """What all prompts so far say."""
    about: Row = {"seconds": SECONDS, "share_muted": SHARE}
    for name, alike in (("", True), ("other_", False)):
        if some := [row for row in rows if row["alike"] is alike]:
            about[f"{name}prompts"] = len(some)
            about[f"{name}flip_rate"] = rate(some, "flips", "flippable")
            about[f"{name}control_flip_rate"] = rate(some, "control_flips", "flippable")
            about[f"{name}natural"] = rate(some, "strays", "fresh")
            about |= {f"{name}mean_{key}": mean(some, key) for key in ("effect", "control")}
            about |= {f"{name}{key}": sum(row[key] for row in some) for key in ("sound_broke", "control_sound_broke")}
    if ranks:
        about |= {"groups": list(ranks), "rank_correlation": mean_rank(ranks)}
        about |= {key: float(np.mean([row[key] for row in ranks])) for key in RANKED}
    return about


@dataclass
class Progress:
    """Both measurements so far, and how they are made."""

    context: Context
    settings: dict[str, int]
    rows: list[Row]
    ranks: list[Row]

    @property
    def models(self) -> tuple[kept_results.Model, ...]:
        """What the numbers are of."""
        return self.context.generator, self.context.listener

    def resume(self) -> None:
        """Go on with the kept result, which must be of these settings and models."""
        kept = kept_results.load("causal")
        same = {name: kept.get(name) for name in self.settings} == self.settings
        if not same or kept["models"] != [model.fingerprint() for model in self.models]:
            raise SystemExit(
                "the kept result is of other settings or models, so it cannot be gone on with; leave --resume out."
            )
        self.rows, self.ranks = kept["rows"], kept.get("groups", [])

    def alike_among(self, prompts: Sequence[str]) -> int:
        """How many of these prompts were measured and heard alike."""
        return sum(row["alike"] for row in self.rows if row["prompt"] in prompts)

    def keep(self) -> None:
        """Write what there is."""
        about = {**self.settings, **summary(self.rows, self.ranks)}
        kept_results.keep("causal", self.rows, about, models=self.models)


def main() -> None:
    """Both measurements; every take of every variant is regenerated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=20, help="so many whose takes are heard alike")
    parser.add_argument("--takes", type=int, default=8)
    parser.add_argument("--groups", type=int, default=64)
    parser.add_argument("--group-takes", type=int, default=32)
    parser.add_argument("--estimate-takes", type=int, default=64)
    parser.add_argument(
        "--alike", action="store_true", help="leave out prompts whose takes are not all heard alike, and their groups"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the prompts that the kept result lacks")
    given = parser.parse_args()
    context, seeds = embedded_context(), SeedPlan(first=1, takes=given.takes)
    plan = GroupPlan(given.groups, given.estimate_takes, given.group_takes)
    settings = {"rounds": ROUNDS, "draws": DRAWS, "smoothgrad_samples": CAREFUL[0], "rollout_steps": CAREFUL[1]}
    settings |= {"takes": given.takes, "group_takes": given.group_takes, "estimate_takes": given.estimate_takes}
    progress = Progress(context, settings, [], [])
    if given.resume:
        progress.resume()
    for place, prompt in enumerate(PROMPTS):
        if prompt in {row["prompt"] for row in progress.rows}:
            continue
        if progress.alike_among(PROMPTS[:place]) >= given.prompts and prompt not in GROUP_PROMPTS:
            continue
        takes = play(context, prompt, seeds.explore)
        case = Case(context, prompt, usual_contrast(context, takes.waveform))
        alike = heard_alike(case, takes, seeds)
        if given.alike and not alike:
            continue
        row, size = strongest_muted(case, takes, seeds)
        progress.rows.append({"prompt": prompt, "heard": case.contrast.target, "alike": alike, **row})
        if prompt in GROUP_PROMPTS and plan.groups and prompt not in {row["prompt"] for row in progress.ranks}:
            progress.ranks.append(groups_ranked(case, size, plan))
        progress.keep()


if __name__ == "__main__":
    main()
