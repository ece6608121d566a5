"""The words that the chunker knows, by role: ``phrases.toml`` and the names of genres."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import regex

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
        prefixes, heads: first and last words of genres of two words.
        refusing_prefixes, refusing_suffixes: parts of a hyphenated word that refuse the rest.
        refusing_words: words that refuse by themselves, and what.
        reaching: refusals that go on over "and".
    """

    names: dict[tuple[str, ...], Roles]
    longest: dict[str, int]
    patterns: tuple[tuple[str, regex.Pattern[str]], ...]
    prefixes: frozenset[str]
    heads: frozenset[str]
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

    def compound_genre(self, words: Sequence[str]) -> int:
        """2 where the first two words make a genre ("stoner rock"), else 0."""
        return 2 * (len(words) > 1 and words[0] in self.prefixes and words[1] in self.heads and words[0] != words[1])


def plain(word: str) -> str:
    """A word as names are looked up: composed, in lower case, with a straight apostrophe; "&" and "+" are "and"."""
    folded = unicodedata.normalize("NFC", word).casefold().replace("’", "'")
    return "and" if folded in ("&", "+") else folded


_NAME_PARTS = regex.compile(r"[&+]|[\p{L}\p{N}][\p{L}\p{N}\p{M}'’]*")


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The vocabulary that is shipped."""
    table = tomllib.loads((resources.files(__package__) / "phrases.toml").read_text(encoding="utf-8"))
    named = [(role, name) for role, names in table["names"].items() for name in names]
    named += [("genre", name) for genre in common().genres for name in (genre.label, *genre.aliases)]
    names: dict[tuple[str, ...], Roles] = {}
    longest: dict[str, int] = {}
    for role, name in named:
        words = tuple(plain(part) for part in _NAME_PARTS.findall(name))
        names[words] = names.get(words, NOTHING) | {role}
        longest[words[0]] = max(longest.get(words[0], 0), len(words))
    compounds, affixes = table["compounds"], table["affixes"]
    return Lexicon(
        names,
        longest,
        tuple((row["kind"], regex.compile(rf"(?i){row['pattern']}")) for row in table["patterns"]),
        frozenset(compounds["prefixes"]),
        frozenset(compounds["heads"]),
        frozenset(affixes["refusing_prefixes"]),
        frozenset(affixes["refusing_suffixes"]),
        affixes["refusing_words"],
        frozenset(table["names"]["reaching"]),
    )
