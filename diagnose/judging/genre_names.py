"""Genre names in a prompt: the longest match over a vocabulary of some 1,800 names with a tree of kinds."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

from tonescope.diagnose.taxonomy import Taxonomy

LONGEST = 7  # words of a name
SHORTEST = 4  # letters of a name; shorter ones are mostly other words ("son", "jit") unless listed
_ELISION = r"(?<!\w)(?:l|d|qu|dell|all|nell|sull|un)['’](?=\w)"  # "l'ambient" is two words
_TOKEN = re.compile(rf"{_ELISION}|[^\W_]+(?:['’][^\W_]+)*|&", re.IGNORECASE)
_JOINS = re.compile(r"[\s\-‐’']*\Z")
_QUOTED = re.compile(r"(?:called|titled|named|entitled)\s+[\"“'‘«][^\"”'’»]*[\"”'’»]", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:musik|muziek|music)\Z")  # "Technomusik"


@dataclass(frozen=True)
class Word:
    """A word of a prompt, from ``start`` to ``end``; ``text`` without case and accents.

    ``joined``: only a space or a hyphen stands between it and the word before. ``clause`` counts commas and stops.
    """

    text: str
    start: int
    end: int
    joined: bool
    clause: int

    @property
    def key(self) -> str:
        return "and" if self.text in ("&", "n") else self.text.replace("'", "")


@dataclass(frozen=True)
class GenreName:
    """A genre that a prompt names with its words from ``first`` to ``last``.

    ``parts``: the known names it is made of, the head first ("ambient jungle": jungle, ambient). ``sure``: whether the
    words can hardly mean anything but a genre here.
    """

    text: str
    parts: tuple[str, ...]
    first: int
    last: int
    sure: bool = True


def plain(text: str) -> str:
    """Without case and accents, so that spellings can be compared."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def words_of(text: str) -> list[Word]:
    """The words of a text, in order."""
    words: list[Word] = []
    past = clause = 0
    for match in _TOKEN.finditer(text):
        gap = text[past : match.start()]
        clause += bool(re.search(r"[,;:.!?()\n–—|]", gap))
        joined = bool(words) and bool(_JOINS.match(gap))
        words.append(Word(plain(match.group()), match.start(), match.end(), joined, clause))
        past = match.end()
    return words


def key_of(name: str) -> str:
    """What all spellings of a name share: "lo-fi", "lo fi" and "Lofi" are one."""
    return "".join(word.key for word in words_of(name))


def data(name: str) -> str:
    """The text of a file of the folder ``genre_names``."""
    folder = resources.files("tonescope.diagnose") / "genre_names"
    return (folder / name).read_text(encoding="utf-8")


