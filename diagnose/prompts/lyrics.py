"""Lyrics in a prompt, for models that sing: told apart from tags, line by line."""

from __future__ import annotations

import regex

from tonescope.diagnose.prompts.phrases import Phrase, phrases_in
from tonescope.models.generator import Text

_LINES = regex.compile(r"\[[^\]\n]*\]|[^\[\n]+")
VOICES = regex.compile(r"vocal|voice|\b(?:sing|choir|a cappella|rap)|lyric", regex.IGNORECASE)
"""What labels of a judge that hears voices speak of."""


def tags_of(prompt: str, text: Text) -> str:
    """A prompt without its lyrics; ``text`` is the prompt as the generator reads it: one row."""
    return prompt[: text.lyrics_from[0]].rstrip() if text.lyrics_from else prompt


def phrases_of_song(prompt: str, text: Text) -> list[Phrase]:
    """The phrases of a prompt: those of its tags, then the lines of its lyrics, and names of parts of the song.

    The first name of a part is none of them: without it, the lyrics would be read as tags.
    """
    if not text.lyrics_from or text.lyrics_from[0] >= len(prompt):
        return phrases_in(prompt, text)
    start, spans = text.lyrics_from[0], text.spans[0]
    tags = [phrase for phrase in phrases_in(prompt[:start], text) if phrase.text.strip()]
    sung = [
        _line(prompt, match.start(), match.end(), spans)
        for number, match in enumerate(_LINES.finditer(prompt, start))
        if number and match.group().strip()
    ]
    return [*tags, *sung]


def _line(prompt: str, start: int, end: int, spans: tuple[tuple[int, int], ...]) -> Phrase:
    """A line without the spaces around it."""
    written = prompt[start:end]
    start, end = start + len(written) - len(written.lstrip()), start + len(written.rstrip())
    tokens = tuple(index for index, (a, b) in enumerate(spans) if a < end and b > start and b > a)
    kind = "structure" if prompt[start] == "[" else "lyrics"
    return Phrase(prompt[start:end], start, end, tokens, kind, name_start=start)  # type: ignore[arg-type]


def hears_voices(labels: tuple[str, ...]) -> bool:
    """Whether some label of a judge speaks of voices."""
    return any(VOICES.search(label) for label in labels)
