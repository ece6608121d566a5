"""The words that the chunker knows, by role: ``phrases.toml``, and the names of genres of ``diagnose/genre_names``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import regex

from tonescope.diagnose.judging import genre_names
from tonescope.diagnose.judging.refusals import refusing_words
from tonescope.diagnose.taxonomy import common

Roles = frozenset[str]
NOTHING: Roles = frozenset()


@dataclass(frozen=True)
class Lexicon:
    """Names by their words, and what is written with numbers.

    Attributes:
        names: the roles of a name, by its plain words.
        longest: the most words that a name with this first word has.
        patterns: (kind, pattern) of tempos, metres, keys, years and quantities.
        refusing_prefixes, refusing_suffixes: parts of a hyphenated word that refuse the rest.
        refusing_words: words that refuse by themselves, and what.
        reaching: refusals that go on over "and".
    """

    names: dict[tuple[str, ...], Roles]
    longest: dict[str, int]
    patterns: tuple[tuple[str, regex.Pattern[str]], ...]
    refusing_prefixes: frozenset[str]
    refusing_suffixes: frozenset[str]
    refusing_words: dict[str, str]
    reaching: frozenset[str]

    def match(self, words: Sequence[str]) -> tuple[int, Roles]:
        """How many of the words the longest name at their beginning has, and its roles; 0 where there is none."""
        for count in range(min(self.longest.get(words[0], 0), len(words)), 0, -1):
            if roles := self.names.get(tuple(words[:count])):
                return count, roles
        return 0, NOTHING


def plain(word: str) -> str:
    """A word as names are looked up: without case and accents; "&", "+" and "n" are "and"."""
    return "and" if word in ("&", "+", "n", "N") else genre_names.plain(word)


_NAME_PARTS = regex.compile(r"w/o?(?!\w)|[&+]|[\p{L}\p{N}][\p{L}\p{N}\p{M}'’]*")


def _words(name: str) -> tuple[str, ...]:
    return tuple(plain(part) for part in _NAME_PARTS.findall(name))


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The vocabulary that is shipped."""
    table = tomllib.loads((resources.files(__package__) / "phrases.toml").read_text(encoding="utf-8"))
    named = [(role, name) for role, names in table["names"].items() for name in names]
    own = {_words(name) for role, name in named if role != "reaching"}
    genres = [name for genre in common().genres for name in (genre.label, *genre.aliases)]
    named += [("genre", name) for name in (*genres, *genre_names.vocabulary().spelled) if _words(name) not in own]
    named += [("other", " ".join(title)) for title in genre_names.vocabulary().phrases]
    refusing, harmless = refusing_words()
    named += [("negator", name) for name in refusing if _words(name) not in own]
    named += [("other", name) for name in harmless if _words(name) not in own]
    names: dict[tuple[str, ...], Roles] = {}
    longest: dict[str, int] = {}
    for role, name in named:
        words = _words(name)
        names[words] = names.get(words, NOTHING) | {role}
        longest[words[0]] = max(longest.get(words[0], 0), len(words))
    affixes = table["affixes"]
    return Lexicon(
        names,
        longest,
        tuple((row["kind"], regex.compile(rf"(?i){row['pattern']}")) for row in table["patterns"]),
        frozenset(affixes["refusing_prefixes"]),
        frozenset(affixes["refusing_suffixes"]),
        affixes["refusing_words"],
        frozenset(table["names"]["reaching"]),
    )
