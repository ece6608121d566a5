"""The templates of a package, which escape everything that they are given."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates_of(package: str | None) -> Environment:
    """The templates that lie in a package, named by its ``__package__``; one that lacks a value raises."""
    return Environment(
        loader=PackageLoader(package or "", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
