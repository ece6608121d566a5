"""The corpus that comes with Tonescope: pieces of the composer that the embedded models learned from, none of them
among those that they learned from. It works without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tonescope.diagnose.unit_index.corpus import Entry, parquet_entries
from tonescope.models.errors import TonescopeError

NAME = "composed"
FILE = "composed.parquet"
LICENCE = "MIT"
SOURCE = "composed by Tonescope"


@dataclass(frozen=True)
class ComposedCorpus:
    """Pieces of four seconds, with captions."""

    name: str = NAME

    @property
    def path(self) -> Path:
        """The file. Raises :class:`TonescopeError` where the installation lacks it."""
        found = Path(str(resources.files("tonescope.diagnose.unit_index") / FILE))
        if not found.is_file():
            raise TonescopeError(
                "this installation has no corpus of its own; name a folder of sound files, or make one with "
                "python -m training.default_corpus."
            )
        return found

    @property
    def identity(self) -> str:
        """A hash of it."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    def entries(self) -> Iterator[Entry]:
        """The pieces."""
        return parquet_entries(self.path, NAME, LICENCE, SOURCE)
