"""The figures of a listening: what is heard over time, and what a surrogate finds likely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tonescope.diagnose.report.plots import GRID, HEARD, INK, as_written
from tonescope.diagnose.report.view import Figure

if TYPE_CHECKING:
    from tonescope.diagnose.elsewhere.listen_schema import FileResult, SurrogateTrace


def _plot(traces: list[dict[str, Any]], x: str, y: str, height: int = 240) -> dict[str, Any]:
    """Traces over seconds, readable on light and dark pages."""

    def axis(title: str) -> dict[str, Any]:
        return {
            "title": {"text": title, "font": {"size": 13}},
            "gridcolor": GRID,
            "zerolinecolor": INK,
            "automargin": True,
        }

    layout = {
        "height": height,
        "font": {"family": "Inter, system-ui, sans-serif", "size": 13, "color": INK},
        "margin": {"l": 8, "r": 16, "t": 28, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis(x),
        "yaxis": axis(y),
    }
    return {"data": traces, "layout": layout}


def timeline(file: FileResult) -> Figure:
    """What the first judge hears in each of its windows, and how sure it is."""
    windows = file.heard.judged[0].windows
    names = list(dict.fromkeys(window.heard for window in windows))
    traces = [
        {
            "type": "bar",
            "name": as_written(name),
            "x": [(window.start + window.end) / 2 for window in windows if window.heard == name],
            "width": [window.end - window.start for window in windows if window.heard == name],
            "y": [window.probability for window in windows if window.heard == name],
            "hovertemplate": f"{as_written(name)}: %{{y:.2f}} at %{{x:.1f}} s<extra></extra>",
        }
        for name in names
    ]
    told = ", ".join(f"{window.heard} from {window.start:.3g} s" for window in windows[:12])
    return Figure(
        f"{file.name}: what is heard when",
        _plot(traces, "seconds", "probability"),
        f"What is heard when: {told}.",
        "observed",
    )


def likelihood(name: str, trace: SurrogateTrace) -> Figure:
    """How likely the surrogate finds each second."""
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [trace.start + row.second for row in trace.seconds],
        "y": [row.log_probability for row in trace.seconds],
        "line": {"color": HEARD},
        "showlegend": False,
    }
    values = [row.log_probability for row in trace.seconds]
    return Figure(
        f"{name}: how likely {trace.surrogate} finds each second",
        _plot([line], "seconds", "log-probability of a code (nats)"),
        f"Log-probability between {min(values):.2f} and {max(values):.2f} nats a code.",
        "observed",
    )
