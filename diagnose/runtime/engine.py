"""Many prompts, many takes: what is missing is cut into work items, done by an engine, and kept as shards.

The engine decides where work is done: in this process (:class:`LocalEngine`), or on the machines of a Ray cluster
(:mod:`tonescope.diagnose.runtime.ray_engine`). What it gives back is kept at once, so that a run that is killed, or
stopped, goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.take_worker import TakeWorker
from tonescope.diagnose.runtime.work_items import Finished, HeardTake, Keep, TakeSetting, Wanted, WorkItem
from tonescope.diagnose.store.take_shards import TakeShards

FIRST_TAKES = 8  # of the first items: soon known how fast it goes
MOST_TAKES = 48  # of an item; a batch is no faster with more
ITEM_SECONDS = 20.0  # that an item takes about: what a killed run loses
TOLD = 10  # times that progress is told in other words, where each is a line


UnderWay = Callable[[float], None]
"""Told how many takes of an item that is not yet done are played."""


class Engine(Protocol):
    """Where work items are done."""

    @property
    def workers(self) -> int:
        """How many items are under way at once."""

    def run(self, items: Iterator[WorkItem], under_way: UnderWay = lambda takes: None) -> Iterator[Finished]:
        """Do items, taking the next one whenever a worker is free; what is done comes in any order.

        Args:
            items: asked for one by one.
            under_way: told by an engine that knows how far an item is.

        Raises:
            TonescopeError: an item cannot be done, or the engine is lost. What was given back before is good.
        """


@dataclass
class LocalEngine:
    """In this process, one item after the other.

    Attributes:
        session: the models.
        memory_gib: at most so much more memory; 70 % of what is free, if absent.
    """

    session: Session
    memory_gib: float | None = None
    workers: int = 1

    def run(self, items: Iterator[WorkItem], under_way: UnderWay = lambda takes: None) -> Iterator[Finished]:
        """Do items; see :class:`Engine`."""
        worker = TakeWorker(self.session, self.memory_gib)
        for item in items:
            takes = len(item.takes)
            yield worker.do(item, lambda share, takes=takes: under_way(share * takes))  # type: ignore[misc]


@dataclass(frozen=True)
class Pace:
    """How far the work is.

    Attributes:
        done: takes that are there, with ``before`` that were there already; ``total``, all.
        per_minute: takes a minute so far; 0 before the first.
        under_way: takes that are played and not yet heard and kept.
    """

    done: int
    before: int
    total: int
    per_minute: float
    under_way: float = 0.0

    @property
    def reached(self) -> float:
        """Takes that are done or played."""
        return self.done + self.under_way

    @property
    def seconds_left(self) -> float | None:
        """About how long the rest takes, once that was measured."""
        return 60 * (self.total - self.reached) / self.per_minute if self.per_minute else None

    def __str__(self) -> str:
        told = f"{int(self.reached):,} of {self.total:,} takes"
        return f"{told}, {self.per_minute:.0f} a minute" if self.per_minute else told


@dataclass
class Supply:
    """Takes that are missing, cut into items as they are asked for: small ones first, then as many takes as last
    about :data:`ITEM_SECONDS`. Batches are filled over prompts."""

    setting: TakeSetting
    keep: Keep
    missing: Iterator[Wanted]
    size: int = field(default_factory=lambda: FIRST_TAKES)

    def __iter__(self) -> Iterator[WorkItem]:
        while takes := tuple(islice(self.missing, self.size)):
            yield WorkItem(self.setting, takes, self.keep)

    def fit(self, seconds_a_take: float) -> None:
        """Make items that last about as long as they should."""
        self.size = max(1, min(MOST_TAKES, int(ITEM_SECONDS / max(seconds_a_take, 1e-9))))


@dataclass
class Production:
    """The takes that are wanted, in a setting, and where they are kept.

    Attributes:
        shards: where; they say the setting.
        wanted: in the order in which they are played; a run that ends early has the first.
        keep: what is kept of them.
        told: how far it is, whenever an item is done, and from the first take on where the engine knows.
        first: takes of the first items.
    """

    shards: TakeShards
    wanted: Sequence[Wanted]
    keep: Keep = field(default_factory=Keep)
    told: Callable[[Pace], None] = lambda pace: None
    first: int = field(default_factory=lambda: FIRST_TAKES)

    def missing(self) -> list[Wanted]:
        """The takes that are in no shard, each once."""
        there = self.shards.finished(self.keep.states == "all", self.keep.measures)
        seen: set[tuple[str, int]] = set()
        found = []
        for take in self.wanted:
            place = (take.prompt, take.seed)
            if take.seed not in there.get(take.prompt, ()) and place not in seen:
                seen.add(place)
                found.append(take)
        return found

    def make(self, engine: Engine) -> Pace:
        """Play, hear and keep all that is missing, and say how it went.

        Raises:
            TonescopeError: see :meth:`Engine.run`; or the disk refuses.
        """
        missing = self.missing()
        total = len({(take.prompt, take.seed) for take in self.wanted})
        before = total - len(missing)
        supply = Supply(self.shards.setting, self.keep, iter(missing), self.first)
        known = self.shards.examples() if missing and self.keep.states == "examples" else set()
        pace = Pace(before, before, total, 0.0)
        self.told(pace)
        if not missing:
            return pace
        rate = _Rate(time.perf_counter())

        def under_way(takes: float) -> None:
            so_far = pace.per_minute or rate.so_far(takes, time.perf_counter())
            self.told(replace(pace, per_minute=so_far, under_way=takes))

        for finished in engine.run(iter(supply), under_way):
            if self.keep.states == "examples":
                _drop_known(finished.takes, known)
            self.shards.add(finished.item, finished.takes)
            count = len(finished.takes)
            supply.fit(finished.seconds / count)
            pace = Pace(pace.done + count, before, total, rate.after(count, time.perf_counter()))
            self.told(pace)
        return pace


@dataclass
class _Rate:
    """Takes a minute. Models warm up in the first item, or start their workers; so it does not count once there is a
    second."""

    since: float
    takes: int = 0
    first: bool = True

    def so_far(self, takes: float, now: float) -> float:
        """The rate of takes of the first item, of which so many are played."""
        return 60 * takes / max(now - self.since, 1e-9)

    def after(self, takes: int, now: float) -> float:
        """The rate once so many more takes are done."""
        self.takes += takes
        rate = 60 * self.takes / max(now - self.since, 1e-9)
        if self.first:
            self.since, self.takes, self.first = now, 0, False
        return rate


def _drop_known(takes: Sequence[HeardTake], known: set[tuple[str, str]]) -> None:
    """One example of a group and genre is enough, whichever item it came in."""
    for take in takes:
        if take.state is None or take.heard is None:
            continue
        if (take.group, take.heard) in known:
            take.state = None
        known.add((take.group, take.heard))


def telling(
    progress: Callable[[str, float], None] | None, from_share: float, to_share: float
) -> Callable[[Pace], None]:
    """Progress of a stage, from one share of the whole to another; in new words :data:`TOLD` times, not for every
    item: where no bar can be drawn, each is a line."""
    last, words = -1, ""

    def tell(pace: Pace) -> None:
        nonlocal last, words
        share = pace.reached / max(pace.total, 1)
        if int(TOLD * share) != last:
            last, words = int(TOLD * share), f"play and listen ({pace})"
        if progress:
            progress(words, from_share + share * (to_share - from_share))

    return tell
