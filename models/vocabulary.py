"""The words of a generator's training captions, where they are known."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Words that ask for music and say nothing about it: that a model never saw them changes little.
_ASKING = """
    a an and any are as at be but by can could create do does don for from generate give have hear hi hello i
    in is it its just let like make making me music my of on one or our please play playing s should some
    something song t thanks that the them then there this to track very want we with would you your bpm
"""
ASKING = frozenset(_ASKING.split())


@dataclass(frozen=True)
class Vocabulary:
    """The words of a generator's training captions."""

    words: frozenset[str]

    def knows(self, word: str) -> bool:
        """Whether every part of a word was seen in training.

        Numbers count as seen, and words that ask rather than describe.
        """
        parts = re.findall(r"[^\W\d_]+", re.sub(r"['’]\w+", "", word.lower()))
        return all(part in self.words or part in ASKING for part in parts)
