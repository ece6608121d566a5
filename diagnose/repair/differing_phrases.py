"""The phrases that one of two prompts has and the other has not, and the prompts that test them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest

from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.prompts.phrases import Phrase, chunked
from tonescope.diagnose.repair.contrast_schema import Side


@dataclass(frozen=True)
class Change:
    """A phrase and the prompt that tests it."""

    side: Side
    phrase: str
    prompt: str
    added: bool

    @property
    def key(self) -> str:
        """Its name among variants."""
        return f"{'with' if self.added else 'without'}:{self.side}:{self.prompt}"

    @property
    def in_the_first(self) -> bool:
        """Whether it is the first prompt that was changed, and not the second."""
        return (self.side == "first") != self.added


def differing(first: Song, second: Song) -> list[Change]:
    """Every phrase that only one prompt has: left out of its own, those of both prompts in turns, then added to the
    other. Lyrics stay with their prompt."""
    of_second, of_first = _only_in(second.tags, first.tags), _only_in(first.tags, second.tags)
    turns = [
        (side, phrase)
        for pair in zip_longest(of_second, of_first)
        for side, phrase in zip(("second", "first"), pair, strict=True)
        if phrase is not None
    ]
    songs: dict[str, tuple[Song, Song]] = {"second": (second, first), "first": (first, second)}
    left_out, added = [], []
    for side, phrase in turns:
        own, other = songs[side]
        shorter = own.with_tags(without(own.tags, phrase))
        is_the_other = " ".join(shorter.split()) == " ".join(other.with_tags(other.tags).split())
        if shorter.strip() and not is_the_other:
            left_out.append(Change(side, phrase.name, shorter, added=False))  # type: ignore[arg-type]
        if side == "second" or is_the_other:
            words = phrase.name if phrase.negates is None else phrase.text
            longer = other.with_tags(f"{other.tags}, {words}" if other.tags else words)
            added.append(Change(side, phrase.name, longer, added=True))  # type: ignore[arg-type]
    unique = {change.key: change for change in [*left_out, *added]}
    return list(unique.values())


def _only_in(own: str, other: str) -> list[Phrase]:
    others = Counter(_key(phrase) for phrase in chunked(other))
    found = []
    for phrase in chunked(own):
        if others[_key(phrase)]:
            others[_key(phrase)] -= 1
        else:
            found.append(phrase)
    return found


def _key(phrase: Phrase) -> str:
    return " ".join(phrase.name.casefold().split())