class Vocabulary:
    """The names, what they are kinds of, and the words that look like names."""

    def __init__(self) -> None:
        table = tomllib.loads(data("words.toml"))
        words: dict[str, Any] = table["words"]
        self.ambiguous = {key_of(name) for name in words["ambiguous"]}
        self.music, self.unlike = set(words["music"]), set(words["unlike"])
        self.determiners, self.articles = set(words["determiners"]), set(words["articles"])
        self.unlike_after: dict[str, list[str]] = words["unlike_after"]
        self.players, self.plain = set(words["players"]), {plain(word) for word in words["plain"]}
        self.phrases = [tuple(word.text for word in words_of(phrase)) for phrase in words["phrases"]]
        self.relatives: dict[str, list[str]] = table["relatives"]
        self.adjectives: dict[str, list[str]] = {}
        for english, others in table["adjectives"].items():
            for other in others:
                self.adjectives.setdefault(plain(other), []).append(english)
        self.ordinary = {key_of(name) for name in words["ordinary"]}
        self._short = set(words["short"])
        listed = dict(line.partition("\t")[::2] for line in data("names.tsv").splitlines())
        self._parents = {name: tuple(parents.split("|")) if parents else () for name, parents in listed.items()}
        self._corrected = {key_of(name): tuple(parents) for name, parents in table["parents"].items()}
        own = (name for main, names in table["aliases"].items() for name in (main, *names))
        self._spelled = (*listed, *table["parents"], *own)
        self.names = {key_of(name): name for name in (*listed, *table["parents"], *table["aliases"])}
        self.names |= {key_of(name): main for main, names in table["aliases"].items() for name in names}
        self.names = {key: name for key, name in self.names.items() if len(key) >= SHORTEST or key in self._short}

    @cached_property
    def spelled(self) -> tuple[str, ...]:
        """The names that are genres wherever they stand, or may be, in every spelling that is listed."""
        usual = self.names.keys() - self.ordinary
        return tuple(dict.fromkeys(name for name in self._spelled if key_of(name) in usual))

    @cached_property
    def heads(self) -> dict[str, str]:
        return {key: name for key, name in self.names.items() if key not in self.ordinary and key != "fusion"}

    def parents(self, name: str) -> tuple[str, ...]:
        """What a genre is a kind of: what its last words name ("country rock" is a kind of rock), then the tree's; else
        what its first words name ("rock en español")."""
        key = key_of(name)
        if key in self._corrected:
            return self._corrected[key]
        main = self.names.get(key, name)
        if main != name and key_of(main) != key:
            return (main,)
        words = words_of(name)
        ends = ("".join(word.key for word in words[start:]) for start in range(1, len(words)))
        head = [self.heads[end] for end in ends if end in self.heads][:1]
        known = tuple(dict.fromkeys((*head, *self._parents.get(main, ()))))
        if known:
            return known
        begins = ("".join(word.key for word in words[:end]) for end in range(len(words) - 1, 0, -1))
        return tuple(self.heads[begin] for begin in begins if begin in self.heads)[:1]

    def kinds(self, name: str) -> list[str]:
        """A genre and all that it is a kind of, the nearest first."""
        found, queue = [name], [name]
        while queue:
            new = [parent for parent in self.parents(queue.pop(0)) if parent not in found]
            found += new
            queue += new
        return found


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary; read once."""
    return Vocabulary()


@lru_cache(maxsize=8)
def _own(taxonomy: Taxonomy) -> dict[str, str]:
    return {key_of(name): genre.label for genre in taxonomy.genres for name in (genre.label, *genre.aliases)}


@lru_cache(maxsize=8)
def _table(taxonomy: Taxonomy) -> dict[str, str]:
    """Every name by its key: those of the taxonomy mean its labels, whatever the list says."""
    return {**vocabulary().names, **_own(taxonomy)}


def known_label(name: str, taxonomy: Taxonomy, labels: tuple[str, ...]) -> str | None:
    """The judge's label that is this very genre, if it has one."""
    label = name if name in labels else _own(taxonomy).get(key_of(name))
    return label if label in labels else None


def nearest_label(name: str, taxonomy: Taxonomy, labels: tuple[str, ...]) -> str | None:
    """The judge's label that a genre is, or is a kind of, if it has one."""
    kinds = (known_label(kind, taxonomy, labels) for kind in vocabulary().kinds(name))
    return next((label for label in kinds if label), None)


def relatives(name: str, taxonomy: Taxonomy, labels: tuple[str, ...]) -> list[str]:
    """The judge's labels that are nearest to a genre in the tree, of those it is no kind of."""
    known = vocabulary()
    for kind in known.kinds(name):
        for other in known.relatives.get(kind, ()):
            label = nearest_label(other, taxonomy, labels)
            if near := [label] if label else relatives(other, taxonomy, labels):
                return near
        near = [label for label in labels if key_of(kind) in {key_of(above) for above in known.kinds(label)}]
        if near:
            return near
    return []


def names_in(prompt: str, taxonomy: Taxonomy) -> tuple[list[Word], list[GenreName]]:
    """The words of a prompt and the genres it names, in reading order; neighbours that make one genre are one."""
    words = words_of(prompt)
    titles = [match.span() for match in _QUOTED.finditer(prompt)]
    blocked = {at for at, word in enumerate(words) if any(start <= word.start < end for start, end in titles)}
    blocked |= set(_in_phrases(words))
    found: list[GenreName] = []
    at = 0
    while at < len(words):
        match = _longest(words, at, _table(taxonomy), blocked)
        if match is not None:
            match = _with_adjective(words, at, match, _table(taxonomy), blocked)
            last, name, certain = match
            sure = True if certain else _is_genre(words, at, last, own=key_of(name) in _own(taxonomy))
            if sure is not None:
                found.append(GenreName(prompt[words[at].start : words[last].end], (name,), at, last, sure))
            at = last
        at += 1
    return words, _compounds(prompt, words, found)


