"""A feature visualization as result and views."""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.microscope import figures, shared_technique_views
from tonescope.diagnose.microscope.feature_visualization import RealRange, Rendering, Visualized, Wish, takes_of
from tonescope.diagnose.microscope.technique_result import TechniqueEvidence, TechniqueResult, told
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.lanes import Lane
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import Made

KEPT = ("values", "penalties", "text_states", "activity")  # tensors that go into a folder
NOISY = 0.35  # flatness from which on a sound is called noise
KINDS = {"channel": "on average over the sound", "neuron": "at one moment"}
SMALL = 100  # numbers of real examples, of which no percentile finer than one in a hundred can be told


class FeatureVisualization(TechniqueResult):
    """What drives a unit. ``renderings`` are the samples, ``real`` is what it does in real takes, ``values`` how the
    objective rose, in standard deviations of that: (steps, samples)."""

    unit: str
    objective: str
    by: str
    renderings: list[Rendering]
    real: RealRange
    values: list[list[float]]


def outcome(session: Session, made: Made, wish: Wish) -> tuple[FeatureVisualization, TechniqueEvidence]:
    """Result and evidence of an artifact."""
    artifact = made.artifact
    found = Visualized.model_validate(artifact.result)
    values = artifact.tensors["values"]
    result = FeatureVisualization(
        **told(session, made, _caveats(found, wish)),
        unit=found.unit,
        objective=wish.composed or wish.kind,
        by=found.by,
        renderings=found.renderings,
        real=found.real,
        values=[[round(value, 4) for value in row] for row in values.tolist()],
    )
    evidence = TechniqueEvidence(
        {side: takes for side, takes in takes_of(artifact, wish).items()},
        {
            name: artifact.tensors[name]
            for name in ("values", "penalties", "text_states", "activity")
            if name in artifact.tensors
        },
        int(session.generator.sample_rate),
    )
    return result, evidence


def _caveats(found: Visualized, wish: Wish) -> list[str]:
    caveats = []
    if short := [row for row in found.renderings if not row.beyond]:
        caveats.append(
            f"{len(short)} of {len(found.renderings)} samples do not exceed the best real example, so they show no "
            "more of the unit than that does; more steps may."
        )
    if kept := sum(row.is_start for row in found.renderings):
        caveats.append(
            f"{kept} of {len(found.renderings)} samples are the real examples they began with: the ascent ended "
            "below them."
        )
    if found.real.numbers < SMALL:
        caveats.append(
            f"Percentiles are over {found.real.numbers} parts of takes of ordinary prompts, as long as what was made: "
            "beyond all of them is all that can be said at the top."
        )
    if noisy := [row for row in found.renderings if row.sound.flatness > NOISY]:
        caveats.append(f"{len(noisy)} of {len(found.renderings)} samples are closer to noise than to music.")
    if found.by == "prompt":
        caveats.append(
            "No prompt says what the generator read here: what it read was changed freely, from where "
            f"“{wish.prompt}” is."
        )
    return caveats


def views(found: FeatureVisualization, evidence: TechniqueEvidence) -> list[View]:
    """Everything that was found."""
    names = _names(found.renderings)
    shared = shared_technique_views
    standing = "standard deviations from its median in real takes"
    return [
        View("unit", found.unit, [(_headline(found), "observed")], depth="first", tone="open"),
        _reached(found, evidence, names),
        View("ascent", "How it was made", figures=[figures.curve(evidence.tensors["values"], names, standing)]),
        shared.numbers(names, found.renderings),
        shared_views.caveats(found.caveats),
        shared.provenance(found),
    ]


def _row(found: FeatureVisualization, at: int) -> int:
    """The row of a rendering in the set of its side."""
    return [row.side for row in found.renderings[:at]].count(found.renderings[at].side)


def _names(renderings: Sequence[Rendering]) -> list[str]:
    return [f"{row.side}, seed {row.seed}" for row in renderings]


def _headline(found: FeatureVisualization) -> str:
    parts = []
    for side in dict.fromkeys(row.side for row in found.renderings):
        rows = [row for row in found.renderings if row.side == side]
        best = max(rows, key=lambda row: row.value) if side == "positive" else min(rows, key=lambda row: row.value)
        real = found.real.most if side == "positive" else found.real.least
        compared = "beyond every real example" if best.beyond else f"beyond {best.percentile:.1f} % of real examples"
        parts.append(f"driven {_WAYS[side]} to {best.value:.3g} ({compared}; the furthest of them has {real:.3g})")
    if found.objective in KINDS:
        return f"{found.unit} is {' and '.join(parts)}, {KINDS[found.objective]}."
    how = "each in standard deviations from its median in real takes"
    return f"The means of {found.objective} together are {' and '.join(parts)}, {how}."


_WAYS = {"positive": "up", "negative": "down"}


def _reached(found: FeatureVisualization, evidence: TechniqueEvidence, names: Sequence[str]) -> View:
    rows = tuple(
        (name, f"{row.value:.3g}", f"{row.percentile:.1f}" + (" (beyond all)" if row.beyond else ""), row.heard)
        for name, row in zip(names, found.renderings, strict=True)
    )
    real = found.real
    parts = f" ({real.numbers} parts, as long as what was made)" if found.objective != "neuron" else ""
    told = (
        f"In {real.takes} takes of ordinary prompts{parts} it is between {real.least:.3g} and {real.most:.3g}, "
        f"half of them below {real.median:.3g}."
    )
    seeds = dict.fromkeys(row.seed for row in found.renderings)
    sounds = [
        [
            Sound(row.side, row.side, _row(found, at), row.heard, _lanes(found, evidence, at))
            for at, row in enumerate(found.renderings)
            if row.seed == seed
        ]
        for seed in seeds
    ]
    table = Table(("sample", "value", "percentile of real examples", "heard"), rows)
    return View("samples", "Listen", [(told, "observed")], [table], sounds=sounds, depth="first")


def _lanes(found: FeatureVisualization, evidence: TechniqueEvidence, at: int) -> tuple[Lane, ...]:
    """What is drawn over a sample: what is heard, and what the unit does when."""
    one, real = found.renderings[at], found.real
    heard = figures.heard_lane(one, evidence.seconds(one.side))
    if "activity" not in evidence.tensors:
        return (heard,)
    if found.objective not in KINDS:
        return (heard,)
    extreme = real.most if one.side == "positive" else real.least
    return heard, figures.unit_lane(found.unit, evidence.tensors["activity"][at], real.median, extreme)
