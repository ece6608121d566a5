"""What so many takes can show, told before any is played: the smallest gap between two groups, and time and cost.

Two shares are compared by their arcsines (Cohen 1988), in the worst place: around one half. The level is that of a test
among several after Bonferroni, of which Benjamini and Hochberg's is never stricter.
"""

from __future__ import annotations

import math

from pydantic import BaseModel
from scipy.special import ndtri

from tonescope.diagnose.audit.prompt_cells import PromptCells
from tonescope.diagnose.stats import BELIEVED

POWER = 0.8  # of finding a gap that is there


class PowerRow(BaseModel):
    """What one comparison can show: between two groups of ``first`` and ``second`` takes, among so many ``tests``, the
    ``smallest_gap`` of two shares that is found in 80 of 100 audits; ``None`` where there is none."""

    comparison: str
    first: int
    second: int
    tests: int
    smallest_gap: float | None


class Forecast(BaseModel):
    """What an audit takes: seconds a take as they were measured, hours in all, and what they cost where that was
    said."""

    takes: int
    seconds_a_take: float
    hours: float
    cost: float | None = None
    currency: str = ""


def smallest_gap(first: int, second: int, tests: int = 1, power: float = POWER) -> float | None:
    """The smallest difference of two shares that is found, two-sided, of groups of so many takes.

    ``None`` where not even all against none would be found.
    """
    if min(first, second) < 1:
        return None
    needed = float(ndtri(1 - BELIEVED / (2 * max(tests, 1))) + ndtri(power))
    effect = needed * math.sqrt(1 / first + 1 / second)
    return math.sin(effect / 2) if effect < math.pi else None


def power_of(played: PromptCells, labels: int, clips: int) -> list[PowerRow]:
    """What the comparisons of an audit can show.

    Args:
        played: its prompts.
        labels: how many genres the judge chooses between.
        clips: known clips of a genre, where the judge was measured; 0 where it was not.
    """
    plain = [cell for cell in played.cells if cell.kind == "plain"]
    genres = len({cell.genre for cell in plain})
    each = sum(cell.takes for cell in plain) // max(genres, 1)
    neutral = sum(cell.takes for cell in played.cells if cell.kind == "neutral")
    rows = [_row("adherence of one genre against another", each, each, max(1, genres * (genres - 1) // 2))]
    if clips:
        rows.append(_row("takes heard as another genre against known clips heard so", each, clips, genres * labels))
    rows.append(_row("one genre of the neutral takes against its share of the plain takes", neutral, each, labels))
    worded = [cell for cell in played.cells if cell.kind == "words"]
    for at, (factor, levels) in enumerate(played.factors.items()):
        with_level = sum(cell.takes for cell in worded if cell.levels[at] == levels[0])
        rest = sum(cell.takes for cell in worded) - with_level
        words = sum(map(len, played.factors.values()))
        rows.append(
            _row(f"takes with a word of {factors_name(factor)} against those without it", with_level, rest, words)
        )
    return rows


def factors_name(factor: str) -> str:
    """A factor as sentences name it."""
    return f"the {factor}"


def _row(comparison: str, first: int, second: int, tests: int) -> PowerRow:
    return PowerRow(
        comparison=comparison, first=first, second=second, tests=tests, smallest_gap=smallest_gap(first, second, tests)
    )


def forecast(takes: int, seconds_a_take: float, per_hour: float | None = None, currency: str = "") -> Forecast:
    """What so many takes need."""
    hours = takes * seconds_a_take / 3600
    return Forecast(
        takes=takes,
        seconds_a_take=seconds_a_take,
        hours=hours,
        cost=None if per_hour is None else hours * per_hour,
        currency=currency,
    )
