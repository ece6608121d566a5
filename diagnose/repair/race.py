"""Candidates against one another in paired takes: successive halving, so that compute goes to those that promise most
(Jamieson and Talwalkar 2016). What wins here was chosen by chance as well, and is told only of fresh takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.repair.rewrites import Rewrite
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import contrast, listen

BOUND = 6.0  # nats; beyond, a judge is sure, and one take must not outweigh the others


@dataclass
class Runner:
    """A candidate and what was heard of it, by seed: the bounded margin of the genre that is meant, and whether it was
    heard."""

    rewrite: Rewrite
    margins: dict[int, float] = field(default_factory=dict)
    heard: dict[int, bool] = field(default_factory=dict)

    @property
    def score(self) -> tuple[float, float]:
        """The share heard as meant, then the mean margin."""
        if not self.heard:
            return (-1.0, -math.inf)
        return sum(self.heard.values()) / len(self.heard), sum(self.margins.values()) / len(self.margins)


@dataclass(frozen=True)
class Listened:
    """Takes with what is heard in them: margins (takes,), labels, probabilities (takes, labels), which are ruined."""

    takes: Takes
    margins: Tensor
    heard: list[str]
    posterior: Tensor
    ruined: Tensor


@dataclass
class Track:
    """Where candidates are played.

    Attributes:
        context: models, and how takes are played but for what a candidate changes.
        intended: the genre that is meant.
        played: takes that were played so far.
        told: called with that number whenever it grew.
    """

    context: Context
    intended: str
    played: int = 0
    told: Callable[[int], None] = lambda played: None

    def listen(self, rows: Sequence[tuple[Rewrite, int]]) -> list[Listened]:
        """One take a row (candidate, seed), those of equal settings in the same batches; one result a row."""
        found: dict[int, Listened] = {}
        by_sampling: dict[object, list[int]] = {}
        for at, (rewrite, _) in enumerate(rows):
            by_sampling.setdefault(rewrite.sampling, []).append(at)
        for places in by_sampling.values():
            context = replace(self.context, sampling=rows[places[0]][0].sampling)
            takes = play(context, [rows[at][0].prompt for at in places], [rows[at][1] for at in places])
            self.played += len(places)
            self.told(self.played)
            ruined = audio_quality.ruined(takes.waveform, torch.ones_like(takes.waveform) * 0.1)
            sound = audio_quality.silenced(takes.waveform)
            logits = listen(context.listener, sound, context.rate)
            margins = contrast(context.listener.labels, logits, self.intended)
            posterior = logits.softmax(-1)
            heard = hear(posterior, context.listener.labels, sure_enough(context.listener))
            for row, at in enumerate(places):
                one = slice(row, row + 1)
                found[at] = Listened(takes.rows(row, row + 1), margins[one], heard[one], posterior[one], ruined[one])
        return [found[at] for at in range(len(rows))]

    def all_of(self, rewrite: Rewrite, seeds: Sequence[int]) -> Listened:
        """The takes of one candidate together."""
        parts = self.listen([(rewrite, seed) for seed in seeds])
        return Listened(
            Takes.join([part.takes for part in parts]),
            torch.cat([part.margins for part in parts]),
            [label for part in parts for label in part.heard],
            torch.cat([part.posterior for part in parts]),
            torch.cat([part.ruined for part in parts]),
        )

    def measure(self, runners: Sequence[Runner], seeds: Sequence[int]) -> None:
        """Play each candidate on each seed that it was not played on."""
        rows = [(runner, seed) for runner in runners for seed in seeds if seed not in runner.heard]
        listened = self.listen([(runner.rewrite, seed) for runner, seed in rows])
        for (runner, seed), one in zip(rows, listened, strict=True):
            usable = not bool(one.ruined[0])
            runner.margins[seed] = max(-BOUND, min(BOUND, float(one.margins[0]))) if usable else -BOUND
            runner.heard[seed] = usable and one.heard[0] == self.intended


def halvings(candidates: int, budget: int) -> list[tuple[int, int]]:
    """The rounds of a race: (candidates, takes of each in all so far), as ``budget`` takes allow.

    Each round halves the candidates and doubles their takes, until two are left; the first has one take of each of as
    many candidates as that allows.
    """
    best: list[tuple[int, int]] = []
    for first in range(min(candidates, budget), 0, -1):
        rounds, left, takes, count, before = [], budget, 1, first, 0
        while True:
            cost = count * (takes - before)
            if cost > left:
                break
            left -= cost
            rounds.append((count, takes))
            if count <= 2:
                break
            count, takes, before = math.ceil(count / 2), takes * 2, takes
        if rounds and (rounds[-1][0] <= 2 or first <= 2):
            return rounds
        best = best or rounds
    return best


def race(track: Track, rewrites: Sequence[Rewrite], seeds: Sequence[int], budget: int) -> list[Runner]:
    """All candidates that were played, the best first; each round on the same seeds for all who are in it.

    Args:
        rewrites: the most promising first, as far as that is known.
        seeds: paired noise, at least as many as the last round plays.
        budget: takes at most.
    """
    rounds = halvings(len(rewrites), budget)
    runners = [Runner(rewrite) for rewrite in rewrites[: rounds[0][0]]] if rounds else []
    order = list(runners)
    for count, takes in rounds:
        entering = order[:count]
        track.measure(entering, seeds[: min(takes, len(seeds))])
        order = sorted(entering, key=lambda runner: runner.score, reverse=True) + order[count:]
    return order
