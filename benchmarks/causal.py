"""What is true on regenerated takes: muting the strongest units flips the verdict, random ones like them do not.

Units are chosen on some takes and muted in fresh ones, beside the same takes untouched. Two measurements: (1) over many prompts, the strongest 1 % against as many matched random units: change of the
margin, share of takes whose verdict flips with the sound intact (where takes are not unanimous, new noise alone flips some, with
either kind of units); (2) for some prompts, groups of units from the whole
range of the estimate: rank correlation of the estimated with the measured effect.

    python -m benchmarks.causal [--prompts 20] [--takes 8] [--groups 64]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from tonescope.diagnose.attribution import Attribution, attribute
from tonescope.diagnose.controls import matched_controls
from tonescope.diagnose.interventions import Edit
from tonescope.diagnose.metrics import margin
from tonescope.diagnose.result import Question
from tonescope.diagnose.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.verification import Played, Variant, verify
from tonescope.models.generator import Sampling
from tonescope.models.units import Unit

from benchmarks.common import keep
from benchmarks.prompts import PROMPTS

SECONDS = 4.0
SHARE = 0.01
GROUP_PROMPTS = (
    "mellow jazz fusion with saxophone",
    "swing jazz with trumpet",
    "lo-fi beats with accordion",
    "dark techno",
)


def question(session: Session, waveform: torch.Tensor) -> Question:
    """What most takes are heard as, against the runner-up."""
    posterior = session.judge.posterior(waveform, session.generator.sample_rate)
    labels, votes = session.judge.labels, posterior.argmax(1)
    label = int(torch.mode(votes).values)
    order = [index for index in posterior.mean(0).argsort(descending=True).tolist() if index != label]
    return Question(label=labels[label], against=labels[order[0]])


def groups(found: Attribution, count: int, size: int, seed: int) -> list[tuple[Unit, ...]]:
    """Disjoint groups: half are neighbours in the estimated ranking, from both of its ends inwards; half are random."""
    everything = [unit for unit, _ in found.ranked(found.count)]
    half = count // 2
    ends = [slice(index * size, (index + 1) * size) for index in range(half // 2)]
    ends += [slice(found.count - (index + 1) * size, found.count - index * size) for index in range(half - half // 2)]
    made = [tuple(everything[part]) for part in ends]
    left = sorted(set(everything) - {unit for group in made for unit in group})
    random = np.random.default_rng(seed).permutation(len(left))
    made += [tuple(left[index] for index in random[start * size : (start + 1) * size]) for start in range(count - half)]
    return made


def interval(rows: list[dict[str, Any]], key: str, draws: int = 4000) -> dict[str, float]:
    """A rate over all flippable takes with its 95 % interval by bootstrap over prompts: takes of one prompt are not independent."""
    flips, flippable = (np.array([row[name] for row in rows]) for name in (key, "flippable"))
    drawn = np.random.default_rng(0).integers(len(rows), size=(draws, len(rows)))
    rates = flips[drawn].sum(1) / np.maximum(flippable[drawn].sum(1), 1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return {"count": int(flips.sum()), "total": int(flippable.sum()), "low": float(low), "high": float(high)}


def rank_interval(estimated: list[float], measured: list[float], draws: int = 2000) -> dict[str, float]:
    """Spearman's rank correlation over groups, with its 95 % interval by bootstrap."""
    a, b = np.array(estimated), np.array(measured)
    drawn = np.random.default_rng(0).integers(len(a), size=(draws, len(a)))
    low, high = np.quantile([spearmanr(a[rows], b[rows]).statistic for rows in drawn], [0.025, 0.975])
    return {"rank_correlation": float(spearmanr(a, b).statistic), "low": float(low), "high": float(high)}


def main() -> None:
    """Both measurements; every take of every variant is regenerated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--takes", type=int, default=8)
    parser.add_argument("--groups", type=int, default=64)
    arguments = parser.parse_args()
    session = Session.open()
    generator, judge = session.generator, session.judge
    reference, seeds = session.reference(Settings()), list(range(1, arguments.takes + 1))
    fresh = [seed + arguments.takes for seed in seeds]
    rows: list[dict[str, Any]] = []
    ranks: list[dict[str, Any]] = []
    for prompt in PROMPTS[: arguments.prompts]:
        takes = generator.generate([prompt] * len(seeds), seeds, SECONDS)
        asked = question(session, takes.waveform)
        found = attribute(generator, takes, margin(judge, asked.label, asked.against), reference)
        strongest = found.strongest(SHARE)
        size = len(strongest)
        controls = [matched_controls(strongest, found.activity, draw) for draw in seeds]

        def tested(
            variants: list[Variant], prompt: str = prompt, asked: Question = asked, fresh: Sequence[int] = fresh
        ) -> Played:
            return verify(generator, judge, asked, prompt, fresh, variants, SECONDS, Sampling(), reference)

        played = tested([Variant("muted", Edit(strongest)), Variant("control", tuple(map(Edit, controls)))])
        muted, random = played.trial("muted"), played.trial("control")
        rows.append(
            {
                "prompt": prompt, "heard": asked.label, "against": asked.against, "estimated": float(found.of(strongest).mean()),
                "effect": muted.effect.mean, "control": random.effect.mean,
                "flips": muted.flips, "control_flips": random.flips, "flippable": muted.flippable,
                "sound_broke": muted.sound.broke, "control_sound_broke": random.sound.broke,
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
        if prompt in GROUP_PROMPTS:
            made = groups(found, arguments.groups, size, seed=2)
            played = tested([Variant(str(index), Edit(group)) for index, group in enumerate(made)])
            measured = [float(np.mean(played.change(str(index)))) for index in range(len(made))]
            estimated = [float(found.of(group).mean()) for group in made]
            half = len(made) // 2
            ranks.append(
                {
                    "prompt": prompt, "groups": len(made), **rank_interval(estimated, measured),
                    "ranked_groups_only": float(spearmanr(estimated[:half], measured[:half]).statistic),
                    "random_groups_only": float(spearmanr(estimated[half:], measured[half:]).statistic),
                }
            )  # fmt: skip
            print(ranks[-1], flush=True)
    about = {
        "seconds": SECONDS, "takes": arguments.takes, "share_muted": SHARE, "flip_rate": interval(rows, "flips"), "control_flip_rate": interval(rows, "control_flips"),
        "mean_effect": float(np.mean([row["effect"] for row in rows])), "mean_control": float(np.mean([row["control"] for row in rows])),
        "sound_broke": sum(row["sound_broke"] for row in rows), "control_sound_broke": sum(row["control_sound_broke"] for row in rows), "groups": ranks,
        "rank_correlation": float(np.mean([row["rank_correlation"] for row in ranks])) if ranks else float("nan"),
    }  # fmt: skip
    keep("causal", rows, about)


if __name__ == "__main__":
    main()
