"""Genres as people name them: labels, families and aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Genre:
    """A label a judge can choose, its family, and the names that mean it."""

    label: str
    family: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taxonomy:
    """The genres that a diagnosis can speak of."""

    genres: tuple[Genre, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(genre.label for genre in self.genres)

    def family(self, label: str) -> str:
        """The family of a label; a label outside the table is its own family."""
        return next((genre.family for genre in self.genres if genre.label == label), label)

    def find(self, text: str) -> str | None:
        """The label that a name means, or ``None``."""
        wanted = _plain(text)
        for genre in self.genres:
            if wanted in {_plain(name) for name in (genre.label, *genre.aliases)}:
                return genre.label
        return None


def _plain(text: str) -> str:
    return re.sub(r"[\s\-_]+", " ", text.strip().lower())


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Taxonomy:
    """A taxonomy from rows with ``label``, ``family`` and ``aliases``."""
    return Taxonomy(tuple(Genre(row["label"], row["family"], tuple(row.get("aliases", ()))) for row in rows))


def common() -> Taxonomy:
    """The genres that a judge of music at large is asked about (``label_sets/common.toml``)."""
    from tonescope.diagnose.label_set_files import COMMON, open_label_set

    return open_label_set(COMMON).taxonomy
