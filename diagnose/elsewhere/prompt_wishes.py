"""What a prompt asks for that can be measured without a judge: tempo and key; and what nothing here can check."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from tonescope.diagnose.descriptors.musical_key import Key
from tonescope.diagnose.descriptors.tempo import FASTEST, SLOWEST
from tonescope.diagnose.prompts.phrases import Phrase, chunked

_NUMBERS = re.compile(r"\d+(?:[.,]\d+)?")
_KEY = re.compile(
    r"\b([a-g])(\s?[#♯♭]|b(?![a-z])|[\s-](?:flat|sharp)\b)?[\s-]?(?:natural\s|harmonic\s|melodic\s)?"
    r"(major|minor|maj|min|dur|moll)?(?![a-z])",
    re.IGNORECASE,
)
_UNNAMED = re.compile(r"(?:an?\s+|the\s+)?(minor|major)\s+(?:key|scale|mode|chords?)\b", re.IGNORECASE)
_INTRODUCED = re.compile(r"(?:in\s+)?(?:the\s+)?key\s{0,2}(?:of|:)?\s{0,2}", re.IGNORECASE)
_TONICS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_MINOR, _MAJOR = ("min", "moll"), ("maj", "dur")


@dataclass(frozen=True)
class TempoWish:
    """A tempo that is asked for.

    Attributes:
        text: the prompt's own words.
        low, high: beats a minute; equal where one number is asked for.
        meaning: where words have to be given numbers, what was taken for their meaning.
    """

    text: str
    low: float
    high: float
    meaning: str = ""


@dataclass(frozen=True)
class KeyWish:
    """A key that is asked for: in words, its tonic (0 is C) and its mode (0 major, 1 minor), each where it is said."""

    text: str
    tonic: int | None
    mode: int | None

    def matches(self, key: Key) -> bool:
        """Whether a key is what is asked for."""
        return self.tonic in (None, key.tonic) and self.mode in (None, key.mode)


@dataclass(frozen=True)
class Wishes:
    """What a prompt asks for.

    Attributes:
        tempo, key: the first of each; a tempo in numbers before one in words.
        unchecked: phrases that nothing here can hold against the sound.
    """

    tempo: TempoWish | None
    key: KeyWish | None
    unchecked: tuple[str, ...]


_GENRES = frozenset({"genre"})


def wishes_of(prompt: str) -> Wishes:
    """What a prompt asks for; what it refuses ("not too fast") is not asked for."""
    phrases = chunked(prompt)
    tempos = [wish for phrase in phrases if phrase.kind == "tempo" and (wish := _tempo(phrase)) is not None]
    tempo = min(tempos, key=lambda wish: bool(wish.meaning), default=None)  # a number says more than a word
    key = next(filter(None, (_key(phrase) for phrase in phrases if phrase.kind == "key")), None)
    used = {wish.text for wish in (tempo, key) if wish}
    rest = [phrase for phrase in phrases if phrase.kind not in _GENRES and phrase.name not in used]
    return Wishes(tempo, key, tuple(phrase.name for phrase in rest if phrase.kind != "other" or len(phrase.name) > 2))


def _tempo(phrase: Phrase) -> TempoWish | None:
    numbers = [float(found.replace(",", ".")) for found in _NUMBERS.findall(phrase.name)]
    numbers = [number for number in numbers if SLOWEST / 2 <= number <= FASTEST * 1.5][:2]
    if numbers:
        return TempoWish(phrase.name, min(numbers), max(numbers))
    words = _plain(phrase.name)
    for word, (low, high) in sorted(_table().items(), key=lambda row: -len(row[0])):
        if re.search(rf"\b{re.escape(word)}\b", words):
            about = "" if words == word else f"{word}: "
            return TempoWish(phrase.name, low, high, f"{about}{low:g} to {high:g} beats a minute")
    return None


def _key(phrase: Phrase) -> KeyWish | None:
    name = phrase.name.strip()
    unnamed = _UNNAMED.fullmatch(name)
    if unnamed is not None and not name.startswith("A "):  # "in a minor key", and not "A minor key"
        return KeyWish(phrase.name, None, 1 if unnamed[1].lower() == "minor" else 0)
    found = _KEY.search(_INTRODUCED.sub("", name))
    if found is None:
        return None
    sign = (found[2] or "").strip(" -").lower()
    shift = 1 if sign in ("#", "♯", "sharp") else -1 if sign in ("♭", "b", "flat") else 0
    mode = (found[3] or "").lower()
    asked = 1 if mode.startswith(_MINOR) else 0 if mode.startswith(_MAJOR) else None
    return KeyWish(phrase.name, (_TONICS[found[1].lower()] + shift) % 12, asked)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[float, float]]:
    text = (resources.files("tonescope.diagnose.elsewhere") / "tempo_words.toml").read_text(encoding="utf-8")
    return {
        word: (float(low), float(high)) for table in tomllib.loads(text).values() for word, (low, high) in table.items()
    }
