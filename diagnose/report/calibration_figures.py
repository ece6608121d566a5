"""The figures of a calibration: whether probabilities are true, and what is answered at which risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.report.figure_look import ASKED, HEARD, INK, plotted, titled
from tonescope.diagnose.report.view import Figure

if TYPE_CHECKING:
    from tonescope.diagnose.calibrating.calibrate_schema import CalibrationReport, ReliabilityBin

HEIGHT = 260


def _plot(traces: list[dict[str, Any]], x: str, y: str) -> dict[str, Any]:
    shares = {"range": [0, 1]}
    return plotted(traces, HEIGHT, titled(x) | shares, titled(y) | shares)


def _line(name: str, colour: str, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [round(x, 4) for x, _ in points],
        "y": [round(y, 4) for _, y in points],
        "line": {"color": colour, "width": 2},
    }


def reliability(report: CalibrationReport) -> Figure:
    """How often the judge is right, by how probable it says that it is."""

    def points(bins: Sequence[ReliabilityBin]) -> list[tuple[float, float]]:
        return [(each.confidence, each.accuracy) for each in bins]

    card = report.calibration
    traces = [
        _line("true", INK, [(0.0, 0.0), (1.0, 1.0)]),
        _line("before", HEARD, points(report.reliability_before)),
        _line("calibrated", ASKED, points(report.reliability)),
    ]
    return Figure(
        "Are its probabilities true?",
        _plot(traces, "probability that it gives", "share that is right"),
        f"Before, probabilities were off by {card.error_before:.3f} on average; calibrated, by {card.error_after:.3f}.",
        "observed",
    )


def coverage(report: CalibrationReport) -> Figure:
    """What share of the answers is wrong, by how many clips are answered."""
    card = report.calibration
    points = [(row.coverage, row.error) for row in report.coverage]
    traces = [
        _line("misheard", HEARD, points),
        _line(f"{card.target_error:.0%} wrong", INK, [(0.0, card.target_error), (1.0, card.target_error)]),
    ]
    last = report.coverage[-1]
    return Figure(
        "What it answers, and at which risk",
        _plot(traces, "share of clips that it answers", "share of the answers that is wrong"),
        f"Answering every clip, {last.error:.0%} are misheard; it answers from a probability of {card.threshold:.2f} "
        "on.",
        "observed",
    )
