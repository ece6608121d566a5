"""Corpora of tones, and models with a planted unit, for tests of the index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from tests import tiny
from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.audio_files.sound_recording import Recording
from tonescope.diagnose.descriptors.integrated_loudness import Loudness
from tonescope.diagnose.jobs.index_job import IndexParameters
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.unit_index.corpus import About, Entry

RATE = 1600
FILE_RATE = 8000
PLACES = ["decoder.1.mlp", "codec.2.encoder", "judge.1.mlp"]


def tone(hertz: float, seconds: float = 1.0, level: float = 0.2, rate: int = RATE) -> np.ndarray:
    """A sine."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def folder_of_tones(folder: Path, count: int = 6) -> Path:
    """Tones of rising pitch, with captions; some files that hold none."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for at in range(count):
        name = f"tone{at:03d}.wav"
        soundfile.write(folder / name, tone(60 + 30 * at, 1.0 + 0.2 * (at % 2), rate=FILE_RATE), FILE_RATE)
        rows.append({"file_name": name, "caption": f"a tone of {60 + 30 * at} hertz", "license": "CC0"})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@dataclass
class ToneCorpus:
    """Tones in memory; those of ``broken`` cannot be read. Counts what was read."""

    count: int
    broken: tuple[int, ...] = ()
    name: str = "tones"
    read: int = 0

    @property
    def identity(self) -> str:
        """Of all alike."""
        return "tones"

    @property
    def size(self) -> int:
        """How many."""
        return self.count

    def entries(self) -> Iterator[Entry]:
        """The tones."""
        for at in range(self.count):
            yield Entry(f"tone {at}", About(f"a tone number {at}", "CC0", "here"), lambda at=at: self._recording(at))  # type: ignore[misc]

    def _recording(self, at: int) -> Recording:
        self.read += 1
        if at in self.broken:
            raise Unusable("broken, cut short, or no sound")
        sound = torch.from_numpy(tone(40 + 7 * at, 0.5 + 0.25 * (at % 3)))
        return Recording(f"tone {at}", sound, RATE, RATE, 1, Loudness(-20.0, -10.0, 0.0, 0.0))


def session() -> Session:
    """Random models."""
    return tiny.session()


def parameters(folder: Path | None = None, **changed: object) -> IndexParameters:
    """What is asked."""
    asked = {"location": PLACES, "seconds": 0.5, "top": 3, "index": folder} | changed
    return IndexParameters.model_validate(asked)
