"""What is true on regenerated takes: muting the strongest units flips the verdict, random ones like them do not.

Units are chosen on some takes and muted in fresh ones, beside the same takes untouched. Two measurements:

1. Over many prompts, the strongest 1 %, as ``diagnose --careful`` chooses them, against as many matched random units: change of the margin, and share of takes whose verdict flips with
   the sound intact. Where takes of a prompt are not unanimous, new noise alone flips some, and any edit brings new noise: so the rates are those of prompts
   whose takes are all heard alike, of those the units are chosen by and of as many that only screen. Others are measured too and listed apart, where ``--alike`` does not leave them out. ``natural``
   is how many untouched fresh takes, of a third set, are heard as something else.
2. For some prompts, groups of units of one size, from all strong drivers to all random: rank correlation of the estimated with the measured effect,
   beside what the measurement itself is worth (from the rank correlation of two halves of its takes). The estimate is what a few parallel passes
   predict in other takes, as in a diagnosis; how it does with eight takes, and how sums of gradients rank the same groups (plain, and those of ``diagnose
   --careful``), stands beside it. A few groups more are of units that are estimated to hold the verdict down: whether muting those strengthens it is
   another claim, and listed apart (``holding``).

    python -m benchmarks.causal [--prompts 20] [--takes 8] [--groups 64] [--group-takes 32] [--estimate-takes 64]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from transformers import PreTrainedModel

from benchmarks.common import RESULTS, fingerprints, keep
from benchmarks.prompts import PROMPTS
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.greedy_group_search import Search, greedy_group_search
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.verification import Played, Variant, verify
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.settings import CAREFUL, DRAWS, PLAIN, ROUNDS, Settings
from tonescope.diagnose.stats import share
from tonescope.models.generator import Sampling
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Unit

SECONDS = 4.0
SHARE = 0.01
SCREENING = 2000  # the first seed of takes that only screen
ESTIMATING, MEASURING = 3000, 1000  # the first seeds of takes that groups are estimated by and measured on
RANKED = ("rank_correlation_8_takes", "rank_correlation_careful", "rank_correlation_plain", "reliability")
HOLDING = 4  # groups of units that are estimated to hold the verdict down
FORESEEN_ROWS = 16  # takes that are predicted together
POOL = 3  # strong members of a group are drawn from so many times its size
GROUP_PROMPTS = (
    "mellow jazz fusion with saxophone",
    "swing jazz with trumpet",
    "lo-fi beats with accordion",
    "dark techno",
)


def contrast(session: Session, waveform: torch.Tensor) -> Contrast:
    """Why what most takes are heard as, and not anything else?"""
    votes = listening.posterior(session.judge, waveform, session.generator.sample_rate).argmax(1)
    return Contrast(target=session.judge.labels[int(torch.mode(votes).values)])


def groups(found: Attribution, shares: Sequence[float], size: int, seed: int) -> list[tuple[Unit, ...]]:
    """Groups of one head and ``size - 1`` neurons, of which so large a share is strong and the rest random. Strong are those that drive
    the margin; with a share below 0, those that hold it down."""
    random = np.random.default_rng(seed)
    heads, neurons = [], []
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


def rate(rows: Sequence[dict[str, Any]], key: str, of: str, draws: int = 4000) -> dict[str, float]:
    """Share of takes with its 95 % interval: by bootstrap over prompts, whose takes are not independent; Wilson's where all are alike."""
    hits, totals = (np.array([row[name] for row in rows], dtype=int) for name in (key, of))
    plain = share(int(hits.sum()), int(totals.sum()))
    if plain.count in (0, plain.total):
        return plain.model_dump()
    drawn = np.random.default_rng(0).integers(len(rows), size=(draws, len(rows)))
    low, high = np.quantile(hits[drawn].sum(1) / np.maximum(totals[drawn].sum(1), 1), [0.025, 0.975])
    return {"count": plain.count, "total": plain.total, "low": float(low), "high": float(high)}


