"""Figures as HTML that needs no library: bars and lines, placed in per cent, so that text wraps and themes apply.

A figure is plotly's dictionary. What the figures of this project use of that is read here: horizontal bars by name,
with dots and error bars, and lines over numbers, with bands, error bars, and blocks (upright bars of a width of their
own). Other figures are left to plotly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from tonescope.diagnose.stats import signed

Plot = Mapping[str, Any]
# The colours of plots.py by the names that they have in the page's look, light and dark.
COLOURS = {
    "#e4572e": "--target",
    "#17807e": "--asked",
    "#9aa0a6": "--other",
    "#f3b49f": "--faint",
    "#c9a79c": "--unsure",
    "#737a82": "--soft",
}
CYCLE = ("--target", "--asked", "--edit", "--heat", "--other")  # of series without a colour
TICKS = 5
MARGIN = 0.04  # of the span, left free at its ends


@dataclass(frozen=True)
class Mark:
    """A bar from ``left``, ``width`` wide, in per cent; its error bar from ``low`` to ``high``; what is written beside
    it."""

    left: float
    width: float
    colour: str
    text: str
    low: float | None = None
    high: float | None = None


@dataclass
class BarRow:
    """A name with its bars, and with dots in per cent, each with what is told of it."""

    name: str
    marks: list[Mark] = field(default_factory=list)
    dots: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Bars:
    """Rows of bars on one scale; ``legend`` holds names and colours, ``ticks`` places and texts, ``zero`` is where 0
    is; ``ends`` are the words at the left and right of the axis, or one for all of it."""

    rows: Sequence[BarRow]
    legend: Sequence[tuple[str, str]]
    ticks: Sequence[tuple[float, str]]
    zero: float
    ends: Sequence[str]
    kind: str = "bars"


@dataclass(frozen=True)
class Series:
    """A line as the path of a box of 100 by 100; dots and error bars in per cent, from the lower left."""

    name: str
    colour: str
    path: str
    dots: Sequence[tuple[float, float, str]]
    errors: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Lines:
    """Lines on one scale; ``bands`` are filled paths with their colours; ``blocks``, in per cent, stand on zero: left,
    width, bottom, height, colour, text."""

    series: Sequence[Series]
    bands: Sequence[tuple[str, str]]
    blocks: Sequence[tuple[float, float, float, float, str, str]]
    legend: Sequence[tuple[str, str]]
    across: Sequence[tuple[float, str]]
    up: Sequence[tuple[float, str]]
    titles: tuple[str, str]
    kind: str = "lines"


def chart(plot: Plot) -> Bars | Lines | None:
    """A figure as bars or lines; ``None`` for one that is neither, or has nothing in it."""
    traces = plot.get("data", [])
    if not any(len(trace.get("x", [])) for trace in traces):
        return None
    if any(trace.get("type") == "bar" and trace.get("orientation") == "h" for trace in traces):
        fits = all(trace.get("type") == "bar" or trace.get("mode") == "markers" for trace in traces)
        return _bars(plot) if fits and all(map(_is_name, _ys(traces))) else None
    numbers = all(isinstance(x, int | float) for trace in traces for x in trace.get("x", []))
    known = all(_is_block(trace) or _is_line(trace) for trace in traces)
    return _lines(plot) if traces and numbers and known else None


def _is_line(trace: Plot) -> bool:
    return trace.get("type") == "scatter" and "lines" in trace.get("mode", "lines")


def _is_block(trace: Plot) -> bool:
    return trace.get("type") == "bar" and isinstance(trace.get("width"), list)


@dataclass(frozen=True)
class _Axis:
    """A scale from ``low`` to ``high``; ``is_share``: whether its values are shares, told in per cent."""

    low: float
    high: float
    is_share: bool = False

    @classmethod
    def of(cls, stated: Plot, values: Sequence[float]) -> _Axis:
        """The axis that a figure states, or one with room for all values. A range is stated for shares alone."""
        low, high = stated.get("range") or _span(values)
        return cls(low, high, "range" in stated)

    def place(self, value: float) -> float:
        """Where a value is, in per cent of the axis."""
        return round(100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low), 2)

    def told(self, value: float) -> str:
        """What is written beside a value."""
        return f"{100 * value:.0f} %" if self.is_share else signed(value)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and texts of round numbers."""
        told = "{:.0f} %" if self.is_share else "{:g}"
        values = _ticks(self.low, self.high)
        return [(self.place(value), _plain(told, 100 * value if self.is_share else value)) for value in values]


