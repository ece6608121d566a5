"""The figures of a diagnosis, drawn once for the page and for the report."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from tonescope.diagnose.jobs.diagnosis import Evidence
from tonescope.diagnose.schema import Diagnosis, Trial
from tonescope.diagnose.stats import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

HEARD, ASKED, CONTROL, INK = "#e4572e", "#17807e", "#9aa0a6", "#20242a"
FAINT, UNSURE = "#f3b49f", "#c9a79c"  # estimated; tested, and not sure
_FONT = dict(family="Inter, system-ui, sans-serif", size=13, color=INK)


def _plain(text: str) -> str:
    """Text as it is: plotly would read tags in it."""
    return escape(text, quote=False)


def _figure(title: str, height: int, x: str = "", y: str = "") -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        title=dict(text=title, x=0, font=dict(size=15)), height=height, font=_FONT, margin=dict(l=8, r=16, t=44, b=40), paper_bgcolor="white", plot_bgcolor="white",
        legend=dict(orientation="h", yanchor="bottom", y=1.0, xanchor="right", x=1.0), xaxis=dict(title=x, gridcolor="#eceff1", zerolinecolor="#b0b6bb", automargin=True),
        yaxis=dict(title=y, gridcolor="#eceff1", zerolinecolor="#b0b6bb", automargin=True), barcornerradius=3,
    )  # fmt: skip
    return figure


def _errors(effects: Sequence[Effect]) -> dict[str, object]:
    """Error bars for plotly; effects without an interval get none."""
    up = [effect.interval.high - effect.mean if effect.interval else 0.0 for effect in effects]
    return dict(type="data", array=up, color="#555", thickness=1, width=3)


def heard(diagnosis: Diagnosis, evidence: Evidence, labels: Sequence[str], shown: int = 7) -> go.Figure:
    """Probability of each genre: the mean as a bar, every take as a dot."""
    mean = evidence.posterior.mean(0)
    best = mean.argsort(descending=True)[:shown].tolist()
    if diagnosis.intended.label in labels and labels.index(diagnosis.intended.label) not in best:
        best[-1] = labels.index(diagnosis.intended.label)
    best.reverse()
    colours = [
        ASKED if labels[index] == diagnosis.intended.label else HEARD if labels[index] == diagnosis.perceived.label else CONTROL
        for index in best
    ]  # fmt: skip
    names = [_plain(labels[index]) for index in best]
    figure = _figure("What is heard (observed)", 90 + 30 * len(best), x="probability")
    figure.add_bar(
        y=names,
        x=[float(mean[index]) for index in best],
        orientation="h",
        marker_color=colours,
        name="mean",
        showlegend=False,
    )
    for index, name in zip(best, names, strict=True):
        figure.add_scatter(
            y=[name] * len(evidence.posterior), x=evidence.posterior[:, index].tolist(), mode="markers", marker=dict(color=INK, size=6, opacity=0.55), showlegend=False,
            hovertemplate="take %{customdata}: %{x:.2f}<extra></extra>", customdata=[take.seed for take in diagnosis.takes],
        )  # fmt: skip
    figure.update_xaxes(range=[0, 1.02])
    return figure


def timeline(diagnosis: Diagnosis, evidence: Evidence, labels: Sequence[str]) -> go.Figure:
    """Probability of the label of the question, and of what it is held against, over time, with the range over takes."""
    figure = _figure("Heard over time (observed)", 280, x="seconds", y="probability")
    times = evidence.timeline.centres
    asked = diagnosis.contrast
    heard = evidence.timeline.posterior[:, :, labels.index(asked.target)]
    other = evidence.timeline.posterior[:, :, labels.index(asked.foil)] if asked.foil else 1 - heard
    for name, rows, colour in ((asked.target, heard, HEARD), (asked.other, other, ASKED)):
        low, high = rows.min(1).values.tolist(), rows.max(1).values.tolist()
        figure.add_scatter(
            x=[*times, *times[::-1]],
            y=[*high, *low[::-1]],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line=dict(width=0),
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=times,
            y=rows.mean(1).tolist(),
            mode="lines+markers",
            line=dict(color=colour, width=2.5),
            name=_plain(name),
        )
    figure.update_yaxes(range=[0, 1.02])
    return figure


def _change(diagnosis: Diagnosis) -> str:
    return _plain(f"change of “{diagnosis.contrast.target}” over “{diagnosis.contrast.other}”")


def _effects(
    title: str, names: list[str], series: list[tuple[str, list[Effect | None], str]], diagnosis: Diagnosis
) -> go.Figure:
    names = [_plain(name) for name in names]
    figure = _figure(title, 110 + 34 * len(names), x=f"{_change(diagnosis)} without it")
    for name, effects, colour in series:
        known = [(label, effect) for label, effect in zip(names, effects, strict=True) if effect is not None]
        figure.add_bar(
            y=[label for label, _ in known],
            x=[effect.mean for _, effect in known],
            error_x=_errors([effect for _, effect in known]),
            orientation="h",
            name=name,
            marker_color=colour,
            offsetgroup="estimated" if colour == FAINT else "played",
        )
    figure.update_yaxes(autorange="reversed")
    return figure


def words(diagnosis: Diagnosis) -> go.Figure:
    """Each word's effect, estimated and (where it was left out) tested."""
    rows = diagnosis.drivers.words[: max(10, sum(row.verified is not None for row in diagnosis.drivers.words))]
    series: list[tuple[str, list[Effect | None], str]] = [
        ("estimated", [row.estimated for row in rows], FAINT), *_played([row.verified for row in rows], "left out"),
    ]  # fmt: skip
    # Bars of equal names would fall on each other: a word that comes again gets its place in the prompt.
    often = Counter(row.word for row in rows)
    names = [row.word if often[row.word] == 1 else f"{row.word} (letter {row.start + 1})" for row in rows]
    return _effects("Words", names, series, diagnosis)


