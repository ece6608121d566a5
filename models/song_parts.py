"""Where the lyrics of a prompt begin, for models that sing: at the first name of a part of a song in brackets."""

from __future__ import annotations

import regex

PART_OF_A_SONG = regex.compile(
    r"\[\s*(intro|verse|pre-?chorus|chorus|post-?chorus|refrain|hook|bridge|interlude|break|build|drop|solo|"
    r"inst|instrumental|outro)\b[^\]\n]*\]",
    regex.IGNORECASE,
)


def lyrics_from(prompt: str) -> int:
    """The character from which on a prompt is lyrics; its length, where it has none."""
    found = PART_OF_A_SONG.search(prompt)
    return found.start() if found else len(prompt)