def _longest(words: list[Word], at: int, table: dict[str, str], blocked: set[int]) -> tuple[int, str, bool] | None:
    """(last word, name, whether a suffix makes it certain) of the longest name that begins here."""
    best: tuple[int, str, bool] | None = None
    key = ""
    for last in range(at, min(at + LONGEST, len(words))):
        if last in blocked or (last > at and not words[last].joined):
            break
        key += words[last].key
        stem = _SUFFIX.sub("", key)
        if key in table:
            best = (last, table[key], False)
        elif stem != key and stem in table and last == at:
            best = (last, table[stem], True)
        elif key.endswith("s") and len(key) > SHORTEST and key[:-1] in table and not _doubtful(key[:-1]):
            best = (last, table[key[:-1]], False)
    return best


def _with_adjective(
    words: list[Word], at: int, match: tuple[int, str, bool], table: dict[str, str], blocked: set[int]
) -> tuple[int, str, bool]:
    """The name with the adjective after it, as Romance languages have it ("rock alternativo"), where that is a name."""
    last = match[0] + 1
    if last >= len(words) or last in blocked or not words[last].joined:
        return match
    noun = "".join(word.key for word in words[at:last])
    keys = (key_of(english) + noun for english in vocabulary().adjectives.get(words[last].text, ()))
    name = next((table[key] for key in keys if key in table), None)
    return (last, name, True) if name else match


def _doubtful(key: str) -> bool:
    return key in vocabulary().ambiguous or key in vocabulary().ordinary


def _is_genre(words: list[Word], first: int, last: int, *, own: bool) -> bool | None:
    """Whether words that are a genre's name mean it here: yes, no (``None``), or that cannot be told (``False``).

    ``own``: the judge's taxonomy has the name.
    """
    known = vocabulary()
    key = "".join(word.key for word in words[first : last + 1])
    if not (key in known.ambiguous or (key in known.ordinary and not own)):
        return True
    clause = words[first].clause
    before = words[first - 1].text if first and words[first - 1].clause == clause else None
    after = words[last + 1].text if last + 1 < len(words) and words[last + 1].clause == clause else None
    if after in known.music or (len(words) == last - first + 1):
        return True
    if key in known.ordinary and not own:
        return None
    if after and after in known.unlike and key in known.unlike_after.get(after, [key]):
        return None
    if before in known.determiners:
        return False
    return not (before in known.articles and after not in known.players)


def _in_phrases(words: list[Word]) -> Iterator[int]:
    """Where words stand in a phrase or title that names no genre ("house of the rising sun")."""
    texts = tuple(word.text for word in words)
    for phrase in vocabulary().phrases:
        for at in range(len(texts) - len(phrase) + 1):
            end = at + len(phrase)
            if texts[at:end] == phrase and (end == len(texts) or texts[end] not in vocabulary().music):
                yield from range(at, end)


def _glued(prompt: str, word: Word) -> bool:
    """Whether a hyphen binds a word to what is before it: "no-techno house" is house."""
    return prompt[max(word.start - 1, 0) : word.start] in ("-", "‐")


def _compounds(prompt: str, words: list[Word], found: list[GenreName]) -> list[GenreName]:
    """Names side by side are one genre, whose kind the last one says ("ambient jungle")."""
    joined: list[GenreName] = []
    for name in found:
        beside = joined and name.first == joined[-1].last + 1 and words[name.first].joined
        if beside and not _glued(prompt, words[joined[-1].first]):
            before = joined.pop()
            parts = (*name.parts, *before.parts)
            if key_of(parts[0]) in {key_of(kind) for kind in vocabulary().kinds(before.parts[0])}:
                parts = before.parts
            elif key_of(before.parts[0]) in {key_of(kind) for kind in vocabulary().kinds(parts[0])}:
                parts = name.parts
            text = prompt[words[before.first].start : words[name.last].end]
            name = GenreName(text, parts, before.first, name.last, name.sure and before.sure)
        joined.append(name)
    return joined
