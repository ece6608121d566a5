"""Which versions of the libraries underneath were tested, and what to tell where others run.

The ranges are those of pyproject.toml, as the installed package states them; `make compat` runs their two ends.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

WATCHED = ("transformers", "torch")  # a change in these can change what is played without an error


class UntestedVersion(UserWarning):
    """A library is older or newer than any that was tested."""


@cache
def tested() -> dict[str, SpecifierSet]:
    """The range of versions of each watched library that was tested."""
    stated = [Requirement(line) for line in metadata.requires("tonescope") or []]
    ranges = {requirement.name: requirement.specifier for requirement in stated if requirement.marker is None}
    return {name: ranges[name] for name in WATCHED}


def running() -> dict[str, str]:
    """The version of each watched library that is installed."""
    return {name: metadata.version(name) for name in WATCHED}


def untested() -> list[str]:
    """The watched libraries that run in a version outside of their range."""
    return [name for name, version in running().items() if not tested()[name].contains(version, prereleases=True)]


def notice() -> str | None:
    """One sentence where something untested runs, otherwise nothing."""
    others = untested()
    if not others:
        return None
    known = " and ".join(f"{name} {_shown(tested()[name])}" for name in others)
    here = " and ".join(running()[name] for name in others)
    return (
        f"Tonescope was tested with {known}, and is running on {here}: the first generation checks that clock and "
        "replay "
        f"still agree, but nobody has checked the rest; to be sure, {remedy()}."
    )


def remedy() -> str:
    """What to do where the installed versions do not work."""
    others = untested()
    if not others:
        return "report this model, with these versions, as unsupported"
    wanted = " ".join(f'"{name}{_shown(tested()[name])}"' for name in others)
    return f"run `pip install {wanted}`"


def _shown(versions: SpecifierSet) -> str:
    return ",".join(sorted(map(str, versions), reverse=True))