def mean(rows: Sequence[dict[str, Any]], key: str, draws: int = 4000) -> dict[str, float]:
    """Mean over prompts with its bootstrap interval."""
    values = np.array([row[key] for row in rows])
    drawn = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def rank_of(a: Sequence[float] | NDArray[np.floating], b: Sequence[float] | NDArray[np.floating]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(a, b).statistic)


def mean_rank(ranks: Sequence[dict[str, Any]], draws: int = 1000) -> dict[str, float]:
    """Rank correlation, the mean over prompts, with its interval by bootstrap over prompts and over the groups of each."""
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


def ranked(
    session: Session, means: MeanActivations, prompt: str, asked: Contrast, count: int, size: int, estimate_takes: int, group_takes: int
) -> dict[str, Any]:  # fmt: skip
    """The second measurement for one prompt."""
    generator, judge = session.generator, session.judge
    takes = generator.generate([prompt] * estimate_takes, range(ESTIMATING, ESTIMATING + estimate_takes), SECONDS)
    gradient_options = {
        name: attribute(
            Context(generator, means=means),
            takes,
            margin(judge, asked.target, None, smoothgrad_samples),
            rollout_steps=rollout_steps,
        )
        for name, (smoothgrad_samples, rollout_steps) in (("careful", CAREFUL), ("plain", PLAIN))
    }
    made = groups(gradient_options["careful"], [*np.linspace(1, 0, count), *[-1.0] * HOLDING], size, seed=2)
    variants = [Variant(str(index), Edit(group)) for index, group in enumerate(made)]
    predicted = predicted_changes(
        Context(generator, judge=judge, means=means, batches=Batches(attributed=FORESEEN_ROWS)),
        takes,
        variants,
        Contrast(target=asked.target, foil=None),
    ).numpy()
    fresh = range(MEASURING, MEASURING + group_takes)
    played = verify(
        Context(generator, judge=judge, means=means, sampling=Sampling(), seconds=SECONDS),
        asked,
        prompt,
        fresh,
        variants,
    )
    every = [(played.outcomes[str(index)].margins - played.clean.margins).numpy() for index in range(len(made))]
    intact = [index for index in range(count) if not played.trial(str(index)).sound.broke]
    changes = [every[index] for index in intact]
    measured = [float(change.mean()) for change in changes]
    by_slopes = {
        name: [float(found.of(made[index]).mean()) for index in intact] for name, found in gradient_options.items()
    }
    half = rank_of(*([float(change[start::2].mean()) for change in changes] for start in (0, 1)))
    return {
        "prompt": prompt, "heard": asked.target, "groups": len(intact), "sound_broke": count - len(intact),
        "rank_correlation": rank_of(predicted[intact].mean(1), measured),
        "rank_correlation_8_takes": rank_of(predicted[intact, :8].mean(1), measured),
        **{f"rank_correlation_{name}": rank_of(sums, measured) for name, sums in by_slopes.items()},
        "reliability": 2 * half / (1 + half),  # Spearman and Brown: of all takes, from that of their halves
        "holding_estimated": float(predicted[count:].mean()),
        "holding_estimated_careful": float(np.mean([gradient_options["careful"].of(group).mean() for group in made[count:]])),
        "holding_measured": float(np.mean(every[count:])),
        "estimated": predicted[intact].mean(1).tolist(), "measured": measured,
    }  # fmt: skip


