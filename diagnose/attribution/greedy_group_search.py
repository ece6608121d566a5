"""Which units to mute together: chosen in rounds, each by gradients taken where those of the rounds before are muted, and by ear.

One gradient at the clean take predicts a small step and not a group: units stand in for one another, and a judge that is sure has next to no
gradient. So a group grows a part at a time, and the next part is what holds the verdict up where the parts before are muted. What gradients at a
few takes single out is partly chance of these takes, though: so every round makes several candidates, plays them all on noise of its own,
and keeps the one that the judge is swayed by most.

The judge is asked for its log-odds of what is heard over everything else: those over one other genre also fall where the other
grows likelier from nothing, and the verdict stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.intervene.interventions import Edit, regenerate
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.runtime.memory import give_back
from tonescope.diagnose.settings import DRAWS, PLAIN, ROUNDS
from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
from tonescope.models.judges.clap import Judge
from tonescope.models.units import Unit

WIDER = 2  # a draw takes one in so many of the strongest
PLAYED_A_ROUND = (
    DRAWS + 4
)  # times so many takes: untouched, the group as it is, two candidates by gradients, and the draws


def grown(
    units: Sequence[Unit], found: Attribution, share: float, draw: np.random.Generator | None = None
) -> tuple[Unit, ...]:
    """``units``, and the strongest others until there is ``share`` of each kind, at least one of each; with ``draw``, a random half of
    twice as many of the strongest others.

    Kinds are counted apart: a head is as wide as dozens of neurons, so that most heads would be among the strongest of all, and too
    few would be left to compare them with.
    """
    group = list(units)
    for part in found.by_kind():
        mine = {unit for unit in units if unit.location in part.units}
        wanted = max(0, max(1, round(share * part.count)) - len(mine))
        pool = wanted if draw is None else WIDER * wanted
        others = [unit for unit, _ in part.ranked(len(mine) + pool) if unit not in mine][:pool]
        if draw is not None:
            others = [others[index] for index in sorted(draw.permutation(len(others))[:wanted])]
        group += others
    return tuple(group)


def greedy_group_search(
    generator: Generator, judge: Judge, takes: Takes, label: str, means: MeanActivations, found: Attribution, share: float,
    sampling: Sampling = Sampling(), rounds: int = ROUNDS, draws: int = DRAWS, gradient_options: tuple[int, int] = PLAIN, rows: int = 4,
    rows_played: int = 48, advance: Callable[[float], None] | None = None,
) -> tuple[Unit, ...]:  # fmt: skip
    """Up to ``share`` of the units of each kind, in the order in which they are chosen: those that, muted together, take most of what
    speaks for ``label`` away.

    Rounds play on seeds of their own: those of ``takes`` and as many after them, which are left for the test, are not among them.
    Muted units that leave no usable sound explain nothing, and are not kept; where every offer does, the strongest by ``found`` are
    what there is to test.

    Args:
        found: gradients at ``takes`` of the log-odds of ``label`` over everything else.
        draws: random candidates a round, beside those by gradients alone and the group as it is.
        gradients: listens to a take and steps of feedback for those of later rounds, as in :attr:`tonescope.diagnose.settings.Settings.gradient_options`.
        rows: takes that are attributed together; ``rows_played``, that are played together.
        advance: told the share that is done.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    smoothgrad_samples, rollout_steps = gradient_options
    metric = margin(judge, label, None, smoothgrad_samples)
    random, history, group = np.random.default_rng(takes.seeds[0]), [found], tuple[Unit, ...]()
    for number in range(1, rounds + 1):
        candidates = _candidates(group, history, share * number / rounds, draws, random)
        seeds = [seed + (number + 1) * len(takes) for seed in takes.seeds]
        best = _best(generator, judge, takes, label, candidates, seeds, sampling, means, rows_played)
        group = best.group if best else group
        if best and number < rounds:
            at = Edit(group) if group else None
            history.append(
                attribute(generator, best.takes, metric, means, sampling, rows, at=at, rollout_steps=rollout_steps)
            )
            give_back()
        if advance:
            advance(number / rounds)
    return group or grown((), found, share)


@dataclass(frozen=True)
class _Candidate:
    """A group, the takes played with it muted, and the judge's mean log-odds there."""

    group: tuple[Unit, ...]
    takes: Takes
    heard: float


def _candidates(
    group: tuple[Unit, ...], history: Sequence[Attribution], share: float, draws: int, random: np.random.Generator
) -> list[tuple[Unit, ...]]:
    """The group with the next part by the last gradients, by those of all rounds together, with parts drawn from either, and as it is."""
    ranks = (history[-1], _mean(history))
    candidates = [grown(group, found, share) for found in ranks]
    candidates += [grown(group, ranks[index % len(ranks)], share, random) for index in range(draws)]
    different = {frozenset(candidate): candidate for candidate in (*candidates, group) if candidate}
    return list(different.values())


def _mean(history: Sequence[Attribution]) -> Attribution:
    """Mean effects over rounds, as of one take."""
    first = history[0]
    units = {
        place: torch.stack([found.units[place].mean(0) for found in history]).mean(0, keepdim=True)
        for place in first.units
    }
    return replace(first, units=units)


def _best(
    generator: Generator, judge: Judge, takes: Takes, label: str, candidates: Sequence[tuple[Unit, ...]], seeds: Sequence[int],
    sampling: Sampling, means: MeanActivations, rows: int,
) -> _Candidate | None:  # fmt: skip
    """The offer that takes most away, played beside untouched takes of the same seeds; ``None`` where none leaves usable sound."""
    count, rate = len(seeds), int(generator.sample_rate)
    edits = [None, *map(Edit, candidates)]
    played = regenerate(
        generator, [takes.prompts[0]] * count * len(edits), [*seeds] * len(edits), [edit for edit in edits for _ in seeds],
        takes.codes.shape[2] / generator.frame_rate, sampling, means, rows,
    )  # fmt: skip
    clean, *parts = (played.rows(start, start + count) for start in range(0, len(played), count))
    usual = audio_quality.natural_distance(clean.waveform, rate)
    heard = (
        judge.contrast(judge.listen(played.waveform[count:], rate), label, None).reshape(len(candidates), count).mean(1)
    )
    sounding = [
        _Candidate(candidate, part, mean)
        for candidate, part, mean in zip(candidates, parts, heard.tolist(), strict=True)
        if audio_quality.broken(part.waveform, clean.waveform, rate, usual).float().mean() < 0.5
    ]
    return min(sounding, key=lambda candidate: candidate.heard, default=None)
