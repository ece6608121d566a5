"""A layer-by-layer map as result and views."""

from __future__ import annotations

from typing import Any

from tonescope.diagnose.microscope import figures, shared_technique_views
from tonescope.diagnose.microscope.layer_map import LayerMap, MapWish, takes_of_layers
from tonescope.diagnose.microscope.stem_probes import StemProbes
from tonescope.diagnose.microscope.stem_probes import told as stem_told
from tonescope.diagnose.microscope.technique_result import TechniqueEvidence, TechniqueResult, told
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Figure, Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import Made

SHARES = {"percussive": "percussive", "harmonic": "harmonic", "bass": "bass"}


class LayerMapResult(TechniqueResult):
    """What is heard at every depth, and which stems can be read there, if that was asked for."""

    found: LayerMap
    stems: StemProbes | None = None


def outcome(
    session: Session, made: Made, wish: MapWish, stems: Made | None = None
) -> tuple[LayerMapResult, TechniqueEvidence]:
    """Result and evidence of an artifact; ``stems`` is that of the probes."""
    found = LayerMap.model_validate(made.artifact.result)
    layers = takes_of_layers(made.artifact, wish)
    sounds = {_name(at): takes for at, takes in enumerate(layers)}
    caveats = [
        "What a layer says is read as if it were the last, which it was not trained to be: early layers may hold more "
        "than can be heard of them.",
        "Every layer is heard on the past of the finished take, so what comes early in a layer was helped by it.",
    ]
    probes = StemProbes.model_validate(stems.artifact.result) if stems is not None else None
    if probes is not None:
        caveats.append(
            "Probes tell what is in a layer’s state, not that the model makes use of it; the state may hold what came "
            "before as well, and the spectrum of the same half second does not."
        )
    result = LayerMapResult(**told(session, made, caveats), found=found, stems=probes)
    return result, TechniqueEvidence(sounds, rate=int(session.generator.sample_rate))


def _name(layer: int) -> str:
    return f"layer {layer}"


def views(result: LayerMapResult, evidence: TechniqueEvidence) -> list[View]:
    """Everything that was found."""
    found, shared = result.found, shared_technique_views
    takes = len(evidence.sounds[_name(0)])
    sounds = [
        [Sound(_name(layer.layer), _name(layer.layer), take, layer.heard) for layer in found.layers]
        for take in range(takes)
    ]
    rows = tuple(
        (
            str(layer.layer),
            layer.heard,
            f"{layer.posterior[found.heard]:.2f}",
            f"{layer.like_the_take:.2f}",
            f"{layer.sound.percussive:.2f}",
            f"{layer.sound.bass:.2f}",
            f"{layer.sound.flatness:.2f}",
        )
        for layer in found.layers
    )
    columns = ("layer", "heard", found.heard, "as the take", "percussive", "bass", "flatness")
    table = Table(columns, rows, kinds=("text", "text", "share", "text", "text", "text", "text"))
    return [
        View("map", f"“{found.prompt}”", [(_headline(found), "observed")], depth="first", tone="open"),
        View("layers", "Layer by layer", [(_built(found), "observed")], [table], sounds=sounds, depth="first"),
        View("figures", "What is heard, and what it is made of", figures=[_heard(found), _made_of(found)]),
        *([_stems(result.stems)] if result.stems is not None else []),
        shared_views.caveats(result.caveats),
        shared.provenance(result),
    ]


def _headline(found: LayerMap) -> str:
    last, agree = len(found.layers) - 1, f"in {found.agree} of {found.takes} takes"
    if found.decided == last:
        return f"{found.heard} is heard only after the last layer, {last}, {agree}."
    return f"{found.heard} is heard from layer {found.decided} of {last} on, {agree}."


def _stems(found: StemProbes) -> View:
    rows = tuple((one.stem, *(layer.told for layer in one.layers), one.sound.told) for one in found.stems)
    columns = ("stem", *(f"layer {at}" for at in range(len(found.stems[0].layers))), "the sound alone")
    how = (
        f"Of {found.windows:,} windows of {found.seconds:g} s in {found.pieces} composed pieces, how many a linear "
        "probe tells rightly in pieces that it was not fitted on; windows with the stem and without count alike, so "
        "chance is 50 %. In brackets, 95 % intervals over pieces."
    )
    told: list[Any] = [(stem_told(one), "observed") for one in found.stems]
    return View("stems", "Which stems can be read where", [*told, (how, None)], [Table(columns, rows)], depth="first")


def _built(found: LayerMap) -> str:
    return (
        f"Shares of percussive and bass energy are those of the whole from layer {found.built} on; "
        f"layer 0 draws {100 * found.layers[0].like_the_take:.0f} % of the take as it is."
    )


def _heard(found: LayerMap) -> Figure:
    values = [layer.posterior[found.heard] for layer in found.layers]
    same = [layer.like_the_take for layer in found.layers]
    told = f"{found.heard} goes from {values[0]:.2f} at layer 0 to {values[-1]:.2f} at the last."
    series = {found.heard: values, "drawn as the take": same}
    return figures.lines("What is heard", series, "layer", "probability, share", told, range=[-0.02, 1.02])


def _made_of(found: LayerMap) -> Figure:
    series = {name: [float(getattr(layer.sound, key)) for layer in found.layers] for key, name in SHARES.items()}
    told = ", ".join(f"{name} from {values[0]:.2f} to {values[-1]:.2f}" for name, values in series.items())
    return figures.lines("What it is made of", series, "layer", "share of energy", f"{told}.", range=[-0.02, 1.02])
