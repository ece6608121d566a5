"""Figures and lanes of rendered sound: how the ascent went, what happens layer by layer, what a unit does when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from tonescope.diagnose.microscope.microscope import Heard
from tonescope.diagnose.report.figure_look import COLOURS, as_written, plotted, titled
from tonescope.diagnose.report.lanes import Curves, Lane, Row, Stretch, Stretches
from tonescope.diagnose.report.view import Figure


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
    return Figure(title, plotted(traces, 260, titled(x), titled(y) | axes), told, "observed")


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
