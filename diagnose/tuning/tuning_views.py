"""Tuning curves of one unit as result and views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.figure_look import COLOURS, as_written, plotted, titled
from tonescope.diagnose.report.view import Figure, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Source
from tonescope.diagnose.stats import BELIEVED, adjusted
from tonescope.diagnose.store import provenance
from tonescope.diagnose.tuning.curve_statistics import Curves, Telling, concepts_of
from tonescope.diagnose.tuning.own_stimulus import OwnStimulus
from tonescope.models.units import Unit

SCHEMA_VERSION = "1.0"
TOLD_AUC = 0.8  # from which on a unit is said to tell a concept
DIGITS = 5


class PointRow(BaseModel):
    """One value of a family: the mean response over instances, with its 95 % interval."""

    value: float | str
    mean: float
    low: float
    high: float


class CurveRow(BaseModel):
    """One family.

    ``selectivity`` is the share of variance that the value explains (ω²), ``by_hand``, the share that features made by
    hand explain, both beside what instances have in common; ``q`` is over the families. ``concept`` is what the unit
    tells best in half of the instances: ``chosen_by`` is how well there, and ``chosen_apart``, how far apart it is, in
    standard deviations. ``auc`` is how well it does in the others, ``auc_q``, that this is chance, over the families,
    and ``auc_by_hand``, the best feature.
    """

    family: str
    unit: str
    scale: str
    points: list[PointRow]
    preferred: float | str
    selectivity: float
    q: float
    by_hand: float
    concept: str
    chosen_by: float
    chosen_apart: float
    auc: float
    auc_q: float
    auc_by_hand: float


class TuningResult(BaseModel):
    """What a unit responds to."""

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    unit: str
    dead: bool
    instances: int
    seconds: float
    seed: int
    curves: list[CurveRow]
    own: list[OwnStimulus]
    caveats: list[str]
    timings: dict[str, float] = {}


def rows_of(curves: Sequence[Curves], unit: int) -> list[CurveRow]:
    """The curves of one unit, the most selective first."""
    alone = [_alone(one, unit) for one in curves]
    tellings = [one.telling() for one in alone]
    qs = adjusted([float(one.p[0]) for one in alone])
    auc_qs = adjusted([float(each.p[0]) for each in tellings])
    rows = [
        _row(one, telling, float(q or 0.0), float(auc_q or 0.0))
        for one, telling, q, auc_q in zip(alone, tellings, qs, auc_qs, strict=True)
    ]
    return sorted(rows, key=lambda row: (row.q >= BELIEVED, -row.selectivity))


def _row(one: Curves, telling: Telling, q: float, auc_q: float) -> CurveRow:
    """Of the curves of one unit alone."""
    family = one.family
    concept = concepts_of(family)[int(telling.concept[0])]
    return CurveRow(
        family=family.name,
        unit=family.unit,
        scale=family.scale,
        points=[
            PointRow(
                value=value,
                mean=round(float(mean), DIGITS),
                low=round(float(mean - half), DIGITS),
                high=round(float(mean + half), DIGITS),
            )
            for value, mean, half in zip(family.values, one.mean[:, 0], one.half[:, 0], strict=True)
        ],
        preferred=family.values[int(one.preferred[0])],
        selectivity=round(float(one.selectivity[0]), 4),
        q=q,
        by_hand=round(float(one.explained_by_hand[0]), 4),
        concept=concept.name,
        chosen_by=round(float(telling.chosen_by[0]), 4),
        chosen_apart=round(float(one.separation_of(concept, 0)[0]), 3),
        auc=round(float(telling.auc[0]), 4),
        auc_q=auc_q,
        auc_by_hand=round(float(telling.by_hand[0]), 4),
    )


def _alone(curves: Curves, unit: int) -> Curves:
    return Curves(curves.family, curves.responses[:, :, unit : unit + 1], curves.features)


def is_dead(curves: Sequence[Curves], unit: int) -> bool:
    """Whether a unit responds alike to everything."""
    spans = [float(np.ptp(one.responses[:, :, unit])) for one in curves]
    usual = [float(np.median(np.ptp(one.responses, axis=(0, 1)))) for one in curves]
    return bool(spans) and max(spans) <= 1e-3 * max(max(usual), 1e-12)


def result_of(
    session: Session, unit: Unit, curves: Sequence[Curves], own: Sequence[OwnStimulus], wish: Mapping[str, Any]
) -> TuningResult:
    """The result."""
    return TuningResult(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(session.generator),
        judge=provenance.of_judge(session.judge),
        unit=str(unit),
        dead=is_dead(curves, unit.index),
        curves=rows_of(curves, unit.index),
        own=list(own),
        caveats=_caveats(unit, curves),
        **wish,
    )


def _caveats(unit: Unit, curves: Sequence[Curves]) -> list[str]:
    caveats = [
        "Stimuli are synthetic and simple: what a unit does in music is shown by its examples (tonescope show).",
    ]
    if unit.location.site.causal and any(one.family.needs == "sound" for one in curves):
        caveats.append(
            "What plays was given these sounds as if it had played them; it read “music” meanwhile. What it does when "
            "it plays by itself, prompt words show."
        )
    return caveats


# --- views ------------------------------------------------------------------------------------------------------------


def views(found: TuningResult) -> list[View]:
    """Everything that was found."""
    shown = [View("unit", found.unit, [(_headline(found), "observed")], depth="first", tone="open")]
    if found.own:
        shown.append(own_view(found.own))
    if not found.dead:
        shown.append(curves_view(found.curves, depth="first"))
    return [*shown, shared_views.caveats(found.caveats), _provenance(found)]


def _headline(found: TuningResult) -> str:
    if found.dead:
        return f"{found.unit} is dead here: it responds alike to all stimuli of {len(found.curves)} families."
    if not found.curves:
        return f"{found.unit} was given no stimuli of families."
    return f"{found.unit} {told_of(found.curves)}"


def told_of(curves: Sequence[CurveRow]) -> str:
    """What a unit responds to, as a sentence that goes on from its name: the family that it tells best where concepts
    were chosen, if it tells it in the other instances as well."""
    sure = [row for row in curves if row.q < BELIEVED]
    telling = max(curves, key=lambda row: (row.chosen_by, row.chosen_apart), default=None)
    if telling is None or telling.auc < TOLD_AUC or telling.auc_q >= BELIEVED:
        most = f" (the most to {sure[0].family}, {100 * sure[0].selectivity:.0f} % of its variance)" if sure else ""
        return f"responds to {len(sure)} of {len(curves)} families and tells nothing in them apart surely{most}."
    beside = "more than" if telling.auc > telling.auc_by_hand else "no better than"
    return (
        f"tells “{telling.concept}” apart in {100 * telling.auc:.0f} % of pairs of sounds that it was not chosen on, "
        f"{beside} the best feature made by hand ({100 * telling.auc_by_hand:.0f} %)."
    )


def curves_view(curves: Sequence[CurveRow], depth: Any = "details") -> View:
    """Curves as table and figures."""
    rows = tuple(
        (
            row.family,
            _named(row.preferred, row),
            f"{row.selectivity:.2f}",
            f"{row.by_hand:.2f}",
            f"{row.q:.2g}",
            row.concept,
            f"{row.auc:.2f}",
            f"{row.auc_by_hand:.2f}",
        )
        for row in curves
    )
    columns = ("family", "prefers", "selectivity", "by hand", "q", "tells", "AUC", "AUC by hand")
    table = Table(columns, rows, kinds=("text", "text", "share", "share", *("text",) * 4), lead=8)
    how = (
        "Selectivity is the share of variance beside what instances have in common that the value explains; by hand, "
        "the share of the same that ten features made by hand explain. AUC is over instances that the concept was not "
        "chosen on."
    )
    return View("curves", "What it responds to", [(how, None)], [table], [_figure(row) for row in curves], depth=depth)


def _named(value: float | str, row: CurveRow) -> str:
    return str(value) if row.scale == "category" else f"{value:g} {row.unit}"


def _figure(row: CurveRow) -> Figure:
    names = [str(point.value) if isinstance(point.value, str) else f"{point.value:g}" for point in row.points]
    means = [point.mean for point in row.points]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": means,
        "y": [as_written(name) for name in names],
        "error_x": {"type": "data", "array": [round(point.high - point.mean, DIGITS) for point in row.points]},
        "marker": {"color": COLOURS[0]},
        "name": "mean response",
    }
    order = {"categoryarray": [as_written(name) for name in reversed(names)], "type": "category"}
    plot = plotted([trace], 60 + 22 * len(names), titled("mean response"), order, above=8)
    best = names[int(np.argmax(means))]
    told = f"{row.family} in {row.unit}: the most at {best} ({max(means):.3g}), the least {min(means):.3g}."
    return Figure(f"{row.family[:1].upper()}{row.family[1:]} ({row.unit})", plot, told, "observed")


def own_view(own: Sequence[OwnStimulus]) -> View:
    """One's own stimuli."""
    told = []
    for one in own:
        more = f", more than {one.percentile:.1f} % of the stimuli" if one.percentile is not None else ""
        at = f"; the most, {one.peak:.3g}, at {one.second:.2f} s" if one.peak is not None else ""
        what = f"{one.takes} takes of “{one.name}”" if one.kind == "prompt" and one.takes > 1 else f"“{one.name}”"
        told.append((f"In {what} it does {one.response:.3g} on average{more}{at}.", "observed"))
    return View("own", "Your own stimulus", told, depth="first")  # type: ignore[arg-type]


def _provenance(found: TuningResult) -> View:
    told = [
        f"{found.model.name} ({found.model.description}); {found.judge.name} ({found.judge.description}).",
        f"{found.instances} instances of {found.seconds:g} s of every value, drawn from seed {found.seed} on.",
        f"Made on {found.made} with {', '.join(f'{name} {number}' for name, number in found.versions.items())}.",
        *(f"The same again{_where(one)}: {one.address}" for one in found.own if one.address),
    ]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")


def _where(one: OwnStimulus) -> str:
    return ", where its clip lies" if one.kind == "clip" else ""
