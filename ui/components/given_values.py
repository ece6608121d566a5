"""What pages and programs give, which may be anything; what cannot be used is refused in a sentence."""

from __future__ import annotations

from typing import Any

from tonescope.models.errors import TonescopeError

LONGEST_SHOWN = 40  # characters of a value in a sentence


def text_of(name: str, value: Any) -> str:
    """A value that has to be text; raises :class:`TonescopeError` for what is none."""
    if not isinstance(value, str):
        raise TonescopeError(f"“{str(value)[:LONGEST_SHOWN]}” cannot be used for {name}: it is no text; type some.")
    return value
