"""Figures of rendered sound: what it looks like, how the ascent went, what happens layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torchaudio
from torch import Tensor

from tonescope.diagnose.report.plots import ASKED, CONTROL, GRID, HEARD, INK, as_written
from tonescope.diagnose.report.view import Figure

if TYPE_CHECKING:
    from tonescope.diagnose.schema import Badge

BANDS, MOST_COLUMNS = 48, 160
FLOOR_DB = -60.0
COLOURS = (HEARD, ASKED, CONTROL, "#7b5ea7", "#3d7dca", "#b0832b")


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


def picture(title: str, waveform: Tensor, rate: int, badge: Badge = "observed") -> Figure:
    """The mel spectrogram of (samples,), in dB below its loudest point."""
    size = int(2 ** max(5, round(float(torch.tensor(rate * 0.064).log2()))))
    hop = max(size // 4, -(-len(waveform) // MOST_COLUMNS))
    mel = torchaudio.transforms.MelSpectrogram(rate, n_fft=size, hop_length=hop, n_mels=min(BANDS, size // 8))
    power = mel(torch.nn.functional.pad(waveform, (0, max(0, size - len(waveform)))))
    level = 10 * torch.log10(power.clamp_min(1e-10))
    level = (level - level.max()).clamp_min(FLOOR_DB)
    heat = {
        "type": "heatmap",
        "z": [[round(value) for value in row] for row in level.tolist()],
        "x": [round(column * hop / rate, 3) for column in range(level.shape[1])],
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": "dB"}, "thickness": 12},
        "hovertemplate": "%{x} s, band %{y}: %{z} dB<extra></extra>",
    }
    loud = int(level.mean(1).argmax()) + 1
    told = f"{len(waveform) / rate:.1f} s of sound; band {loud} of {len(level)}, counted from the lowest, is loudest."
    return Figure(title, _plot([heat], 240, "seconds", "mel band"), told, badge)


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
