"""A text visualization as result and views."""

from __future__ import annotations

from tonescope.diagnose.microscope import shared_technique_views
from tonescope.diagnose.microscope.technique_result import TechniqueEvidence, TechniqueResult, told
from tonescope.diagnose.microscope.text_visualization import TextVisualized
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.artifacts import WAVEFORM, Made

BEST = "best"
SCANNED = 24  # words whose estimate is shown


class WordsResult(TechniqueResult):
    """Which words and prompts drive a unit."""

    found: TextVisualized


def outcome(session: Session, made: Made) -> tuple[WordsResult, TechniqueEvidence]:
    """Result and evidence of an artifact."""
    artifact = made.artifact
    found = TextVisualized.model_validate(artifact.result)
    about = told(session, made, _caveats(found))
    about["asked"] = {**about["asked"], "words": f"{len(found.scanned)} words"}
    result = WordsResult(**about, found=found)
    sounds = {}
    if WAVEFORM in artifact.tensors:
        count = len(artifact.tensors[WAVEFORM])
        sounds[BEST] = artifact.takes([found.best.prompt] * count, [one.seed for one in found.heard])
    return result, TechniqueEvidence(sounds, rate=int(session.generator.sample_rate))


def _caveats(found: TextVisualized) -> list[str]:
    caveats = []
    if found.guided:
        caveats.append(
            "Words were estimated in replays of neutral takes, in which the past is fixed; what is told of the first "
            "ones was measured in takes on other noise, and of the best in more of them, which did not choose it."
        )
    if found.best.difference is not None and not found.sure:
        caveats.append("Even the best word does not surely drive the unit more than a neutral prompt does.")
    return caveats


def views(result: WordsResult, evidence: TechniqueEvidence) -> list[View]:
    """Everything that was found."""
    found = result.found
    rows = tuple(
        (
            row.prompt,
            f"{row.response:.3g}",
            "" if row.difference is None else f"{row.difference:.3g}",
            "" if row.q is None else f"{row.q:.2g}",
            f"{row.estimated:.3g}",
            "searched" if row.searched else "scanned",
        )
        for row in found.driven
    )
    table = Table(("words", "response", "more than neutral", "q", "estimated", "by"), rows)
    sounds = []
    if BEST in evidence.sounds:
        sounds = [[Sound(f"take {one.seed}", BEST, at, one.heard) for at, one in enumerate(found.heard)]]
    scanned = tuple((word, f"{value:.3g}") for word, value in found.scanned[:SCANNED])
    rounds = tuple((str(at), prompt, f"{value:.3g}") for at, (prompt, value) in enumerate(found.rounds))
    shown = [
        View("unit", found.unit, [(_headline(found), "observed")], depth="first", tone="open"),
        View("words", "What was measured", [(_neutral(found), "observed")], [table], sounds=sounds, depth="first"),
        View("search", "How it was searched", tables=[Table(("round", "prompt", "estimated"), rounds)]),
        View("scan", "All words", tables=[Table(("word", "estimated"), scanned, lead=8)]),
        shared_views.caveats(result.caveats),
        shared_technique_views.provenance(result),
    ]
    return [view for view in shown if view.key != "scan" or found.scanned]


def _headline(found: TextVisualized) -> str:
    best = found.best
    beyond = (
        f", more than {found.percentile:.1f} % of takes of ordinary prompts" if found.percentile is not None else ""
    )
    sure = " (sure)" if found.sure else ""
    again = ", in takes that did not choose it" if best.difference is not None else ""
    return f"“{best.prompt}” drives {found.unit} most: to {best.response:.3g}{beyond}{again}{sure}."


def _neutral(found: TextVisualized) -> str:
    best = found.best
    beside = f" on the same noise, a difference of {best.difference:.3g}" if best.difference is not None else ""
    return f"A neutral prompt (“music”) brings it to {found.neutral:.3g}{beside}."
