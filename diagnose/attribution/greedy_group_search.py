"""Greedy group search: which units to mute together, chosen in rounds, each by gradients taken where those of the
rounds before are muted, and by what the judge then hears.

One gradient at the clean take predicts a small step and not a group: units stand in for one another, and a judge that
is sure has next to no gradient. So a group grows a part at a time, and the next part is what holds the verdict up
where the parts before are muted. What gradients at a few takes single out is partly chance of these takes, though: so
every round has several candidates, plays them all on noise of its own, and keeps the one that the judge is swayed by
most.

The judge is asked for its log-odds of what is heard over everything else: those over one other genre also fall where
the other grows likelier from nothing, and the verdict stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.runtime.memory import give_back
from tonescope.diagnose.settings import DRAWS, ROUNDS
from tonescope.models.generator import Takes
from tonescope.models.judges import listening
from tonescope.models.units import Unit

POOL_FACTOR = 2  # a random candidate is drawn from so many times as many of the strongest units as it holds


@dataclass(frozen=True)
class Search:
    """How a group is searched.

    Attributes:
        share: the largest fraction of the units of each kind that a group may hold, 0 to 1; at least one unit.
        rounds: how often the group may grow, to twice as many units each time.
        draws: random candidates a round, beside those by gradients alone and the group as it is.
        smoothgrad_samples: versions of a take that gradients are averaged over, from the second round on.
        rollout_steps: as in :func:`.gradients.attribute`, from the second round on.
    """

    share: float
    rounds: int = ROUNDS
    draws: int = DRAWS
    smoothgrad_samples: int = 1
    rollout_steps: int = 0


def grown(
    units: Sequence[Unit], found: Attribution, share: float, draw: np.random.Generator | None = None
) -> tuple[Unit, ...]:
    """``units``, and the strongest others until there is ``share`` of each kind, at least one of each; with ``draw``,
    a random half of twice as many of the strongest others.

    Kinds are counted apart: a head is as wide as dozens of neurons, so that most heads would be among the strongest
    of all, and too few would be left to compare them with.
    """
    group = list(units)
    for part in found.by_kind():
        present = {unit for unit in units if unit.location in part.units}
        wanted = max(0, max(1, round(share * part.count)) - len(present))
        pool = wanted if draw is None else POOL_FACTOR * wanted
        others = [unit for unit, _ in part.ranked(len(present) + pool) if unit not in present][:pool]
        if draw is not None:
            others = [others[index] for index in sorted(draw.permutation(len(others))[:wanted])]
        group += others
    return tuple(group)


def greedy_group_search(
    context: Context,
    takes: Takes,
    target: str,
    found: Attribution,
    search: Search,
    *,
    seeds: SeedPlan | None = None,
    until: Callable[[tuple[Unit, ...]], bool] = lambda _: False,
    advance: Advance | None = None,
) -> tuple[Unit, ...]:
    """Up to a share of the units of each kind, in the order in which they are chosen: those that, muted together,
    take most of what speaks for ``target`` away.

    Rounds play on seeds of their own (:class:`tonescope.diagnose.context.SeedPlan`). Muted units that leave no usable
    sound explain nothing, and are not kept; where every candidate does, the strongest by ``found`` are what there is
    to test.

    Args:
        takes: of one prompt; those that ``found`` was measured on.
        found: gradients at ``takes`` of the log-odds of ``target`` over everything else.
        seeds: which ones the rounds may use; by default those that follow from ``takes``.
        until: asked after every round whether the group is strong enough, so that it need not grow further.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    metric = margin(context.listener, target, smoothgrad_samples=search.smoothgrad_samples)
    seeds, random = seeds or SeedPlan(takes.seeds[0], len(takes)), np.random.default_rng(takes.seeds[0])
    history, group = [found], tuple[Unit, ...]()
    for number in range(1, search.rounds + 1):
        share = search.share / 2 ** (search.rounds - number)
        candidates = _candidates(group, history, share, search.draws, random)
        best = _best(context, takes.prompts[0], target, candidates, seeds.round(number))
        group = best.group if best else group
        if group and until(group):
            break
        if best and number < search.rounds:
            at = Edit(group) if group else None
            history.append(attribute(context, best.takes, metric, at=at, rollout_steps=search.rollout_steps))
            give_back()
        if advance:
            advance(number / search.rounds)
    return group or grown((), found, search.share)


@dataclass(frozen=True)
class _Candidate:
    """A group, the takes played with it muted, and the judge's mean log-odds there."""

    group: tuple[Unit, ...]
    takes: Takes
    heard: float


def _candidates(
    group: tuple[Unit, ...], history: Sequence[Attribution], share: float, draws: int, random: np.random.Generator
) -> list[tuple[Unit, ...]]:
    """The group with the next part by the last gradients, by those of all rounds together, with parts drawn from
    either, and as it is."""
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
    context: Context, prompt: str, target: str, candidates: Sequence[tuple[Unit, ...]], seeds: Sequence[int]
) -> _Candidate | None:
    """The candidate with the lowest log-odds of ``target``, played beside untouched takes of the same seeds; ``None``
    where the sound of at least half of the takes breaks in every candidate."""
    count, rate, judge = len(seeds), context.rate, context.listener
    edits = [None, *map(Edit, candidates)]
    rows = [edit for edit in edits for _ in seeds]
    played = play(context, [prompt] * len(rows), [*seeds] * len(edits), rows)
    clean, *parts = (played.rows(start, start + count) for start in range(0, len(played), count))
    usual = audio_quality.natural_distance(clean.waveform, rate)
    logits = listening.listen(judge, played.waveform[count:], rate)
    heard = listening.contrast(judge.labels, logits, target).reshape(len(candidates), count).mean(1)
    sounding = [
        _Candidate(group, part, mean)
        for group, part, mean in zip(candidates, parts, heard.tolist(), strict=True)
        if audio_quality.broken(part.waveform, clean.waveform, rate, usual).float().mean() < 0.5
    ]
    return min(sounding, key=lambda candidate: candidate.heard, default=None)
