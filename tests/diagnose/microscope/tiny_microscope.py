"""A microscope on random models, whose real takes are short."""

from __future__ import annotations

from pathlib import Path

from tests import tiny
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.store.artifacts import ArtifactStore
from tonescope.models.generator import Generator
from tonescope.models.judges.judge import Judge

SECONDS = 0.4


def microscope(folder: Path, generator: Generator | None = None, judge: Judge | None = None) -> Microscope:
    """On a random MusicGen and CLAP, if nothing else is given."""
    store = ArtifactStore(folder)
    return Microscope(generator or tiny.generator(), judge or tiny.judge(), store, real_seconds=SECONDS)
