"""Figures and lanes of rendered sound: how the ascent went, what happens layer by layer, what a unit does when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from tonescope.diagnose.microscope.microscope import Heard
from tonescope.diagnose.report.lanes import Curves, Lane, Row, Stretch, Stretches
from tonescope.diagnose.report.plots import ASKED, CONTROL, GRID, HEARD, INK, as_written
from tonescope.diagnose.report.view import Figure

COLOURS = (HEARD, ASKED, CONTROL)


def _plot(traces: list[dict[str, Any]], height: int, x: str, y: str, **axes: Any) -> dict[str, Any]:
    axis = {"gridcolor": GRID, "zerolinecolor": INK, "automargin": True}
    layout = {
        "height": height,
        "font": {"family": "Inter, system-ui, sans-serif", "size": 13, "color": INK},
        "margin": {"l": 8, "r": 16, "t": 28, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
        "xaxis": axis | {"title": {"text": x, "font": {"size": 13}}},
        "yaxis": axis | {"title": {"text": y, "font": {"size": 13}}} | axes,
    }
    return {"data": traces, "layout": layout}


def lines(title: str, series: Mapping[str, Sequence[float]], x: str, y: str, told: str, **axes: Any) -> Figure:
    """One line a series, over its index."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines" if len(values) > 24 else "lines+markers",
            "x": list(range(len(values))),
            "y": [round(value, 4) for value in values],
            "name": as_written(name),
            "line": {"color": COLOURS[at % len(COLOURS)], "width": 2},
        }
        for at, (name, values) in enumerate(series.items())
    ]
    return Figure(title, _plot(traces, 260, x, y, **axes), told, "observed")


def curve(values: Tensor, names: Sequence[str], what: str) -> Figure:
    """How an objective rose: (steps, rows), a line a row."""
    series = {name: values[:, row].tolist() for row, name in enumerate(names)}
    told = "; ".join(f"{name} from {line[0]:.3g} to {line[-1]:.3g}" for name, line in series.items())
    return lines("How it rose", series, "step", what, f"Over {len(values)} steps: {told}.")


def heard_lane(one: Heard, seconds: float) -> Lane:
    """What the judge hears in the whole of a sound; a sound with a lane is drawn as a spectrogram."""
    stretch = Stretch(start=0.0, end=seconds, text=one.heard, share=min(1.0, one.probability), meant="target")
    return Stretches(title="What the judge hears", badge="observed", stretches=(stretch,))


def unit_lane(name: str, values: Tensor, usual: float, most: float) -> Lane:
    """What a unit does over time (points,), around its median in real takes; ``most`` is the most that it does there,
    or the least."""
    moved = (values - usual) / max(abs(most - usual), 1e-9)
    farthest = max(1.0, float(moved.abs().max()))
    note = f"Where the line is its median in real takes, and their best is at {1 / farthest:.2f}."
    row = Row(name=name, values=tuple(round(value, 4) for value in (moved / farthest).tolist()))
    return Curves(title="What the unit does", badge="observed", note=note, line="median of real takes", rows=(row,))
