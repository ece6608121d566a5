"""Words of a prompt: where they are, what their tokens add up to, and the prompt without one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import regex

from tonescope.models.generator import Text


@dataclass(frozen=True)
class Word:
    """A word, its place in the prompt (characters), and its tokens."""

    text: str
    start: int
    end: int
    tokens: tuple[int, ...]


# Letters and digits with the marks that belong to them, as scripts such as Devanagari write vowels.
_SPELLED = r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*"
_WORD = rf"{_SPELLED}(?:['’&-]{_SPELLED})*"


def words_in(prompt: str, text: Text) -> list[Word]:
    """The words of a prompt with the tokens that spell them."""
    found = []
    for match in regex.finditer(_WORD, prompt):
        inside = (
            tuple(
                index
                for index, (start, end) in enumerate(text.spans[0])
                if end > start and start < match.end() and end > match.start()
            )
            if text.spans
            else ()
        )
        found.append(Word(match.group(), match.start(), match.end(), inside))
    return found


_HANGING = r"with|and|or|of|in|by|from|for|featuring|feat\.?|plus|&"


def without(prompt: str, word: Word) -> str:
    """The prompt with one word left out, and what would hang in the air without it (a preposition, brackets,
    commas)."""
    before, after = prompt[: word.start], prompt[word.end :]
    if not re.match(r"\s*\w", after):  # nothing follows that the preposition could belong to
        before = re.sub(rf"(?:\s*(?:\b(?:{_HANGING})|&)\s*)+$", " ", before, flags=re.IGNORECASE)
    if not re.search(r"\w", before):
        after = re.sub(rf"^(?:\s*(?:(?:{_HANGING})\b|&))+", " ", after, flags=re.IGNORECASE)
    rest = re.sub(r"[(\[{]\s*[)\]}]", " ", before + after)
    rest = re.sub(r"\s*([,;/])(?:\s*[,;/])+", r"\1", rest)
    rest = re.sub(r"\s+", " ", rest).replace(" ,", ",").replace(" ;", ";")
    return rest.strip(" ,;/&-–")
