"""What a visualization is aimed at: one unit, or several composed with + and −, and how far real takes go there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.microscope.objectives import SIGNS, Kind, Objective, Side, channel, of_kind
from tonescope.diagnose.microscope.real_examples import BEST, QUANTILES, UnitStatistics, percentile_among
from tonescope.diagnose.microscope.sight import hears
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

MOST_TERMS, MOST_WEIGHT = 8, 100.0
_TERM = re.compile(r"(?:(?P<weight>\d+(?:\.\d+)?) *[*×] *)?(?P<unit>[a-z_]+\.\d+\.[a-z_]+:\d+)")
_JOIN = re.compile(r" *([+−-]) *")
HOW = "write units joined by + and -, each with a number and * before it or not, such as “{0}:12 - 0.5 * {0}:40”"


@dataclass(frozen=True)
class Term:
    """A unit, and how much it counts: less than nothing, where it is to do less."""

    weight: float
    unit: Unit


def terms_of(text: str) -> tuple[Term, ...]:
    """The terms of a composed objective. Raises :class:`TonescopeError` for what is not written so, saying where."""
    found, at, sign = list[Term](), 0, 1.0
    text = text.strip()
    while True:
        here = _TERM.match(text, at)
        if here is None:
            raise _refused(text, at)
        weight = float(here["weight"] or 1.0)
        if not 0 < weight <= MOST_WEIGHT:
            raise TonescopeError(f"a unit cannot count {weight:g} times; give more than 0 and at most {MOST_WEIGHT:g}.")
        found.append(Term(sign * weight, Unit.parse(here["unit"])))
        at = here.end()
        if at == len(text):
            return _checked(found)
        join = _JOIN.match(text, at)
        if join is None:
            raise _refused(text, at)
        sign, at = 1.0 if join[1] == "+" else -1.0, join.end()


def _refused(text: str, at: int) -> TonescopeError:
    where = f"“{text[at : at + 40]}”" if text[at:] else "its end"
    return TonescopeError(f"the objective cannot be read at {where}; {HOW.format('decoder.3.mlp')}.")


def _checked(terms: Sequence[Term]) -> tuple[Term, ...]:
    units = [term.unit for term in terms]
    if len(terms) > MOST_TERMS:
        raise TonescopeError(f"{len(terms)} units are composed and {MOST_TERMS} are the most; leave some out.")
    if twice := next((unit for unit in units if units.count(unit) > 1), None):
        raise TonescopeError(f"{twice} is composed with itself; name it once.")
    if len({(unit.location.network, hears(unit.location)) for unit in units}) > 1:
        raise TonescopeError(
            f"{units[0]} and {next(one for one in units if one.location.network != units[0].location.network)} "
            "are reached in different passes, so they cannot be composed; compose units of one network."
            if len({unit.location.network for unit in units}) > 1
            else "what writes codes and what makes sound of them are reached in different passes; compose units of one."
        )
    return tuple(terms)


class Aim(Protocol):
    """What is driven up or down.

    Attributes:
        unit: on whose page it stands.
        plain: what is measured.
        scale: its median and standard deviation in real takes; ``range``, the least and the most there.
        numbers: how many numbers of real takes that is of, of so many ``takes``.
    """

    @property
    def unit(self) -> Unit: ...
    @property
    def plain(self) -> Objective: ...
    @property
    def scale(self) -> tuple[float, float]: ...
    @property
    def range(self) -> tuple[float, float]: ...
    @property
    def numbers(self) -> int: ...
    @property
    def takes(self) -> int: ...

    def percentile(self, value: float) -> float:
        """How much of real takes lies below a value, in percent."""

    def example(self, side: Side, rank: int) -> tuple[int, float]:
        """A real take that is most extreme, and how far into it."""


@dataclass(frozen=True)
class UnitAim:
    """One unit: its mean, or one moment of it. ``width`` is how many features it is wide."""

    unit: Unit
    kind: Kind
    known: UnitStatistics
    width: int

    @property
    def plain(self) -> Objective:
        """What is measured."""
        return of_kind(self.kind, self.unit, self.width)

    @property
    def scale(self) -> tuple[float, float]:
        """Median and standard deviation."""
        return self.known.scale(self.kind, self.unit.index)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most."""
        return self.known.range(self.kind, self.unit.index)

    @property
    def numbers(self) -> int:
        """How many numbers that is of."""
        return self.known.sample(self.kind)

    @property
    def takes(self) -> int:
        """Of so many takes."""
        return self.known.takes

    def percentile(self, value: float) -> float:
        """How much of real takes lies below a value, in percent."""
        return self.known.percentile(self.kind, self.unit.index, value)

    def example(self, side: Side, rank: int) -> tuple[int, float]:
        """A real take that is most extreme, and how far into it."""
        return self.known.example(self.kind, side, self.unit.index, rank)


@dataclass(frozen=True)
class ComposedAim:
    """Several units' means, each in standard deviations from its median in real takes, weighed and added up.

    Attributes:
        unit: the one on whose page it stands.
        terms: what is composed.
        known, widths: of the locations of all.
    """

    unit: Unit
    terms: tuple[Term, ...]
    known: Mapping[Location, UnitStatistics]
    widths: Mapping[Location, int]

    def _scale(self, unit: Unit) -> tuple[float, float]:
        return self.known[unit.location].scale("channel", unit.index)

    @property
    def plain(self) -> Objective:
        """What is measured."""
        parts = []
        for term in self.terms:
            usual, spread = self._scale(term.unit)
            parts.append((channel(term.unit, self.widths[term.unit.location]) - usual) * (term.weight / spread))
        found: Objective = sum(parts[1:], parts[0])
        return found

    @cached_property
    def real(self) -> NDArray[np.float64]:
        """The same in parts of real takes (parts,)."""
        found = np.zeros(self.numbers)
        for term in self.terms:
            usual, spread = self._scale(term.unit)
            means = self.known[term.unit.location].means[:, term.unit.index].double().numpy()
            found += term.weight * (means - usual) / spread
        return found

    @property
    def scale(self) -> tuple[float, float]:
        """Median and standard deviation."""
        return float(np.median(self.real)), max(float(self.real.std()), 1e-9)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most."""
        return float(self.real.min()), float(self.real.max())

    @property
    def numbers(self) -> int:
        """How many parts that is of."""
        return min(known.parts for known in self.known.values())

    @property
    def takes(self) -> int:
        """Of so many takes."""
        return min(known.takes for known in self.known.values())

    def percentile(self, value: float) -> float:
        """How much of real takes lies below a value, in percent."""
        return percentile_among(np.quantile(self.real, np.linspace(0, 1, QUANTILES)), value)

    def example(self, side: Side, rank: int) -> tuple[int, float]:
        """A real take that is most extreme, and how far into it."""
        order = np.argsort(-SIGNS[side] * self.real, kind="stable")[:BEST]
        part, each = int(order[rank % len(order)]), max(1, math.ceil(self.numbers / self.takes))
        return part // each, (part % each + 0.5) / each
