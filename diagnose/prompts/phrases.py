"""Phrases of a prompt: what they are, where they are, which tokens spell them, and what they refuse.

A chunker of a few rules over the names of ``phrases.toml``: no model, no state, linear time.
Every letter of a prompt belongs to exactly one phrase. Words that link ("with", "and", "a") belong to the phrase that
they introduce; words that refuse ("no", "instead of") belong to what they refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import regex

from tonescope.diagnose.prompts.enclosed import TITLES, Enclosed, enclosed_in
from tonescope.diagnose.prompts.lexicon import lexicon
from tonescope.diagnose.prompts.units_of_meaning import Unit, units_of
from tonescope.models.generator import Text

Kind = Literal["genre", "instrument", "tempo", "key", "metre", "negated", "era", "mood", "lyrics", "structure", "other"]
_KINDS: tuple[Kind, ...] = ("key", "metre", "tempo", "genre", "instrument", "era", "mood")  # the first that fits
_OF_A_SONG = ("me", "you", "it", "my", "your")  # "rock me gently"
_OTHER: Kind = "other"
SUNG: tuple[Kind, ...] = ("lyrics", "structure")
LINKS = frozenset({"coordinator", "preposition", "article", "function", "asking"})
PIECES_CAVEAT = (
    "Part of the prompt is in a script without spaces between words: it was cut where the generator's tokenizer cuts, "
    "which need not be where words end, and what it refuses there (“no drums”) is not told apart from what it asks for."
)
MOST_MODIFIERS = 4  # between "with" and its instrument
MOST_REFUSED = 8  # things that one "no" refuses
_PAUSES = regex.compile(r"[.,;!?…。，！？\n]")


@dataclass(frozen=True)
class Phrase:
    """A phrase of a prompt.

    Attributes:
        text: what is written, with the words that link it.
        start, end: its characters in the prompt.
        tokens: which tokens spell it.
        kind: what it speaks of.
        negates: what it refuses, where it does.
        name_start: where the phrase begins without "with", "and", "a" and their like.
        in_pieces: it was cut where the tokenizer cuts, as its script has no spaces between words.
    """

    text: str
    start: int
    end: int
    tokens: tuple[int, ...] = ()
    kind: Kind = "other"
    negates: str | None = None
    name_start: int = -1
    in_pieces: bool = False

    @property
    def name(self) -> str:
        """The phrase without the words that link it: "accordion" of "with accordion"."""
        return self.text[max(self.name_start - self.start, 0) :]

    @property
    def link(self) -> str:
        """The words that link it: "with " of "with accordion"."""
        return self.text[: max(self.name_start - self.start, 0)]


def phrases_in(prompt: str, text: Text) -> list[Phrase]:
    """The phrases of a prompt, in reading order, with the tokens that spell them.

    ``text`` is the prompt as the generator reads it: one row. Where a script has no spaces between words, phrases
    end where tokens do (:attr:`Phrase.in_pieces`).
    """
    spans = text.spans[0] if text.spans else ()
    found: list[Phrase] = []
    for phrase in chunked(prompt):
        found += _pieces(phrase, spans) if phrase.in_pieces else [phrase]
    return _with_tokens(found, spans)


@lru_cache(maxsize=16)
def chunked(prompt: str) -> tuple[Phrase, ...]:
    """The phrases of a prompt without their tokens; scripts without spaces uncut."""
    return tuple(_Chunker(prompt).phrases())


def _with_tokens(phrases: Sequence[Phrase], spans: Sequence[tuple[int, int]]) -> list[Phrase]:
    """Both in reading order, so that one pass finds who spells whom."""
    order = sorted((start, end, index) for index, (start, end) in enumerate(spans) if end > start)
    found, first = [], 0
    for phrase in phrases:
        while first < len(order) and order[first][1] <= phrase.start:
            first += 1
        inside, at = [], first
        while at < len(order) and order[at][0] < phrase.end:
            if order[at][1] > phrase.start:
                inside.append(order[at][2])
            at += 1
        found.append(replace(phrase, tokens=tuple(sorted(inside))))
    return found


def _pieces(phrase: Phrase, spans: Sequence[tuple[int, int]]) -> list[Phrase]:
    """A stretch of a script without spaces, cut where tokens begin, never within what is read as one character."""
    whole = {phrase.start + match.start() for match in regex.finditer(r"\X", phrase.text)}
    cuts = sorted({start for start, end in spans if end > start} & whole | {phrase.start})
    ends = [*cuts[1:], phrase.end]
    return [
        replace(
            phrase, text=phrase.text[start - phrase.start : end - phrase.start], start=start, end=end, name_start=start
        )
        for start, end in zip(cuts, ends, strict=True)
    ]


class _Chunker:
    """The rules, applied from left to right over the units of one prompt."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.units = units_of(prompt)
        self.enclosed = enclosed_in(prompt, self.units)

    def phrases(self) -> list[Phrase]:
        found: list[Phrase] = []
        at = 0
        while at < len(self.units):
            name = at
            while self._has(name, LINKS) and self._links_to(name + 1):
                name += 1
            phrase, past = self._whole(at, name) or self._phrase(at, name)
            previous = found[-1] if found else None
            if previous and self._belongs_before(at, name, past, previous):
                text = self.prompt[previous.start : phrase.end]
                found[-1] = replace(previous, text=text, end=phrase.end)
            else:
                found.append(phrase)
            at = past
        return found

    def _links_to(self, index: int) -> bool:
        """Whether a link reaches the unit: signs that enclose or adorn it are no bar, a pause is."""
        if index >= len(self.units) or self.units[index].unspaced:
            return False
        glue = self.units[index].glue
        return bool(glue) and not _PAUSES.search(glue) and index not in self.enclosed

    def _whole(self, at: int, name: int) -> tuple[Phrase, int] | None:
        """What quotes enclose, and what brackets enclose that a link leads to, with its noun: "with (funky) piano"."""
        if (inner := self.enclosed.get(name)) and at == name:
            if self.prompt[inner.opened] not in TITLES or inner.past == name + 1 or self._lists(name, inner.past):
                return None
            return self._made(at, name, inner.past, "other", None), inner.past
        inner = first = self.enclosed.get(name + 1)
        if inner is None or first is None or not self._has(name, LINKS):
            return None
        if _PAUSES.search(self.prompt[self.units[name].end : inner.opened]):
            return None
        if self._has(name + 1, {"negator", "refused"}) and not self._has(
            name, {"preposition", "coordinator", "article"}
        ):
            return None
        title = self.prompt[inner.opened] in TITLES and inner.past > name + 2
        kind, negates = (_OTHER, None) if title else self._inner_kind(name + 1, inner.past)
        past, end = inner.past, inner.closed
        while (inner := self.enclosed.get(past)) and self.prompt[end : inner.opened].isspace():  # "(very slow) (felt)"
            past, end = inner.past, inner.closed
        if past < len(self.units) and self.prompt[end : self.units[past].start].isspace() and self._starts_noun(past):
            past, kind = self._noun(past, True)
            end = self.units[past - 1].end
        start = self.units[at].start
        return Phrase(self.prompt[start:end], start, end, (), kind, negates, first.opened), past

    def _inner_kind(self, first: int, past: int) -> tuple[Kind, str | None]:
        """The kind of what is enclosed, and what that refuses."""
        inside, _ = self._phrase(first, first)
        if inside.negates:
            return "negated", self.prompt[inside.end - len(inside.negates) : self.units[past - 1].end]
        return (self._kind(self.units[first]) if past == first + 1 else "other"), None

    def _leads_to(self, index: int, inner: Enclosed) -> bool:
        """Whether only space stands between a unit and what is enclosed after it."""
        return self.prompt[self.units[index].end : inner.opened].isspace()

    def _starts_noun(self, index: int) -> bool:
        return not self.units[index].unspaced and not self._has(index, LINKS | {"negator", "refused"})

    def _lists(self, first: int, past: int) -> bool:
        """Whether quotes enclose a whole prompt or a list rather than a name."""
        return any(_PAUSES.search(self.units[index].glue) for index in range(first + 1, past))

    def _belongs_before(self, at: int, name: int, past: int, previous: Phrase) -> bool:
        """Links that introduce nothing ("to dance to"), and "of" ("the sound of rain")."""
        if not self.units[at].joined or previous.in_pieces:
            return False
        if past == name + 1 and self._has(name, LINKS):
            return True
        of = name > at and self.units[at].words == ("of",)
        return of and previous.kind == "other"

    def _phrase(self, at: int, name: int) -> tuple[Phrase, int]:
        """The phrase whose links begin at unit ``at`` and whose name begins at unit ``name``, and the unit after it."""
        unit = self.units[name]
        negates, kind = None, None
        linked = any(self._has(index, {"preposition"}) for index in range(at, name))
        if unit.unspaced:
            name_end = name + 1
            if at == name:
                return self._made(at, name, name_end, "other", None, in_pieces=True), name_end
        elif "refused" in unit.roles:
            name_end, kind, negates = name + 1, "negated", self._refused_part(unit)
            name_end = self._forms(name_end)
        elif "negator" in unit.roles and (inner := self.enclosed.get(name + 1)) and self._leads_to(name, inner):
            start = self.units[at].start
            inside = self.prompt[self.units[name + 1].start : self.units[inner.past - 1].end]
            return Phrase(
                self.prompt[start : inner.closed], start, inner.closed, (), "negated", inside, unit.start
            ), inner.past
        elif "negator" in unit.roles and self._goes_on(name + 1):
            first = name
            while self._has(first + 1, {"verb"}) and self._goes_on(first + 2):
                first += 1
            name_end = self._refused(name, first + 1)
            kind, negates = "negated", self.prompt[self.units[first + 1].start : self.units[name_end - 1].end]
        else:
            name_end, kind = self._noun(name, linked)
        return self._made(at, name, name_end, kind or "other", negates), name_end

    def _made(
        self, at: int, name: int, past: int, kind: str, negates: str | None, *, in_pieces: bool = False
    ) -> Phrase:
        start, end = self.units[at].start, self.units[past - 1].end
        begins = self.units[name].start
        return Phrase(self.prompt[start:end], start, end, (), kind, negates, begins, in_pieces)  # type: ignore[arg-type]

    def _has(self, index: int, roles: frozenset[str] | set[str]) -> bool:
        return index < len(self.units) and bool(self.units[index].roles & roles)

    def _goes_on(self, index: int) -> bool:
        """Whether a unit is there and only space parts it from the one before."""
        return index < len(self.units) and self.units[index].joined and not self.units[index].unspaced

    def _content(self, index: int) -> bool:
        """Whether a unit goes on and neither links nor refuses."""
        return self._goes_on(index) and not self._has(index, LINKS | {"negator", "refused"})

    def _kind(self, unit: Unit) -> Kind:
        if "other" in unit.roles:
            return "other"
        return next((kind for kind in _KINDS if kind in unit.roles), "other")

    def _forms(self, index: int) -> int:
        """The unit after the nouns that stay with what is before them ("solo", "beats")."""
        while self._content(index) and self._has(index, {"form"}) and not self._qualifies(index):
            index += 1
        return index

    def _qualifies(self, index: int) -> bool:
        """Whether a unit says what kind of an instrument follows."""
        while self._has(index, {"qualifier"}) and self._content(index + 1):
            if self._has(index + 1, {"instrument"}):
                return True
            index += 1
        return False

    def _noun(self, index: int, linked: bool) -> tuple[int, Kind]:
        """The unit after the name that begins here, and its kind."""
        unit = self.units[index]
        if linked and (head := self._instrument_ahead(index)):
            return self._forms(head + 1), "instrument"
        if "degree" in unit.roles and self._content(index + 1):
            return self._noun(index + 1, False)
        if self._qualifies(index):
            while not self._has(index + 1, {"instrument"}):
                index += 1
            return self._forms(index + 2), "instrument"
        kind = self._kind(unit)
        if kind == "other" and "qualifier" in unit.roles and self._has(index + 1, {"form"}):
            return self._forms(index + 1), kind
        if kind == "genre":
            while self._content(index + 1) and self._another_genre(index + 1):
                index += 1  # names side by side are one genre ("ambient jungle")
        if kind in ("genre", "instrument"):
            return self._forms(index + 1), kind
        if kind == "other" and "other" in unit.roles:
            return self._title(index), kind
        if kind == "other" and unit.words[-1].endswith("'s") and self._content(index + 1):
            return self._noun(index + 1, False)
        if kind == "tempo" and self._has(index + 1, {"form"}) and self.units[index + 1].words == ("tempo",):
            return index + 2, kind
        if linked and kind in ("mood", "other", "tempo") and self._content(index + 1) and not unit.roles & {"form"}:
            following = self._kind(self.units[index + 1])
            if following == "other":
                return self._forms(index + 2), kind if kind != "tempo" else "tempo"
        return index + 1, kind

    def _another_genre(self, index: int) -> bool:
        """Whether a unit is a genre, and not the one before it once more."""
        return self._kind(self.units[index]) == "genre" and self.units[index].words != self.units[index - 1].words

    def _instrument_ahead(self, index: int) -> int:
        """The unit of the instrument that moods and other words lead to ("with a gentle felt piano"); 0 if none."""
        for ahead in range(index, index + 1 + MOST_MODIFIERS):
            if ahead > index and not self._content(ahead):
                return 0
            if self._has(ahead, {"instrument"}) and not self._qualifies(ahead):
                return ahead
            if self._has(ahead, {"genre", "key", "metre", "era"}) or self._has(ahead, {"tempo"}):
                return 0
        return 0

    def _title(self, index: int) -> int:
        """The unit after a name that is more than its words: "house of the rising sun", "rock me gently"."""
        last, end = self.units[index].words[-1], index + 1
        if last == "of":
            while end < index + 5 and self._goes_on(end) and not self._has(end, {"genre", "instrument", "negator"}):
                end += 1
        elif last in _OF_A_SONG and self._content(end) and not self._has(end, {"genre", "instrument"}):
            end += 1
        return self._forms(end)

    def _refused(self, negator: int, first: int) -> int:
        """The unit after everything that the negator refuses, from ``first`` on."""
        reaching = " ".join(self.units[negator].words) in lexicon().reaching
        end = self._refused_one(first)
        for _ in range(MOST_REFUSED):
            links = self.units[end].words if end < len(self.units) else ()
            if not links or not self._goes_on(end + 1):
                listed = self._listed(end)
                if not listed:
                    break
                end = listed
                continue
            alternative = links[0] in ("or", "nor", "oder", "ou") and self._has(end, {"coordinator"})
            also = reaching and links == ("and",) and self._has(end + 1, {"instrument"})
            if (alternative and self.units[end].glue.strip(" ,") == "") or (also and self.units[end].joined):
                end = self._refused_one(end + 1)
            elif listed := self._listed(end):
                end = listed
            else:
                break
        return end

    def _listed(self, index: int) -> int:
        """The unit after the next thing of a list that ends with "or": ", bass or vocals"; 0 where there is none."""
        end = index
        for _ in range(MOST_REFUSED):
            if end >= len(self.units) or self.units[end].glue.strip() != ",":
                return 0
            if self.units[end].roles & (LINKS | {"negator", "refused"}):
                return 0
            end = self._refused_one(end)
            if end < len(self.units) and self.units[end].words in (("or",), ("nor",)):
                return end if self._goes_on(end + 1) else 0
        return 0

    def _refused_one(self, index: int) -> int:
        """The unit after the thing that begins here: fillers, moods and qualifiers, then one head."""
        end = index
        graded = False
        while self._has(end, LINKS - {"coordinator"} | {"degree"}) and self._goes_on(end + 1):
            graded |= self._has(end, {"degree"})
            end += 1
        for _ in range(MOST_MODIFIERS):
            kind = self._kind(self.units[end])
            modifies = self._qualifies(end) or (kind in ("mood", "era") and not graded)
            plain_word = kind == "other" and not self.units[end].roles
            if not (modifies or plain_word) or not self._content(end + 1):
                break
            ahead = self.units[end + 1].roles
            if plain_word and not ahead & {"instrument", "form", "genre"} and ahead:
                break
            if plain_word and ahead & {"genre"}:
                break
            end += 1
        return self._forms(end + 1)

    def _refused_part(self, unit: Unit) -> str:
        """What "non-techno", "drum-free" and "beatless" refuse."""
        known = lexicon()
        if len(unit.words) == 1:
            return known.refusing_words[unit.words[0]]
        written = self.prompt[unit.start : unit.end]
        if unit.words[0] in known.refusing_prefixes:
            return regex.split(r"[-‐‑]", written, maxsplit=1)[1]
        return regex.split(r"[-‐‑]", written)[0] if len(unit.words) == 2 else written[: -len(unit.words[-1]) - 1]
