"""The prompts from whose takes a genre predictor is fitted (``predictor_prompts.toml``), for any labels of a judge."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import cycle, islice, zip_longest

from tonescope.diagnose.taxonomy import Taxonomy

ALIASES = 2  # of a label
MOST_BARE = 40  # prompts that name no genre


def predictor_prompts(labels: Sequence[str], taxonomy: Taxonomy, at_most: int) -> list[str]:
    """Prompts, each once, kinds in turn: any beginning of the list asks for all genres in several ways."""
    table = tomllib.loads((resources.files(__package__) / "predictor_prompts.toml").read_text(encoding="utf-8"))
    filling = {name: cycle(table[f"{name}s"]) for name in ("instrument", "mood", "tempo")}
    others = cycle([*labels[len(labels) // 2 :], *labels[: len(labels) // 2]])

    def filled(wording: str, genre: str = "") -> str:
        """One prompt; what it does not use is not drawn."""
        for name, values in filling.items():
            if f"{{{name}}}" in wording:
                wording = wording.replace(f"{{{name}}}", next(values))
        if "{other}" in wording:
            other = next(other for other in others if other != genre or len(labels) == 1)
            wording = wording.replace("{other}", other)
        return wording.replace("{genre}", genre)

    def of_genres(name: str, genres: Sequence[str]) -> Iterator[str]:
        return (filled(wording, genre) for wording in table[name] for genre in genres)

    aliases = [name for genre in taxonomy.genres if genre.label in labels for name in genre.aliases[:ALIASES]]
    kinds = [
        of_genres("wordings", labels),
        of_genres("instrument_wordings", labels),
        of_genres("mood_wordings", labels),
        of_genres("pair_wordings", labels),
        of_genres("alias_wordings", aliases),
        islice((filled(wording) for wording in cycle(table["bare_wordings"])), MOST_BARE),
        iter(table["neutral"]),
    ]
    turns = (prompt for turn in zip_longest(*kinds) for prompt in turn if prompt)
    return list(dict.fromkeys(turns))[:at_most]
