"""A prompt cut into words, and words into the smallest units of meaning: names, numbers with their units, compounds."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from tonescope.diagnose.prompts.lexicon import NOTHING, Roles, lexicon, plain

# Scripts that are written without spaces between words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{UNSPACED}]]"
_SPELLED = rf"{_LETTER}(?:{_LETTER}|[\p{{M}}\u200c\u200d])*"
_WORD = regex.compile(
    rf"(?V1)[{UNSPACED}][{UNSPACED}\p{{M}}]*"
    r"|[wW]/[oO]?(?=\s)"
    r"|\p{N}+(?:[.,]\p{N}+)+"
    r"|[A-Ga-g][#♯♭](?![\p{L}\p{N}])"
    rf"|{_SPELLED}(?:['’]{_SPELLED})*"
    r"|(?<=\s)[&+](?=\s)|(?<=\w)&(?=\w)"
)
_UNSPACED = regex.compile(f"[{UNSPACED}]")
_CLOSE = regex.compile(r"\s*['’]?[-‐‑]?\s*['’]?")  # between the words of one name ("rock 'n' roll")
MOST_NAME_WORDS = 7


@dataclass(frozen=True)
class Unit:
    """A unit of meaning.

    Attributes:
        start, end: its characters.
        words: its words as names are looked up.
        roles: what it may be.
        glue: what stands between the unit before and this one.
        unspaced: whether it is written in a script without spaces.
    """

    start: int
    end: int
    words: tuple[str, ...]
    roles: Roles
    glue: str
    unspaced: bool = False

    @property
    def joined(self) -> bool:
        """Whether only space stands before it."""
        return bool(self.glue) and self.glue.isspace() and "\n" not in self.glue


@dataclass(frozen=True)
class _Word:
    plain: str
    start: int
    end: int
    glue: str


def _words(prompt: str) -> list[_Word]:
    found: list[_Word] = []
    past = 0
    for match in _WORD.finditer(prompt):
        found.append(_Word(plain(match.group()), match.start(), match.end(), prompt[past : match.start()]))
        past = match.end()
    return found


def _near(words: list[_Word], index: int) -> list[str]:
    """The words from ``index`` on that could be one name."""
    near = [words[index].plain]
    for word in words[index + 1 : index + MOST_NAME_WORDS]:
        if not _CLOSE.fullmatch(word.glue):
            break
        near.append(word.plain)
    return near


def _written(prompt: str, words: list[_Word], index: int) -> tuple[int, str]:
    """How many words a tempo, metre, key … takes that begins here, and its kind; 0 where there is none."""
    start = words[index].start
    for kind, pattern in lexicon().patterns:
        match = pattern.match(prompt, start)
        if match is None:
            continue
        count = 1
        while index + count < len(words) and words[index + count].end <= match.end():
            count += 1
        cut = index + count < len(words) and words[index + count].start < match.end()
        if not cut and words[index + count - 1].end <= match.end():
            return count, kind
    return 0, ""


def _measure(prompt: str, words: list[_Word], index: int) -> tuple[int, Roles]:
    """The unit that begins with this word: how many words, and its roles."""
    known = lexicon()
    near = _near(words, index)
    named, roles = known.match(near)
    written, kind = _written(prompt, words, index) if near[0] not in ("a", "and") or len(near) > 1 else (0, "")
    if written and written >= named:
        return written, frozenset({kind})
    return (named, roles) if named else (1, NOTHING)


def units_of(prompt: str) -> list[Unit]:
    """The units of meaning of a prompt, in reading order; a compound with hyphens is one."""
    words, index, known = _words(prompt), 0, lexicon()
    found: list[Unit] = []
    while index < len(words):
        first = words[index]
        count, roles = _measure(prompt, words, index)
        named = count
        while index + count < len(words) and regex.fullmatch(r"[-‐‑]", words[index + count].glue):
            count += 1
            roles = (roles | known.match([words[index + count - 1].plain])[1]) - {
                "article",
                "preposition",
                "coordinator",
                "function",
                "asking",
                "degree",
            }
        parts = words[index : index + count]
        hyphened = [part.glue for part in parts[1:]]
        inside = tuple(part.plain for part in parts)
        if (
            len(parts) > 1
            and "other" not in roles
            and not ("genre" in roles and named == len(parts))
            and (
                (parts[0].plain in known.refusing_prefixes and hyphened[0] in "-‐‑")
                or (parts[-1].plain in known.refusing_suffixes and hyphened[-1] in "-‐‑")
            )
        ):
            roles = frozenset({"refused"})
        if len(parts) == 1 and parts[0].plain in known.refusing_words:
            roles = frozenset({"refused"})
        unspaced = bool(_UNSPACED.match(prompt, first.start))
        start = first.start
        # "'90s": the apostrophe is of the word
        if "era" in roles and start and prompt[start - 1] in "'’" and (start < 2 or not prompt[start - 2].isalnum()):
            start -= 1
        past = found[-1].end if found else 0
        found.append(Unit(start, parts[-1].end, inside, roles, prompt[past:start], unspaced))
        index += count
    return found
