"""About how much longer a job takes: foretold from its first takes on this machine, corrected as its stages end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tonescope.diagnose.settings import Settings

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.progress import Progress

# Measured with the embedded models on two free cores, 40 candidates and 4 takes: 160 rows in 13 times the first takes.
SEARCHED_ROWS = 120  # that a search plays, beside one for each candidate (two takes of half the length)
SEARCHED_TOGETHER = 3  # sets of takes of a search last as long as one alone
FALLBACK = 0.25  # how often no small set does it, so that the strongest are chosen in rounds: a guess
SETS_A_ROUND = 6  # of takes that a round of choosing plays
SETS_TOGETHER = 5  # sets of 4 takes last as long in one batch as one alone: measured 3 on two free cores, 10 on busy
GRADIENTS = 0.3  # the time of one pass of gradients, in that of playing the takes: 0.6 and 0.1 there
CAREFUL_TIMES = 5  # longer, where gradients are careful

Rest = Callable[[float], Mapping[str, float]]
"""From the seconds that playing the takes once took to those of every later stage, in their order."""


@dataclass(frozen=True)
class Course:
    """How the time of a job goes.

    Attributes:
        first: the stage that is measured: it plays the takes once.
        rest: what the stages after it take.
    """

    first: str
    rest: Rest


def course_of_diagnosis(settings: Settings) -> Course:
    """That of a diagnosis.

    A count of what is still to be played and differentiated; batches make sets of takes cheaper than one by one.
    """
    gradients = GRADIENTS * (CAREFUL_TIMES if settings.careful else 1)
    # Untouched and the bare genre word; the set, its control, three cuts, another prompt, and the set put into it.
    variants = 2 + settings.tested_words
    searched = 0.0
    if not settings.quick:
        variants += 7 + 2 * (len(settings.doses) + settings.tested_units)
        rounds = settings.rounds * (SETS_A_ROUND / SETS_TOGETHER + gradients)
        searched = (settings.candidates + SEARCHED_ROWS) / settings.takes / SEARCHED_TOGETHER + FALLBACK * rounds
    shares = {
        "listen": 0.0,
        "attribute": gradients * (1 + 3 * settings.two_point_units),
        "search": searched,
        "predict": 0.0,  # only prompts of many words have some predicted
        "verify": variants / SETS_TOGETHER,
    }
    if settings.quick:
        del shares["search"], shares["predict"]
    return Course("generate", lambda played: {stage: played * share for stage, share in shares.items()})


def course_of_experiment(sets: int, has_source: bool) -> Course:
    """That of an experiment that plays ``sets`` of takes in the end, after those of a source where it has one."""
    shares = {"play the source": 1.0} if has_source else {}
    shares["play edited"] = max(1.0, sets / 2)
    return Course("play untouched", lambda played: {stage: played * share for stage, share in shares.items()})


@dataclass
class _Forecast:
    """What is known of a job under way: its stage and since when, what stages were foretold, what they then took."""

    course: Course
    stage: str = ""
    since: float = 0.0
    planned: Mapping[str, float] = field(default_factory=dict)
    foretold: float = 0.0
    took: float = 0.0

    def left(self, stage: str, now: float) -> float | None:
        """Seconds that the rest takes about, told where a stage begins; those that ended say how fast it goes."""
        if stage == self.stage:
            return None
        ended, spent = self.stage, now - self.since
        self.stage, self.since = stage, now
        if ended == self.course.first:
            self.planned, self.foretold, self.took = self.course.rest(spent), spent, spent
        elif ended in self.planned:
            self.foretold += self.planned[ended]
            self.took += spent
        if stage not in self.planned:
            return None
        stages = list(self.planned)
        rest = sum(self.planned[name] for name in stages[stages.index(stage) :])
        return rest * (self.took / self.foretold if self.foretold else 1.0)


def foretelling(progress: Progress | None, expect: Callable[[float], None], course: Course) -> Progress:
    """Progress that tells ``expect`` how long the rest will take, once the first takes are played, and again whenever
    a stage has ended."""
    forecast = _Forecast(course)

    def watched(what: str, done: float) -> None:
        stage = what.partition(" (")[0]  # without what it costs
        left = forecast.left(stage, time.perf_counter())
        if left is not None:
            expect(left)
        if progress:
            progress(what, done)

    return watched
