"""Genres as people name them: labels, families and aliases, and which of them a prompt asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

# Words before a genre name that say it is not wanted, and little words that may stand between.
_REFUSALS = r"not|no|without|never|(?:any|every)thing but|instead of|rather than|more than"
_UNWANTED = rf"(?:\b(?:{_REFUSALS})|n['’]t)(?:\s+(?:a|an|any|the|like|play|make|want|sound|be))*\s+$"
_PLAYERS = (
    "organ|guitars?|pianos?|drums?|bass|sax|saxophone|trumpet|horns?|strings|synths?|keys|vocals?|pads?|leads?|"
    "riffs?|stabs?"
)


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

    def named_in(self, prompt: str) -> list[tuple[str, int, int]]:
        """(label, start, end) of every genre name in a prompt, in reading order; of names that overlap, the longest."""
        names = sorted(
            ((name, genre.label) for genre in self.genres for name in (genre.label, *genre.aliases)),
            key=lambda pair: -len(pair[0]),
        )
        found: list[tuple[str, int, int]] = []
        for name, label in names:
            for match in re.finditer(rf"(?<!\w){_pattern(name)}(?!\w)", prompt, re.IGNORECASE):
                if all(match.end() <= start or match.start() >= end for _, start, end in found):
                    found.append((label, match.start(), match.end()))
        return sorted(found, key=lambda entry: entry[1])

    def asked_in(self, prompt: str) -> list[str]:
        """The labels that a prompt asks for, the likeliest first.

        Names after "not", "without" and their like are left out; a name that only says what kind of an instrument is
        meant ("rock organ") comes after the others.
        """
        asked: list[tuple[bool, str]] = []
        unwanted, past = False, 0
        for label, start, end in self.named_in(prompt):
            goes_on = unwanted and re.fullmatch(r"\s+n?or\s+", prompt[past:start], re.IGNORECASE)
            unwanted, past = bool(goes_on or re.search(_UNWANTED, prompt[:start], re.IGNORECASE)), end
            if not unwanted:
                asked.append((bool(re.match(rf"[\s-]+(?:{_PLAYERS})\b", prompt[end:], re.IGNORECASE)), label))
        return [label for _, label in sorted(asked, key=lambda pair: pair[0])]


def _plain(text: str) -> str:
    return re.sub(r"[\s\-_]+", " ", text.strip().lower())


def _pattern(name: str) -> str:
    """Spaces and hyphens are interchangeable in genre names: "lo-fi", "lo fi"."""
    return r"[\s\-]*".join(re.escape(part) for part in re.split(r"[\s\-]+", name))


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Taxonomy:
    """A taxonomy from rows with ``label``, ``family`` and ``aliases``."""
    return Taxonomy(tuple(Genre(row["label"], row["family"], tuple(row.get("aliases", ()))) for row in rows))


@lru_cache(maxsize=1)
def common() -> Taxonomy:
    """The genres that a judge of music at large is asked about (``genres.toml``)."""
    table = tomllib.loads((resources.files(__package__) / "genres.toml").read_text(encoding="utf-8"))
    rows = [
        {"label": label, "family": family, "aliases": aliases}
        for family, labels in table.items()
        for label, aliases in labels.items()
    ]
    return from_rows(rows)
