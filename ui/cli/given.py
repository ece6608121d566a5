"""What was given on the command line, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonescope.models.errors import TonescopeError


def flag(name: str) -> str:
    """How the command line writes a name."""
    return "--" + name.replace("_", "-")


def check_given(values: Mapping[str, Any]) -> None:
    """Raise :class:`TonescopeError` for an option that was given nothing, such as a shell variable that is not set."""
    for name, value in values.items():
        if isinstance(value, str) and not value.strip():
            raise TonescopeError(
                f"{flag(name)} was given nothing (a variable of the shell that is empty?); "
                "give it a value, or leave it out."
            )