# --- bars -------------------------------------------------------------------------------------------------------------


def _bars(plot: Plot) -> Bars:
    traces, axis = plot["data"], plot["layout"].get("xaxis", {})
    order = plot["layout"].get("yaxis", {}).get("categoryarray") or _ys(traces)
    rows = {name: BarRow(unescape(name)) for name in dict.fromkeys(order)}
    across = _Axis.of(axis, [0.0, *_reach(traces)])
    place = across.place
    for trace in traces:
        for name, value, extra in _points(trace, "error_x"):
            if trace["type"] != "bar":
                rows[name].dots.append((place(value), f"{value:.2f}"))
                continue
            begin, end = sorted((place(0.0), place(value)))
            down, up = (place(value - extra.down), place(value + extra.up)) if extra.up or extra.down else (None, None)
            text, colour = extra.text or across.told(value), _colour(extra.colour)
            rows[name].marks.append(Mark(begin, round(end - begin, 2), colour, text, down, up))
    legend = [(unescape(trace["name"]), _colour(_single(trace))) for trace in traces if _in_legend(trace)]
    title = axis.get("title", {}).get("text", "")
    return Bars(list(rows.values()), legend, across.ticks, place(0.0), [unescape(part) for part in title.split("<br>")])


def _ys(traces: Sequence[Plot]) -> list[Any]:
    return list(dict.fromkeys(y for trace in traces for y in trace.get("y", [])))


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _reach(traces: Sequence[Plot]) -> Iterator[float]:
    """Every value of bars with the ends of its error bar."""
    for trace in traces:
        for _, value, extra in _points(trace, "error_x"):
            yield from (value, value - extra.down, value + extra.up)


# --- lines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plane:
    """Where the points of lines and blocks are."""

    across: _Axis
    up: _Axis

    @classmethod
    def of(cls, plot: Plot) -> _Plane:
        """With room for everything that a figure draws; blocks stand on zero."""
        traces = plot["data"]
        blocks = [trace for trace in traces if _is_block(trace)]
        xs = [float(x) for trace in traces if _is_line(trace) for x in trace["x"]]
        xs += [edge for trace in blocks for x, width in _widths(trace) for edge in _edges(x, width)]
        ys = [float(y) for trace in traces for y in trace["y"]] + [0.0] * bool(blocks)
        ys += [end for trace in traces for _, y, extra in _points(trace, "error_y", "x") for end in extra.ends(y)]
        left, right = (min(xs), max(xs)) if max(xs) > min(xs) else (min(xs) - 0.5, max(xs) + 0.5)
        return cls(_Axis(left, right), _Axis.of(plot["layout"].get("yaxis", {}), ys))

    def path(self, trace: Plot) -> str:
        """A line through all points, from the upper left."""
        points = zip(trace["x"], trace["y"], strict=True)
        return "M" + "L".join(f"{self.across.place(x)},{100 - self.up.place(y):.2f}" for x, y in points)

    def series(self, trace: Plot) -> Series:
        """A line with its dots and error bars."""
        across, up = self.across.place, self.up.place
        points = [(float(x), y, extra) for x, y, extra in _points(trace, "error_y", "x")]
        dots = [(across(x), up(y), f"{x:g}: {extra.text or self.up.told(y)}") for x, y, extra in points]
        errors = [(across(x), up(y - extra.down), up(y + extra.up)) for x, y, extra in points if extra.up or extra.down]
        return Series(unescape(trace.get("name", "")), _colour(_single(trace)), self.path(trace), dots, errors)

    def blocks(self, trace: Plot, colour: str) -> Iterator[tuple[float, float, float, float, str, str]]:
        """Its upright bars, as :class:`Lines` has them."""
        for (x, width), y in zip(_widths(trace), trace["y"], strict=True):
            start, end = map(self.across.place, _edges(x, width))
            bottom, top = sorted((self.up.place(0.0), self.up.place(y)))
            text = f"{unescape(trace.get('name', ''))} {x - width / 2:.4g}–{x + width / 2:.4g}: {y:.2f}"
            yield start, round(end - start, 2), bottom, round(top - bottom, 2), colour, text


