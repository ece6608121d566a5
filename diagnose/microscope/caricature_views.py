"""A caricature as result and views."""

from __future__ import annotations

from statistics import fmean

from tonescope.diagnose.microscope import figures, shared_technique_views
from tonescope.diagnose.microscope.caricature import Caricature
from tonescope.diagnose.microscope.microscope import NEUTRAL
from tonescope.diagnose.microscope.shared_technique_views import times
from tonescope.diagnose.microscope.technique_result import TechniqueEvidence, TechniqueResult, told
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import Made
from tonescope.models.generator import Takes


class CaricatureResult(TechniqueResult):
    """A caricature: ``found``, and how the objective rose (``values``: steps, samples)."""

    found: Caricature
    values: list[list[float]]


def outcome(session: Session, made: Made) -> tuple[CaricatureResult, TechniqueEvidence]:
    """Result and evidence of an artifact."""
    artifact = made.artifact
    found = Caricature.model_validate(artifact.result)
    seeds = [sample.seed for sample in found.samples]
    clip = Takes((NEUTRAL,), (seeds[0],), {}, artifact.tensors["clip"])
    values = artifact.tensors["values"]
    result = CaricatureResult(
        **told(session, made, _caveats(found)),
        found=found,
        values=[[round(value, 4) for value in row] for row in values.tolist()],
    )
    sounds = {"clip": clip, "caricature": artifact.takes([NEUTRAL] * len(seeds), seeds)}
    return result, TechniqueEvidence(sounds, {"values": values}, int(session.generator.sample_rate))


def _caveats(found: Caricature) -> list[str]:
    best = max(found.others)
    if all(sample.likeness > best for sample in found.samples):
        return []
    return [
        "Some real take that has nothing to do with the clip is as like it at this location as a sample is: the "
        "location says little about the clip, or the ascent was too short."
    ]


def views(result: CaricatureResult, evidence: TechniqueEvidence) -> list[View]:
    """Everything that was found."""
    found, shared = result.found, shared_technique_views
    names = ["clip", *(f"caricature, seed {sample.seed}" for sample in found.samples)]
    clip, seconds = (figures.heard_lane(found.clip, evidence.seconds("clip")),), evidence.seconds("caricature")
    sounds = [
        [
            Sound("clip", "clip", 0, found.clip.heard, clip),
            Sound("caricature", "caricature", row, sample.heard, (figures.heard_lane(sample, seconds),)),
        ]
        for row, sample in enumerate(found.samples)
    ]
    rows = tuple(
        (name, f"{sample.likeness:.2f}", f"{sample.exaggeration:.2f}", sample.heard)
        for name, sample in zip(names[1:], found.samples, strict=True)
    )
    table = Table(("sample", "likeness", "exaggeration", "heard"), rows)
    others = f"Real takes that have nothing to do with it have a likeness of {fmean(found.others):.2f} on average."
    return [
        View("caricature", found.location, [(_headline(found), "observed")], depth="first", tone="open"),
        View("samples", "Listen", [(others, "observed")], [table], sounds=sounds, depth="first"),
        View(
            "ascent",
            "How it was made",
            figures=[figures.curve(evidence.tensors["values"], names[1:], "resemblance, where the clip has 10")],
        ),
        shared.numbers(names, [found.clip, *found.samples]),
        shared_views.caveats(result.caveats),
        shared.provenance(result),
    ]


def _headline(found: Caricature) -> str:
    best = max(found.samples, key=lambda sample: sample.exaggeration)
    return (
        f"The caricature goes {times(best.exaggeration)} as far the clip's way at {found.location} as the clip itself, "
        f"with a likeness of {best.likeness:.2f}; the clip is heard as {found.clip.heard}, "
        f"the caricature as {best.heard}."
    )
