"""The figures of a listening: what is heard over time, and what a surrogate finds likely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report.figure_look import HEARD, as_written, plotted, titled
from tonescope.diagnose.report.view import Figure

if TYPE_CHECKING:
    from tonescope.diagnose.elsewhere.listen_schema import FileResult, SurrogateTrace

HEIGHT = 240


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
        plotted(traces, HEIGHT, titled("seconds"), titled("probability")),
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
        plotted([line], HEIGHT, titled("seconds"), titled("log-probability of a code (nats)")),
        f"Log-probability between {min(values):.2f} and {max(values):.2f} nats a code.",
        "observed",
    )
