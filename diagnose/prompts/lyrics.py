"""Lyrics in a prompt, for models that sing: told apart from tags, line by line."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from tonescope.diagnose.prompts.phrases import Phrase, chunked, phrases_in
from tonescope.models.generator import Text
from tonescope.models.judges.judge import Judge
from tonescope.models.song_parts import lyrics_from

_LINES = regex.compile(r"\[[^\]\n]*\]|[^\[\n]+")
_HEARD_VOICES = regex.compile(
    r"\b(?:vocals?|vocalists?|voices?|singing|singers?(?!-songwriter)|choirs?|a\s?cappella|spoken word)\b",
    regex.IGNORECASE,
)
"""What labels of a judge that hears voices speak of. Genres that are mostly sung are none: it may know them by their
beat."""
ASKED_VOICES = regex.compile(
    r"\b(?:vocals?|vocalists?|vox|voices?|voice-?overs?|sings?|sung|singers?|singing(?!\s+(?:bowls?|saws?))|choirs?|"
    r"choral|a\s?cappella|rap|rapped|rappers?|rapping|lyrics?|croon\w*|falsetto|spoken word|chants?|chanting|humming|"
    r"beatbox\w*|soprano(?!\s+(?:sax|recorder|ukulele|clarinet))|yodel\w*)\b",
    regex.IGNORECASE,
)
"""Words of a prompt that ask for voices."""
_NO_VOICES = regex.compile(r"\bvocoder\b|\binstrumental\b", regex.IGNORECASE)


@dataclass(frozen=True)
class Song:
    """A prompt in two.

    Attributes:
        tags: what describes the music; all of it, for a model that sings nothing.
        sung: the lyrics, with the space that parts them from the tags; empty where there are none.
    """

    tags: str
    sung: str = ""

    @classmethod
    def of(cls, prompt: str, text: Text) -> Song:
        """``text`` is the prompt as the generator reads it: one row."""
        tags = tags_of(prompt, text)
        return cls(tags, prompt[len(tags) :] if text.lyrics_from and text.lyrics_from[0] < len(prompt) else "")

    @classmethod
    def written(cls, prompt: str) -> Song:
        """As it is written: lyrics begin where a line names a part of a song, whichever model reads it."""
        start = lyrics_from(prompt)
        if start == len(prompt):
            return cls(prompt)
        tags = prompt[:start].rstrip()
        return cls(tags, prompt[len(tags) :])

    def with_tags(self, tags: str) -> str:
        """Other tags with the same lyrics."""
        gap = "" if not tags or not self.sung or self.sung[0].isspace() else "\n"
        return f"{tags}{gap}{self.sung}"


def tags_of(prompt: str, text: Text) -> str:
    """A prompt without its lyrics; ``text`` is the prompt as the generator reads it: one row."""
    if not text.lyrics_from or text.lyrics_from[0] >= len(prompt):
        return prompt
    return prompt[: text.lyrics_from[0]].rstrip()


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


def asking_for_voices(prompt: str) -> list[Phrase]:
    """The phrases that ask for a voice."""
    words = [match.start() for match in ASKED_VOICES.finditer(prompt)]
    return [
        phrase
        for phrase in chunked(prompt)
        if any(phrase.start <= start < phrase.end for start in words)
        and phrase.negates is None
        and not _NO_VOICES.search(phrase.name)
    ]


def hears_voices(labels: tuple[str, ...]) -> bool:
    """Whether some label of a judge speaks of voices."""
    return any(_HEARD_VOICES.search(label) for label in labels)


def voices_caveat(judge: Judge, song: Song, text: Text) -> str | None:
    """What is to be said of voices that are asked of a model that sings, where the judge knows none; ``text`` is the
    prompt as the generator reads it."""
    if not text.lyrics_from or hears_voices(tuple(judge.labels)):
        return None
    if song.sung:
        return (
            f"What is sung, and whether it is, was not judged: {judge.name} hears genres and no words; what a line of "
            "the lyrics does to the genre was."
        )
    if named := asking_for_voices(song.tags):
        return (
            f"Whether there is a voice, as asked for (“{named[0].name}”), is not judged: {judge.name} hears genres and "
            "no voices."
        )
    return None
