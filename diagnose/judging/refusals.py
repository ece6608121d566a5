"""What a prompt refuses: "avoid polka", "less techno", "ohne Polka"; in seven languages and a few words of others."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tonescope.diagnose.judging.genre_names import GenreName, Word, data, words_of

REACH = 5  # words between a refusal and what it refuses, at most

Phrase = tuple[str, ...]


@dataclass(frozen=True)
class _Rules:
    before: frozenset[Phrase]
    after: frozenset[Phrase]
    declines: frozenset[Phrase]
    alone: frozenset[str]
    harmless: frozenset[Phrase]
    unclear: frozenset[Phrase]
    ends: frozenset[str]
    lists: frozenset[str]
    spent_on: frozenset[str]
    comparisons: dict[str, list[str]]


def refusing_words() -> tuple[list[str], list[str]]:
    """(what refuses what comes after it, what looks so and is harmless), in all languages."""
    table = tomllib.loads(data("refusals.toml"))
    return [phrase for language in table["before"].values() for phrase in language], table["scope"]["harmless"]


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    table = tomllib.loads(data("refusals.toml"))
    scope = table["scope"]
    return _Rules(
        before=_phrases([phrase for language in table["before"].values() for phrase in language]),
        after=_phrases(table["after"]["all"]),
        declines=_phrases(table["after"]["declines"]),
        alone=_singles(table["after"]["alone"]),
        harmless=_phrases(scope["harmless"]),
        unclear=_phrases(scope["unclear"]),
        ends=_singles(scope["ends"]),
        lists=_singles(scope["lists"]),
        spent_on=_singles(scope["spent_on"]),
        comparisons={key: [_plain(word) for word in words] for key, words in scope["comparisons"].items()},
    )


def _phrases(texts: Sequence[str]) -> frozenset[Phrase]:
    return frozenset(tuple(word.text for word in words_of(text)) for text in texts)


def _singles(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(_plain(text) for text in texts)


def _plain(text: str) -> str:
    return words_of(text)[0].text


def refused(words: list[Word], names: list[GenreName]) -> tuple[set[int], set[int]]:
    """(refused, unclear): which of the names a prompt does not want, and of which that cannot be told, by index.

    A refusal reaches from its word to the end of the clause, to a word such as "but", or to a part of a recording that
    takes it upon itself ("no drums"). Two refusals cancel ("don't stop the polka").
    """
    no: set[int] = set()
    unclear: set[int] = set()
    for index, name in enumerate(names):
        verdict = _refusals_before(words, name, names[:index])
        unclear |= {index} if verdict is None else set()
        goes_on = index - 1 in no and _listed(words, names, index)
        if verdict or goes_on or _refused_after(words, name):
            no.add(index)
    return no, unclear


def _refusals_before(words: list[Word], name: GenreName, earlier: list[GenreName]) -> bool | None:
    """Whether what stands before a name refuses it; ``None`` if it can be read both ways."""
    rules, count, at, gone = _rules(), 0, name.first - 1, 0
    inside = {i for other in earlier for i in range(other.first, other.last + 1)}
    clause = words[name.first].clause
    while at >= 0 and words[at].clause == clause and gone <= REACH and at not in inside:
        if _ends_with(words, at, rules.harmless):
            break
        if _ends_with(words, at, rules.unclear):
            return None
        before = {word.text for word in words[:at] if word.clause == clause}
        if before & set(rules.comparisons.get(words[at].text, ())):
            return True
        if length := _ends_with(words, at, rules.before):
            count, gone = count + 1, 0
            at -= length
            continue
        verb_refused = at > 0 and _ends_with(words, at - 1, rules.before)  # "don't want techno"
        if words[at].text in rules.ends | rules.spent_on and not (verb_refused and words[at].text in rules.ends):
            break
        at, gone = at - 1, gone + 1
    return count % 2 == 1


def _ends_with(words: list[Word], at: int, phrases: frozenset[Phrase]) -> int:
    """Length of the longest of these phrases that ends with word ``at``; 0 if none does."""
    texts = tuple(word.text for word in words[max(0, at - 4) : at + 1])
    return next((size for size in range(len(texts), 0, -1) if texts[-size:] in phrases), 0)


def _refused_after(words: list[Word], name: GenreName) -> bool:
    """Whether what follows refuses a name: "techno-free", "polka is not wanted"."""
    following = words[name.last + 1 : name.last + 5]
    rest = tuple(word.text for word in following if word.clause == words[name.last].clause)
    if rest in _rules().after or tuple(word.text for word in following[:2]) in _rules().declines:
        return True
    if following and following[0].text in _rules().alone:
        around = (words[name.last].clause, following[1].clause if len(following) > 1 else None)
        if following[0].clause not in around:
            return True
    glued = bool(rest) and following[0].joined and following[0].start == words[name.last].end + 1
    return glued and rest[0] in ("free", "frei")


def _listed(words: list[Word], names: list[GenreName], index: int) -> bool:
    """Whether a name goes on with the list of the name before it: "house or techno", "house, techno or trance"."""
    rules, between = _rules(), words[names[index - 1].last + 1 : names[index].first]
    if between:
        return between[0].text in rules.lists and len(between) <= 3 and not {w.text for w in between} & rules.ends
    if index + 1 < len(names):  # only commas between: a list if it ends with "or"
        return bool(words[names[index].last + 1 : names[index + 1].first]) and _listed(words, names, index + 1)
    return False


def foreign_script(prompt: str) -> bool:
    """Whether a prompt has letters in whose languages refusals are not understood (any but Latin ones)."""
    letters = re.findall(r"[^\W\d_]", prompt)
    return any(not unicodedata.name(letter, "LATIN").startswith(("LATIN", "FULLWIDTH LATIN")) for letter in letters)
