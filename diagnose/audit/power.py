"""What so many takes can show, told before any is played: the smallest gap between two groups, and time and cost.

Two shares are compared by their arcsines (Cohen 1988), in the worst place: around one half. The level is that of a test
among several after Bonferroni, of which Benjamini and Hochberg's is never stricter.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel
from scipy.special import ndtri

from tonescope.diagnose.audit.design import Cell
from tonescope.diagnose.audit.obedience import EVEN, FEWEST
from tonescope.diagnose.audit.prompt_cells import PromptCells
from tonescope.diagnose.audit.representation import UNDER
from tonescope.diagnose.stats import BELIEVED

POWER = 0.8  # of finding a gap that is there
Unit = Literal["points", "% of its share"]
POINTS: Unit = "points"
OF_SHARE: Unit = "% of its share"


class PowerRow(BaseModel):
    """What one comparison can show: between two groups of ``first`` and ``second`` takes (or one and a fixed share),
    among so many ``tests``, the ``smallest_gap`` that is found in 80 of 100 audits; ``None`` where there is none. It is
    of two shares, or of how likely one take has more than another (``points``); or a part of what is due."""

    comparison: str
    first: int
    second: int | None
    tests: int
    smallest_gap: float | None
    unit: Unit = POINTS


class Forecast(BaseModel):
    """What an audit takes: seconds a take as they were measured, hours in all, and what they cost where that was
    said."""

    takes: int
    seconds_a_take: float
    hours: float
    cost: float | None = None
    currency: str = ""


def smallest_gap(first: int, second: int | None, tests: int = 1, power: float = POWER) -> float | None:
    """The smallest difference of two shares that is found, two-sided, of groups of so many takes, around one half; of
    one group and a fixed share, without a ``second``.

    ``None`` where not even all against none would be found.
    """
    if min(first, first if second is None else second) < 1:
        return None
    effect = _needed(tests, power) * math.sqrt(1 / first + (1 / second if second else 0))
    return math.sin(effect / 2) if effect < math.pi else None


def smallest_lack(takes: int, portion: float, tests: int = 1, power: float = POWER) -> float | None:
    """The smallest part of its share that a genre can lack and be found to be heard too seldom (less than
    :data:`~tonescope.diagnose.audit.representation.UNDER` of it): of so many takes, of which ``portion`` is due to it.

    ``None`` where not even one that is never heard would be found.
    """
    if takes < 1 or not 0 < portion < 1:
        return None
    angle = math.asin(math.sqrt(UNDER * portion)) - _needed(tests, power) / (2 * math.sqrt(takes))
    return 1 - math.sin(angle) ** 2 / portion if angle > 0 else None


def smallest_superiority(first: int, second: int, tests: int = 1, power: float = POWER) -> float | None:
    """The smallest difference from one half of how likely a take of one group has more than one of another (Noether
    1987)."""
    if min(first, second) < FEWEST:
        return None
    found = _needed(tests, power) * math.sqrt((first + second + 1) / (12 * first * second))
    return found if found <= EVEN else None


def _needed(tests: int, power: float) -> float:
    """Standard errors between what is alike and what is found, two-sided."""
    return float(ndtri(1 - BELIEVED / (2 * max(tests, 1))) + ndtri(power))


def power_of(played: PromptCells, labels: int, clips: int) -> list[PowerRow]:
    """What the comparisons that an audit makes can show.

    Args:
        played: its prompts.
        labels: how many genres the judge chooses between.
        clips: known clips of a genre, where the judge was measured; 0 where it was not.
    """
    plain = [cell for cell in played.cells if cell.kind == "plain"]
    genres, takes = len({cell.genre for cell in plain}), sum(cell.takes for cell in plain)
    each, pairs = takes // max(genres, 1), genres * labels
    neutral = sum(cell.takes for cell in played.cells if cell.kind == "neutral")
    rows = [_row("adherence of the best genre against the worst", each, each, max(1, genres * (genres - 1) // 2))]
    if clips:
        rows.append(_row("takes heard as another genre against known clips heard so", each, clips, pairs))
    else:
        rows.append(_row("takes heard as another genre against what is assumed of a judge", each, None, pairs))
    lack = smallest_lack(takes, 1 / max(genres, 1), genres)
    rows.append(_made("a genre's part of the plain takes against its share", takes, None, genres, lack, OF_SHARE))
    rows.append(_row("one genre of the neutral takes against half of them", neutral, None, 1))
    return rows + _of_words(played, genres, labels)


def _of_words(played: PromptCells, genres: int, labels: int) -> list[PowerRow]:
    worded, rows = [cell for cell in played.cells if cell.kind == "words"], list[PowerRow]()
    tests = labels * sum(map(len, played.factors.values()))
    for at, (factor, levels) in enumerate(played.factors.items()):
        counts = {level: sum(cell.takes for cell in worded if cell.levels[at] == level) for level in levels}
        having = counts[levels[0]]
        rest = sum(cell.takes for cell in (*worded, *_plain(played))) - having
        rows.append(_row(f"takes with a word of {factors_name(factor)} against those without it", having, rest, tests))
        if factor == "tempos" and len(levels) > 1:
            fast, slow = (count // max(genres, 1) for count in (counts[levels[0]], counts[levels[-1]]))
            found = smallest_superiority(fast, slow, genres)
            rows.append(_made("takes of one genre that ask for another tempo", fast, slow, genres, found))
        if factor == "instruments":
            others = sum(cell.takes for cell in worded) - having
            found = smallest_superiority(having, others, len(levels))
            rows.append(_made("takes that ask for an instrument, by the sound", having, others, len(levels), found))
    return rows


def _plain(played: PromptCells) -> list[Cell]:
    return [cell for cell in played.cells if cell.kind == "plain"]


def factors_name(factor: str) -> str:
    """A factor as sentences name it."""
    return f"the {factor}"


def _row(comparison: str, first: int, second: int | None, tests: int) -> PowerRow:
    return _made(comparison, first, second, tests, smallest_gap(first, second, tests))


def _made(
    comparison: str, first: int, second: int | None, tests: int, found: float | None, unit: Unit = POINTS
) -> PowerRow:
    return PowerRow(comparison=comparison, first=first, second=second, tests=tests, smallest_gap=found, unit=unit)


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
