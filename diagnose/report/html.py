"""One self-contained HTML page: the verdict, players, plots and tables, with nothing to fetch."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

import numpy as np
import plotly.graph_objects as go
import soundfile
from jinja2 import Environment, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from torch import Tensor

from ..diagnosis import Evidence
from ..result import Diagnosis
from . import plots


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.0f} %"
    environment.filters["signed"] = lambda value: f"{value:+.2f}"
    return environment


def sound_uri(waveform: Tensor, rate: int) -> str:
    """A take as a ``data:`` address, so that the page needs no other file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform.numpy(), -1.0, 1.0), rate, format="WAV", subtype="PCM_16")
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _plot(figure: go.Figure) -> Markup:
    return Markup(
        figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
    )


def render(diagnosis: Diagnosis, evidence: Evidence, labels: Sequence[str], rate: int) -> str:
    """The report as HTML. Everything that came from outside is escaped."""
    template = _environment().from_string((resources.files(__package__) / "report.html.j2").read_text(encoding="utf-8"))
    players = [
        dict(
            take=take, clean=sound_uri(evidence.takes.waveform[index], rate),
            muted=sound_uri(evidence.muted.waveform[index], rate) if evidence.muted else None,
            control=sound_uri(evidence.control.waveform[index], rate) if evidence.control else None,
        )
        for index, take in enumerate(diagnosis.takes)
    ]  # fmt: skip
    figures = dict(
        heard=_plot(plots.heard(diagnosis, evidence, labels)),
        timeline=_plot(plots.timeline(diagnosis, evidence, labels)),
        units=_plot(plots.units(diagnosis)),
    )
    if diagnosis.drivers.words:
        figures["words"] = _plot(plots.words(diagnosis))
    if diagnosis.drivers.group:
        figures["group"] = _plot(plots.group(diagnosis))
    return template.render(d=diagnosis, players=players, figures=figures, plotly=Markup(get_plotlyjs()))
