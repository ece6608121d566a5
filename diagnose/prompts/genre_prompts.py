"""Prompts that ask for a genre and for nothing else, in several wordings (``genre_prompts.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

MOST_WORDINGS = 8


@lru_cache(maxsize=1)
def wordings() -> tuple[str, ...]:
    """The wordings, with ``{genre}`` for the genre."""
    table = tomllib.loads((resources.files(__package__) / "genre_prompts.toml").read_text(encoding="utf-8"))
    return tuple(table["wordings"])


def genre_prompts(genre: str, count: int) -> Sequence[str]:
    """The first ``count`` wordings of a genre."""
    return [wording.replace("{genre}", genre) for wording in wordings()[:count]]
