"""Text from outside, made fit for a terminal: nothing in it moves the cursor, changes colours or turns lines round."""

from __future__ import annotations

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]  # C0, DEL and C1: escape sequences start with these
_BIDIRECTIONAL = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # embeddings, overrides and isolates
_SEPARATORS = [0x2028, 0x2029]
_TABLE = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_TABLE |= dict.fromkeys([*map(ord, "\t\n\r"), *_SEPARATORS], " ")
_TABLE |= dict.fromkeys(_BIDIRECTIONAL, "")


def printable(text: str) -> str:
    """Text in one line without control characters: white space becomes a space, every other one U+FFFD."""
    return text.translate(_TABLE)