def _lines(plot: Plot) -> Lines:
    plane, layout = _Plane.of(plot), plot["layout"]
    coloured = [(trace, _colour_of(trace, number)) for number, trace in enumerate(plot["data"])]
    titles = [unescape(layout.get(axis, {}).get("title", {}).get("text", "")) for axis in ("xaxis", "yaxis")]
    return Lines(
        series=[plane.series(trace) for trace, _ in coloured if not (trace.get("fill") or _is_block(trace))],
        bands=[
            (plane.path(trace) + "Z", _colour(trace.get("fillcolor", ""))) for trace, _ in coloured if trace.get("fill")
        ],
        blocks=[block for trace, colour in coloured if _is_block(trace) for block in plane.blocks(trace, colour)],
        legend=[(unescape(trace["name"]), colour) for trace, colour in coloured if _in_legend(trace)],
        across=plane.across.ticks,
        up=plane.up.ticks,
        titles=(titles[0], titles[1].replace("<br>", "; ")),
    )


def _colour_of(trace: Plot, number: int) -> str:
    """Its own, or one of :data:`CYCLE` for blocks that have none."""
    own = _single(trace)
    return _colour(own) if own or not _is_block(trace) else f"var({CYCLE[number % len(CYCLE)]})"


# --- reading plotly ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Extra:
    """What belongs to a point beside its place."""

    up: float
    down: float
    text: str
    colour: str

    def ends(self, value: float) -> tuple[float, float]:
        return value - self.down, value + self.up


def _points(trace: Plot, errors: str, names: str = "y") -> Iterator[tuple[Any, float, _Extra]]:
    """The points of a trace: what names them, their value, and what belongs to them."""
    values = "x" if names == "y" else "y"
    bars, colour = trace.get(errors, {}), trace.get("marker", {}).get("color") or trace.get("line", {}).get("color", "")
    for at, (name, value) in enumerate(zip(trace[names], trace[values], strict=True)):
        up = _item(bars.get("array"), at, 0.0)
        yield (
            name,
            float(value),
            _Extra(up, _item(bars.get("arrayminus"), at, up), str(_item(trace.get("text"), at, "")), _item(colour, at)),
        )


def _widths(trace: Plot) -> list[tuple[float, float]]:
    """The middle and width of each block."""
    return [(float(x), float(width)) for x, width in zip(trace["x"], trace["width"], strict=True)]


def _edges(x: float, width: float) -> tuple[float, float]:
    return x - width / 2, x + width / 2


def _item(values: Any, at: int, default: Any = "") -> Any:
    """One of a list, or what holds for all."""
    if values is None:
        return default
    return values[at] if isinstance(values, list | tuple) else values


def _single(trace: Plot) -> str:
    colour = trace.get("line", {}).get("color") or trace.get("marker", {}).get("color", "")
    return str(_item(colour, 0))


def _in_legend(trace: Plot) -> bool:
    return bool(trace.get("name")) and trace.get("showlegend", True) and not trace.get("fill")


def _colour(value: str) -> str:
    """A colour of the look; one that it lacks as it is, if it is one."""
    if value in COLOURS:
        return f"var({COLOURS[value]})"
    return value if re.fullmatch(r"#[0-9a-fA-F]{6}", value) else "var(--heat)"


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The range of values with some room, but none beyond zero."""
    low, high = min(values), max(values)
    if low == high:
        return low - 0.5, high + 0.5
    room = MARGIN * (high - low)
    return (low - room if low else low), (high + room if high else high)


def _plain(form: str, value: float) -> str:
    return form.format(value).replace("-", "−")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within a span."""
    step = 10 ** math.floor(math.log10((high - low) / TICKS))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) <= TICKS)
    first = math.ceil(low / step - 1e-9)
    return [number * step + 0.0 for number in range(first, math.floor(high / step + 1e-9) + 1)]
