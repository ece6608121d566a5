"""The words that are scanned for a unit: instruments, moods, tempos and the judge's genres, as far as the generator
knows them."""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.prompts.lexicon import lexicon
from tonescope.models.vocabulary import Vocabulary

ROLES = ("instrument", "mood", "tempo", "era", "structure")
MOST = 160
LONGEST_NAME = 2  # words


def music_words(labels: Sequence[str], vocabulary: Vocabulary | None, most: int = MOST) -> list[str]:
    """Words, each once: the labels of a judge first, then names of each role in turn."""
    by_role: dict[str, list[str]] = {role: [] for role in ROLES}
    for words, roles in sorted(lexicon().names.items()):
        for role in ROLES:
            if role in roles and len(words) <= LONGEST_NAME:
                by_role[role].append(" ".join(words))
    found = [label for label in labels if vocabulary is None or vocabulary.knows(label)]
    every = {
        role: [name for name in names if vocabulary is None or vocabulary.knows(name)]
        for role, names in by_role.items()
    }
    rest = max(0, most - len(found))
    counts = sum(map(len, every.values()))
    for names in every.values():
        step = max(1, -(-counts // max(1, rest)))
        found += names[::step]
    return list(dict.fromkeys(found))[:most]
