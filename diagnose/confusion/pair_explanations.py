"""Why a pair of genres is confused: the existing diagnosis of one prompt of the pair, and what pairs have in common."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from tonescope.diagnose.confusion.confusion_schema import ConfusedPair, Explanation
from tonescope.diagnose.report import pasteable, why
from tonescope.diagnose.runtime.duration import course_of_diagnosis
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError

TAKES = 4  # of a diagnosis, as its default is
TOLD = 3  # sentences of it


def expected_seconds(settings: Settings, seconds_a_take: float) -> float:
    """About how long one diagnosis takes, from how long a take takes here."""
    played = TAKES * seconds_a_take
    course = course_of_diagnosis(_diagnosed(settings, settings.seed, settings.takes))
    return played + sum(course.rest(played).values())


def chosen_prompt(cell: Mapping[str, set[int]], seeds: range) -> tuple[str, int]:
    """The prompt of a cell, and the first of some seeds in a row, in which most takes are heard as the cell says.

    The takes that a diagnosis explores may be chosen so; what it finds is tested in others.
    """
    starts = range(seeds[0], max(seeds[0], seeds[-1] - TAKES + 1) + 1)

    def hits(prompt: str, start: int) -> int:
        return len(cell[prompt] & set(range(start, start + TAKES)))

    return max(((prompt, start) for prompt in sorted(cell) for start in starts), key=lambda place: hits(*place))


def explained(
    session: Session,
    pair: ConfusedPair,
    prompt: str,
    settings: Settings,
    progress: Callable[[str, float], None] | None = None,
) -> Explanation:
    """Diagnose a prompt of a pair, in the takes from ``settings.seed`` on. What cannot be diagnosed is said."""
    started, asked = time.perf_counter(), _diagnosed(settings, settings.seed, settings.takes)
    try:
        found, _ = session.diagnose(prompt, asked, intended=pair.asked, progress=progress)
    except TonescopeError as error:
        return Explanation(prompt=prompt, seed=asked.seed, problem=str(error), seconds=_since(started))
    group = found.drivers.group
    return Explanation(
        prompt=prompt,
        seed=asked.seed,
        command=pasteable.diagnose(found),
        about_pair=found.contrast.target == pair.heard,
        told=_told(found, pair),
        units=list(group.names) if group is not None and group.turns else [],
        words=[row.word for row in why.causing_words(found)],
        seconds=_since(started),
    )


def shared_units(pairs: Sequence[ConfusedPair]) -> dict[str, list[str]]:
    """Units that were verified in more than one pair, and in which."""
    found: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        for unit in pair.why.units if pair.why and pair.why.about_pair else ():
            found[unit].append(f"{pair.asked} → {pair.heard}")
    return {unit: where for unit, where in found.items() if len(where) > 1}


def _diagnosed(settings: Settings, seed: int, takes: int) -> Settings:
    """The settings of the diagnosis of a pair: as many takes as usual, played as those of the report."""
    return settings.model_copy(update={"takes": min(TAKES, takes), "seed": seed})


def _told(found: Diagnosis, pair: ConfusedPair) -> list[why.Said]:
    """What it found; where its takes were heard otherwise, that first."""
    target = found.contrast.target
    told = list(why.why(found))[:TOLD]
    if target != pair.heard:
        told.insert(
            0, (f"In the takes of this diagnosis it was heard as {target}, and that is what it explains.", None)
        )
    return told


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)