def summary(rows: Sequence[dict[str, Any]], ranks: Sequence[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """What all prompts so far say."""
    about: dict[str, Any] = {"seconds": SECONDS, "share_muted": SHARE, **settings}
    for name, some in (
        ("", [row for row in rows if row["alike"]]),
        ("other_", [row for row in rows if not row["alike"]]),
    ):
        if some:
            about[f"{name}prompts"] = len(some)
            about[f"{name}flip_rate"] = rate(some, "flips", "flippable")
            about[f"{name}control_flip_rate"] = rate(some, "control_flips", "flippable")
            about[f"{name}natural"] = rate(some, "strays", "fresh")
            about |= {f"{name}mean_{key}": mean(some, key) for key in ("effect", "control")}
            about |= {f"{name}{key}": sum(row[key] for row in some) for key in ("sound_broke", "control_sound_broke")}
    if ranks:
        about |= {"groups": list(ranks), "rank_correlation": mean_rank(ranks)}
        about |= {key: float(np.mean([row[key] for row in ranks])) for key in RANKED}  # fmt: skip
    return about


def begun(
    settings: dict[str, int], models: Sequence[PreTrainedModel | Judge]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Both measurements as far as the kept result has them, which must be of these settings and models."""
    kept = json.loads((RESULTS / "causal.json").read_text(encoding="utf-8"))
    same = {name: kept.get(name) for name in settings} == settings
    if not same or kept["models"] != fingerprints(models):
        raise SystemExit(
            "the kept result is of other settings or models, so it cannot be gone on with; leave --resume out."
        )
    return kept["rows"], kept.get("groups", [])


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
    arguments = parser.parse_args()
    session = Session.open()
    generator, judge = session.generator, session.judge
    means, seeds = session.means(Settings()), list(range(1, arguments.takes + 1))
    fresh, screening = ([seed + start for seed in seeds] for start in (arguments.takes, SCREENING))
    settings = {"rounds": ROUNDS, "draws": DRAWS, "listens": CAREFUL[0], "feedback": CAREFUL[1]} | {
        name: getattr(arguments, name) for name in ("takes", "group_takes", "estimate_takes")
    }
    models = [generator.model, judge]
    rows, ranks = begun(settings, models) if arguments.resume else ([], [])

    def done() -> None:
        keep("causal", rows, summary(rows, ranks, **settings), models=models)

    for place, prompt in enumerate(PROMPTS):
        if prompt in {row["prompt"] for row in rows}:
            continue
        alike_before = sum(row["alike"] for row in rows if row["prompt"] in PROMPTS[:place])
        if alike_before >= arguments.prompts and prompt not in GROUP_PROMPTS:
            continue
        takes = generator.generate([prompt] * len(seeds), seeds, SECONDS)
        asked = contrast(session, takes.waveform)
        more = generator.generate([prompt] * len(seeds), screening, SECONDS)
        heard = hear(
            listening.posterior(judge, torch.cat([takes.waveform, more.waveform]), generator.sample_rate), judge.labels
        )
        alike = set(heard) == {asked.target}
        if arguments.alike and not alike:
            continue
        smoothgrad_samples, rollout_steps = CAREFUL
        plain, careful = (margin(judge, asked.target, None, count) for count in (1, smoothgrad_samples))
        found = attribute(Context(generator, means=means), takes, plain)
        gradient_options = attribute(Context(generator, means=means), takes, careful, rollout_steps=rollout_steps)
        strongest = greedy_group_search(
            Context(generator, judge=judge, means=means), takes, asked.target, gradient_options, Search(SHARE)
        )
        controls = [matched_controls(strongest, found.activity, draw) for draw in seeds]
        variants = [Variant("muted", Edit(strongest)), Variant("control", tuple(map(Edit, controls)))]
        played: Played = verify(
            Context(generator, judge=judge, means=means, sampling=Sampling(), seconds=SECONDS),
            asked,
            prompt,
            fresh,
            variants,
        )
        muted, random = played.trial("muted"), played.trial("control")
        rows.append(
            {
                "prompt": prompt, "heard": asked.target, "alike": alike,
                "estimated": float(found.of(strongest).mean()), "effect": muted.effect.mean, "control": random.effect.mean,
                "flips": muted.flips, "control_flips": random.flips, "flippable": muted.flippable,
                "strays": len(fresh) - muted.flippable, "fresh": len(fresh),
                "sound_broke": muted.sound.broke, "control_sound_broke": random.sound.broke,
            }
        )  # fmt: skip
        if prompt in GROUP_PROMPTS and arguments.groups and prompt not in {row["prompt"] for row in ranks}:
            count, size = arguments.groups, len(strongest)
            row = ranked(session, means, prompt, asked, count, size, arguments.estimate_takes, arguments.group_takes)
            ranks.append(row)
        done()


if __name__ == "__main__":
    main()
