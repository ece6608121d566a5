"""Findings made up for tests: what is heard in a file, and files."""

from __future__ import annotations

from typing import Any

from tonescope.diagnose.elsewhere.listen_schema import (
    FileResult,
    Heard,
    Judged,
    KeyRow,
    LoudnessRow,
    RepetitionRow,
    Tagged,
    TempoRow,
    WindowRow,
)
from tonescope.diagnose.stats import share


def judged(heard: str = "house", probability: float = 0.9, judge: str = "judge") -> Judged:
    rest = (1 - probability) / 2
    return Judged(
        judge=judge,
        heard=heard,
        probability=probability,
        median=probability,
        steady=share(2, 2),
        probabilities={"house": rest, "smooth jazz": rest, "jazz fusion": rest, heard: probability},
        windows=[WindowRow(start=0, end=1, heard=heard, probability=probability)] * 2,
    )


def heard(
    *judges: Judged,
    bpm: float | None = 120.0,
    confidence: Any = "clear",
    tonic: int = 9,
    mode: int = 1,
    clear: bool = True,
    genres: dict[str, float] | None = None,
) -> Heard:
    names = {(9, 1): "A minor", (0, 0): "C major", (2, 0): "D major"}
    return Heard(
        seconds=10.0,
        rate=44_100,
        channels=2,
        notes=[],
        judged=list(judges or (judged(),)),
        tags=[Tagged(tagger="tagger", domain="real music", tags=[], genres=genres)] if genres else [],
        tempo=TempoRow(
            bpm=bpm,
            alternatives=[(bpm / 2, 0.9)] if bpm else [],
            clarity=0.8,
            steady=1.0,
            confidence=confidence if bpm else "none",
        ),
        key=KeyRow(
            key=names[tonic, mode],
            tonic=tonic,
            mode=mode,
            correlation=0.8,
            margin=0.1,
            others=[("E minor", 0.7)],
            clear=clear,
        ),
        loudness=LoudnessRow(integrated=-12.0, peak=-1.0, clipped=0.0, silent_end=0.0),
        repetition=RepetitionRow(period=2.0, similarity=0.9, share=0.9, steady=False),
    )


def file(name: str = "a.wav", found: Heard | None = None, **more: Any) -> FileResult:
    return FileResult(name=name, digest=name, heard=found or heard(), **{"prompt": None, "adherence": [], **more})