def units(diagnosis: Diagnosis) -> go.Figure:
    """The strongest units' effects one by one: estimated, and tested where they were muted alone."""
    rows = diagnosis.drivers.units
    series: list[tuple[str, list[Effect | None], str]] = [("estimated", [row.estimated for row in rows], FAINT)]
    series += _played([row.verified for row in rows], "muted alone")
    return _effects("Strongest units, one by one", [row.unit for row in rows], series, diagnosis)


def group(diagnosis: Diagnosis) -> go.Figure:
    """Muting the strongest units together: estimated and tested, beside random units."""
    test = diagnosis.drivers.group
    assert test is not None
    figure = _figure(
        f"Muting the {test.units} strongest units together",
        240,
        x=_change(diagnosis),
    )
    names = ["estimated", test.badge, f"{test.control_units} random units"]
    effects = [test.estimated, test.muted.effect, test.control.effect]
    figure.add_bar(
        y=names,
        x=[effect.mean for effect in effects],
        error_x=_errors(effects),
        orientation="h",
        marker_color=[FAINT, HEARD if test.convincing else UNSURE, CONTROL],
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed")
    return figure


def doses(diagnosis: Diagnosis) -> go.Figure | None:
    """What the same units do at other strengths, what is not sure in paler dots; ``None`` where that was not measured."""
    test = diagnosis.drivers.group
    if test is None or not test.doses:
        return None
    still = (1.0, Effect(mean=0.0, interval=None, takes=0))
    played = {dose.scale: dose.trial for dose in test.doses}
    controls = [(dose.scale, dose.control.effect) for dose in test.doses if dose.control]
    points = sorted([(scale, trial.effect) for scale, trial in played.items()] + [still])
    colours = [UNSURE if scale in played and played[scale].badge == "tested" else HEARD for scale, _ in points]
    figure = _figure(
        "The same units turned down and up (tested)", 280, x="strength (1: as generated)",
        y=_change(diagnosis).replace(" over ", "<br>over ", 1),
    )  # fmt: skip
    for name, some, colour, marks in (
        ("random units", sorted([*controls, still]) if controls else [], CONTROL, CONTROL),
        ("strongest units", points, UNSURE, colours),
    ):
        figure.add_scatter(
            x=[scale for scale, _ in some], y=[effect.mean for _, effect in some], error_y=_errors([effect for _, effect in some]), name=name,
            mode="lines+markers", line=dict(color=colour, width=2), marker=dict(color=marks, size=9), showlegend=bool(controls),
        )  # fmt: skip
    return figure


def _played(trials: Sequence[Trial | None], how: str) -> list[tuple[str, list[Effect | None], str]]:
    """Trials as series of bars, those that are sure apart from the others."""
    series = []
    for badge, colour in (("verified", HEARD), ("tested", UNSURE)):
        effects = [trial.effect if trial and trial.badge == badge else None for trial in trials]
        if any(effects):
            series.append((f"{how}: {badge}{', not sure' if badge == 'tested' else ''}", effects, colour))
    return series
