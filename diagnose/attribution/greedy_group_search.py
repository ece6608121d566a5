"""Which units to mute together: chosen in rounds, each by slopes taken where those of the rounds before are muted, and by ear.

One slope at the clean take foresees a small step and not a group: units stand in for one another, and a judge that is sure has next to no
slope. So a group grows a part at a time, and the next part is what holds the verdict up where the parts before are muted. What slopes at a
few takes single out is partly chance of these takes, though: so every round makes several offers, plays them all on noise of its own,
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
from tonescope.diagnose.intervene.mean_activations import Reference
from tonescope.diagnose.judging import audio_quality as sound
from tonescope.diagnose.runtime.memory import give_back
from tonescope.diagnose.settings import DRAWS, PLAIN, ROUNDS
from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
from tonescope.models.judges.clap import Judge
from tonescope.models.units import Unit

WIDER = 2  # a draw takes one in so many of the strongest
PLAYED_A_ROUND = DRAWS + 4  # times so many takes: untouched, the group as it is, two offers by slopes, and the draws


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


def choose(
    generator: Generator, judge: Judge, takes: Takes, label: str, reference: Reference, found: Attribution, share: float,
    sampling: Sampling = Sampling(), rounds: int = ROUNDS, draws: int = DRAWS, slopes: tuple[int, int] = PLAIN, rows: int = 4,
    rows_played: int = 48, advance: Callable[[float], None] | None = None,
) -> tuple[Unit, ...]:  # fmt: skip
    """Up to ``share`` of the units of each kind, in the order in which they are chosen: those that, muted together, take most of what
    speaks for ``label`` away.

    Rounds play on seeds of their own: those of ``takes`` and as many after them, which are left for the test, are not among them.
    Muted units that leave no usable sound explain nothing, and are not kept; where every offer does, the strongest by ``found`` are
    what there is to test.

    Args:
        found: slopes at ``takes`` of the log-odds of ``label`` over everything else.
        draws: random offers a round, beside those by slopes alone and the group as it is.
        slopes: listens to a take and steps of feedback for those of later rounds, as in :attr:`.Settings.slopes`.
        rows: takes that are attributed together; ``rows_played``, that are played together.
        advance: told the share that is done.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    listens, feedback = slopes
    metric = margin(judge, label, None, listens)
    random, history, group = np.random.default_rng(takes.seeds[0]), [found], tuple[Unit, ...]()
    for number in range(1, rounds + 1):
        offers = _offers(group, history, share * number / rounds, draws, random)
        seeds = [seed + (number + 1) * len(takes) for seed in takes.seeds]
        best = _best(generator, judge, takes, label, offers, seeds, sampling, reference, rows_played)
        group = best.group if best else group
        if best and number < rounds:
            at = Edit(group) if group else None
            history.append(
                attribute(generator, best.takes, metric, reference, sampling, rows, at=at, feedback=feedback)
            )
            give_back()
        if advance:
            advance(number / rounds)
    return group or grown((), found, share)


@dataclass(frozen=True)
class _Offer:
    """A group, the takes played with it muted, and the judge's mean log-odds there."""

    group: tuple[Unit, ...]
    takes: Takes
    heard: float


def _offers(
    group: tuple[Unit, ...], history: Sequence[Attribution], share: float, draws: int, random: np.random.Generator
) -> list[tuple[Unit, ...]]:
    """The group with the next part by the last slopes, by those of all rounds together, with parts drawn from either, and as it is."""
    ranks = (history[-1], _mean(history))
    offers = [grown(group, found, share) for found in ranks]
    offers += [grown(group, ranks[index % len(ranks)], share, random) for index in range(draws)]
    different = {frozenset(offer): offer for offer in (*offers, group) if offer}
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
    generator: Generator, judge: Judge, takes: Takes, label: str, offers: Sequence[tuple[Unit, ...]], seeds: Sequence[int],
    sampling: Sampling, reference: Reference, rows: int,
) -> _Offer | None:  # fmt: skip
    """The offer that takes most away, played beside untouched takes of the same seeds; ``None`` where none leaves usable sound."""
    count, rate = len(seeds), int(generator.sample_rate)
    edits = [None, *map(Edit, offers)]
    played = regenerate(
        generator, [takes.prompts[0]] * count * len(edits), [*seeds] * len(edits), [edit for edit in edits for _ in seeds],
        takes.codes.shape[2] / generator.frame_rate, sampling, reference, rows,
    )  # fmt: skip
    clean, *parts = (played.rows(start, start + count) for start in range(0, len(played), count))
    usual = sound.natural_distance(clean.waveform, rate)
    heard = judge.contrast(judge.listen(played.waveform[count:], rate), label, None).reshape(len(offers), count).mean(1)
    sounding = [
        _Offer(offer, part, mean)
        for offer, part, mean in zip(offers, parts, heard.tolist(), strict=True)
        if sound.broken(part.waveform, clean.waveform, rate, usual).float().mean() < 0.5
    ]
    return min(sounding, key=lambda offer: offer.heard, default=None)
