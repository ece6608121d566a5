"""A dream as result and views."""

from __future__ import annotations

from tonescope.diagnose.microscope import figures, shared_technique_views
from tonescope.diagnose.microscope.deep_dream import Dreamt
from tonescope.diagnose.microscope.microscope import NEUTRAL, Heard
from tonescope.diagnose.microscope.shared_technique_views import times
from tonescope.diagnose.microscope.technique_result import TechniqueEvidence, TechniqueResult, told
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import Made
from tonescope.models.generator import Takes

STARTS = {"clip": "the clip", "neutral": f"what is played for “{NEUTRAL}”", "noise": "noise"}


class Dream(TechniqueResult):
    """What a location dreams: ``found``, and how the energy there rose over all octaves (``values``)."""

    found: Dreamt
    values: list[float]


def outcome(session: Session, made: Made) -> tuple[Dream, TechniqueEvidence]:
    """Result and evidence of an artifact."""
    artifact = made.artifact
    found = Dreamt.model_validate(artifact.result)
    seed = found.before.seed
    after = artifact.takes([NEUTRAL], [seed])
    before = Takes((NEUTRAL,), (seed,), {}, artifact.tensors["before"])
    result = Dream(
        **told(session, made, _caveats(found, str(artifact.recipe.parameters["start"]))),
        found=found,
        values=[round(value, 4) for value in artifact.tensors["values"][:, 0].tolist()],
    )
    sounds = {"before": before, "after": after}
    return result, TechniqueEvidence(sounds, {"values": artifact.tensors["values"]}, int(session.generator.sample_rate))


def _caveats(found: Dreamt, start: str) -> list[str]:
    caveats = []
    if start == "neutral":
        caveats.append(f"This is one take, of seed {found.before.seed}: another seed may show another default.")
    if found.energy_after <= found.energy_before:
        caveats.append(
            "No more goes on at the location than before: a dream of more steps or strength may get further."
        )
    return caveats


def views(result: Dream, evidence: TechniqueEvidence) -> list[View]:
    """Everything that was found."""
    found, shared = result.found, shared_technique_views
    names, heard = ["before", "after"], [found.before, found.after]
    lanes = [(figures.heard_lane(one, evidence.seconds(name)),) for name, one in zip(names, heard, strict=True)]
    sounds = [[Sound(names[at], names[at], 0, heard[at].heard, lanes[at]) for at in range(2)]]
    energy = "energy, where real takes have 10"
    return [
        View("dream", found.location, [(_headline(result), "observed")], depth="first", tone="open"),
        View("sounds", "Listen", [(_heard(found.before, found.after), "observed")], sounds=sounds, depth="first"),
        View("ascent", "How it was made", figures=[figures.curve(evidence.tensors["values"], ["dream"], energy)]),
        shared.numbers(names, heard),
        shared_views.caveats(result.caveats),
        shared.provenance(result),
    ]


def _headline(result: Dream) -> str:
    found, start = result.found, STARTS[str(result.asked["start"])]
    return (
        f"From {start}: {times(found.energy_after)} as much goes on at {found.location} as in real takes, "
        f"{times(found.energy_before)} before; the change is {found.changed_db:+.0f} dB beside the sound."
    )


def _heard(before: Heard, after: Heard) -> str:
    if before.heard == after.heard:
        return f"{after.heard} is heard before ({before.probability:.2f}) and after ({after.probability:.2f})."
    return f"{before.heard} ({before.probability:.2f}) becomes {after.heard} ({after.probability:.2f})."
