"""The look that all figures share, as plotly's dictionaries.

Backgrounds are transparent and ink is grey, so that a figure can be read on light and on dark pages. Titles stand
outside, where they wrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

HEARD, ASKED, CONTROL, INK = "#e4572e", "#17807e", "#9aa0a6", "#737a82"
GRID = "rgba(128, 136, 144, 0.25)"
COLOURS = (HEARD, ASKED, CONTROL)
"""Of series that have no colour of their own, in turn."""
ABOVE = 28  # pixels for a legend


def as_written(text: str) -> str:
    """Text as it is: plotly would read tags in it."""
    return escape(text, quote=False)


def titled(text: str) -> dict[str, Any]:
    """What is an axis' own: its title."""
    return {"title": {"text": text, "font": {"size": 13}}}


def plotted(
    traces: Sequence[dict[str, Any]],
    height: int,
    xaxis: dict[str, Any],
    yaxis: dict[str, Any],
    *,
    above: int = ABOVE,
) -> dict[str, Any]:
    """Traces with the look that all figures share.

    Args:
        traces: what is drawn.
        height: of the figure, in pixels.
        xaxis, yaxis: what is their own.
        above: pixels over the drawing.
    """
    axis = {"gridcolor": GRID, "zerolinecolor": INK, "automargin": True}
    layout = {
        "height": height,
        "font": {"family": "Inter, system-ui, sans-serif", "size": 13, "color": INK},
        "margin": {"l": 8, "r": 16, "t": above, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
        "xaxis": axis | xaxis,
        "yaxis": axis | yaxis,
        "barcornerradius": 3,
    }
    return {"data": list(traces), "layout": layout}
