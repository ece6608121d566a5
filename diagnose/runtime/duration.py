"""About how long a diagnosis takes, foretold from its first takes on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tonescope.diagnose.settings import Settings

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.progress import Progress

FIRST = "generate"  # the stage that is measured
SETS_A_ROUND = 6  # of takes that a round of choosing plays
SETS_TOGETHER = 5  # sets of 4 takes last as long in one batch as one alone: measured 3 on two free cores, 10 on busy
GRADIENTS = 0.3  # the time of one pass of gradients, in that of playing the takes: 0.6 and 0.1 there
CAREFUL_TIMES = 5  # longer, where gradients are careful


def expected_seconds(played: float, settings: Settings) -> float:
    """Seconds that the rest of a diagnosis takes about, when playing its takes once took ``played`` seconds.

    A count of what is still to be played and differentiated; batches make sets of takes cheaper than one by one.
    """
    gradients = GRADIENTS * (CAREFUL_TIMES if settings.careful else 1)
    search = settings.rounds * (SETS_A_ROUND / SETS_TOGETHER + gradients)
    variants = 4 + 2 * (len(settings.doses) + settings.tested_units) + settings.tested_words
    closer = 3 * settings.two_point_units * gradients
    return played * (search + variants / SETS_TOGETHER + 2 * gradients + closer + 1)


def foretelling(progress: Progress | None, expect: Callable[[float], None], settings: Settings) -> Progress:
    """Progress that tells ``expect`` how long the rest will take, once the first takes are played."""
    begun: float | None = None
    told = False

    def watched(what: str, done: float) -> None:
        nonlocal begun, told
        is_first = what.startswith(FIRST)
        if is_first and begun is None:
            begun = time.perf_counter()
        elif begun is not None and not is_first and not told:
            told = True
            expect(expected_seconds(time.perf_counter() - begun, settings))
        if progress:
            progress(what, done)

    return watched
