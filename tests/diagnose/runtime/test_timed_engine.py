"""How long takes take is told by workers that are warm, and shared by all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tonescope.diagnose.runtime.engine import UnderWay
from tonescope.diagnose.runtime.timed_engine import TimedEngine
from tonescope.diagnose.runtime.work_items import Finished, HeardTake, TakeSetting, Wanted, WorkItem
from tonescope.models.generator import Sampling

SETTING = TakeSetting("g", "j", ("a", "b"), "float32", 1.0, Sampling())


@dataclass
class Slow:
    """Items that last as long as is said."""

    seconds: list[float] = field(default_factory=list)
    workers: int = 1

    def run(self, items: Iterator[WorkItem], under_way: UnderWay = lambda takes: None) -> Iterator[Finished]:
        for item, seconds in zip(items, self.seconds, strict=False):
            yield Finished(item, [HeardTake(take.prompt, take.seed, "") for take in item.takes], seconds)


def timed(seconds: list[float], workers: int = 1) -> float:
    items = [WorkItem(SETTING, tuple(Wanted("a", 10 * number + take) for take in range(2))) for number in range(3)]
    engine = TimedEngine(Slow(seconds, workers))
    assert len(list(engine.run(iter(items)))) == len(seconds)
    return engine.seconds_a_take


def test_the_first_item_does_not_count_where_there_is_another() -> None:
    assert timed([60.0, 2.0, 4.0]) == pytest.approx(1.5) and timed([60.0]) == pytest.approx(30)


def test_workers_share_the_takes() -> None:
    assert timed([60.0, 2.0, 4.0], workers=3) == pytest.approx(0.5)
