"""The templates of a package, which escape everything that they are given."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

_UNIT = re.compile(r"(?<=\d) (?=(?:%|s|ms|min|dB|Hz|kHz|BPM)(?!\w))")


def unbroken(text: str) -> str:
    """A sentence whose numbers stay on one line with their units."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def templates_of(package: str | None) -> Environment:
    """The templates that lie in a package, named by its ``__package__``; one that lacks a value raises."""
    made = Environment(
        loader=PackageLoader(package or "", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["unbroken"] = unbroken
    return made
