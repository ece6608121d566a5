"""Why a pair of genres is confused: the existing diagnosis of one prompt of the pair, and what pairs have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from tonescope.diagnose.confusion.confusion_schema import ConfusedPair, Explanation, SharedUnits
from tonescope.diagnose.report import pasteable, why
from tonescope.diagnose.runtime.duration import course_of_diagnosis
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator

TAKES = 4  # of a diagnosis, as its default is
TOLD = 3  # sentences of it


def expected_seconds(settings: Settings, seconds_a_take: float) -> float:
    """About how long one diagnosis takes, from how long a take takes here."""
    played = TAKES * seconds_a_take
    course = course_of_diagnosis(_diagnosed(settings, settings.seed, settings.takes))
    return played + sum(course.rest(played).values())


def chosen_prompt(cell: Mapping[str, set[int]], seeds: Mapping[str, range]) -> tuple[str, int]:
    """The prompt of a cell, and the first of some of its ``seeds`` in a row, in which most takes are heard as the cell
    says.

    The takes that a diagnosis explores may be chosen so; what it finds is tested in others.
    """

    def starts(own: range) -> range:
        return range(own[0], max(own[0], own[-1] - TAKES + 1) + 1)

    def hits(prompt: str, start: int) -> int:
        return len(cell[prompt] & set(range(start, start + TAKES)))

    places = [(prompt, start) for prompt in sorted(cell) for start in starts(seeds[prompt])]
    return max(places, key=lambda place: hits(*place))


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


def shared_units(pairs: Sequence[ConfusedPair], generator: Generator) -> list[SharedUnits]:
    """What the verified sets of two pairs have in common. A set was verified, and none of its units alone."""
    sets = {
        f"{pair.asked} → {pair.heard}": pair.why.units
        for pair in pairs
        if pair.why and pair.why.about_pair and pair.why.units
    }
    found = []
    for first, second in combinations(sets, 2):
        if common := sorted(set(sets[first]) & set(sets[second])):
            chance = sum(_by_chance(generator, sets[first], sets[second], kind) for kind in (True, False))
            found.append(SharedUnits(pairs=(first, second), units=common, by_chance=round(chance, 2)))
    return found


def _by_chance(generator: Generator, first: Sequence[str], second: Sequence[str], are_units: bool) -> float:
    """How many units (or whole places) two sets have in common if both are drawn from all at their sites."""
    one, other = ([name for name in names if (":" in name) is are_units] for names in (first, second))
    sites = {generator.location(name.partition(":")[0]).site.key for name in (*one, *other)}
    places = generator.locations(*sorted(sites)) if sites else []
    every = sum(map(generator.units, places)) if are_units else len(places)
    return len(one) * len(other) / every if every else 0.0


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
