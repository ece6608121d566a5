"""What pages and programs give, which may be anything, as settings; what cannot be used is refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError

LONGEST_SHOWN = 40  # characters of a value in a sentence


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Settings of values by their names. A field that was emptied stands for what is usual.

    Raises:
        TonescopeError: a value is of another kind than its setting.
    """
    return made(Settings, {name: value for name, value in given.items() if value is not None and value != ""})


def text_of(name: str, value: Any) -> str:
    """A value that has to be text; raises :class:`TonescopeError` for what is none."""
    if not isinstance(value, str):
        raise TonescopeError(f"“{str(value)[:LONGEST_SHOWN]}” cannot be used for {name}: it is no text; type some.")
    return value
