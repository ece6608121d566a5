"""What rules look for that no pattern can say: one function a rule, named in ``lint_rules.toml``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import regex

from tonescope.diagnose.judging.genre_names import GenreName, Word, known_label, names_in, nearest_label, relatives
from tonescope.diagnose.judging.intent import SHOWN_RELATIVES
from tonescope.diagnose.judging.refusals import refused
from tonescope.diagnose.prompts.lexicon import lexicon, plain
from tonescope.diagnose.prompts.lyrics import asking_for_voices
from tonescope.diagnose.prompts.phrases import LINKS, Phrase, chunked
from tonescope.diagnose.prompts.rules.lint_rules import RuleBook, rule_book
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.generator import Text
from tonescope.models.vocabulary import Vocabulary

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*")
_LETTERS = regex.compile(r"\p{L}")
_LATIN = regex.compile(r"[\p{Latin}\p{M}]+")
_TWICE = regex.compile(r"\b(\p{L}+)\s+\1\b", regex.IGNORECASE)
_NAME = r"(?P<name>[^,;.!?\n()]{2,60})"
_CAPITALS = regex.compile(r"\p{Lu}[\p{L}.'’-]*(?:\s+(?:\p{Lu}[\p{L}.'’-]*|of|the|and|&))*")
UNKNOWN_TOKENS = frozenset({"[UNK]", "<unk>", "<|unk|>", "⁇"})


@dataclass(frozen=True)
class Found:
    """A stretch of a prompt that a rule found, how that is known, and what it is called if not by its own words."""

    start: int
    end: int
    known: str = ""
    what: str | None = None


@dataclass(frozen=True)
class Reading:
    """A prompt and what is known of it.

    Attributes:
        prompt: as it was typed, without lyrics; ``sung``, those, for a model that sings.
        taxonomy: the genres that are told apart; ``labels``, those that the judge knows.
        text: the prompt as the generator reads it, one row; absent where it cannot, or there is none.
        unreadable: why it cannot be read.
        vocabulary: the words of the generator's training captions, where known.
        sings: whether the generator sings; ``None`` where that is not known.
    """

    prompt: str
    taxonomy: Taxonomy
    labels: tuple[str, ...] = ()
    text: Text | None = None
    unreadable: str = ""
    vocabulary: Vocabulary | None = None
    sings: bool | None = None
    sung: str = ""
    book: RuleBook = field(default_factory=rule_book)

    @cached_property
    def phrases(self) -> tuple[Phrase, ...]:
        """What it is made of."""
        return chunked(self.prompt)

    @cached_property
    def words(self) -> list[tuple[str, int, int]]:
        """Its words with their characters."""
        return [(match.group(), match.start(), match.end()) for match in _WORD.finditer(self.prompt)]

    @cached_property
    def wanted(self) -> list[tuple[GenreName, int, int]]:
        """Genres that it surely asks for, with their characters."""
        words, names = names_in(self.prompt, self.taxonomy)
        no, unclear = refused(words, names)
        return [(name, *_stretch(words, name)) for at, name in enumerate(names) if name.sure and at not in no | unclear]

    def label(self, name: GenreName) -> str:
        """The judge's label for a name, or the name."""
        head = name.parts[0]
        return known_label(head, self.taxonomy, self.labels) or nearest_label(head, self.taxonomy, self.labels) or head


def _stretch(words: list[Word], name: GenreName) -> tuple[int, int]:
    return words[name.first].start, words[name.last].end


def no_word(reading: Reading) -> Iterator[Found]:
    """Nothing but punctuation."""
    if not reading.words and not reading.sung:
        yield Found(0, len(reading.prompt))


def unreadable(reading: Reading) -> Iterator[Found]:
    """What the generator refuses to read: too long for its text encoder, or no text."""
    if reading.unreadable:
        yield Found(0, len(reading.prompt), reading.unreadable)


def too_long(reading: Reading) -> Iterator[Found]:
    """More phrases or words than can each matter."""
    limits, phrases, words = reading.book.limits, len(reading.phrases), len(reading.words)
    if phrases > limits["phrases"]:
        yield Found(reading.phrases[limits["phrases"]].start, len(reading.prompt), f"{phrases} phrases")
    elif words > limits["words"]:
        yield Found(reading.words[limits["words"]][1], len(reading.prompt), f"{words} words")


def unlearned_words(reading: Reading) -> Iterator[Found]:
    """Words that are in no training caption; where captions are not known, those that the tokenizer cuts to pieces."""
    if reading.vocabulary is not None:
        for word, start, end in reading.words:
            if _LATIN.search(word) and not reading.vocabulary.knows(word):
                yield Found(start, end, "it is in none of its training captions")
        return
    spans = reading.text.spans[0] if reading.text and reading.text.spans else ()
    most = reading.book.limits["pieces"]
    for word, start, end in reading.words:
        pieces = sum(first < end and last > start for first, last in spans if last > first)
        if pieces >= most and not word.isdigit() and _LATIN.search(word):
            known = f"its tokenizer cuts it into {pieces} pieces, so it is rare in what the text encoder read"
            yield Found(start, end, f"{known} (the words of its captions are not known)")


def unread_letters(reading: Reading) -> Iterator[Found]:
    """Words of another script that become the unknown token."""
    if reading.text is None or not reading.text.spans:
        return
    tokens, spans = reading.text.tokens[0], reading.text.spans[0]
    unknown = [span for token, span in zip(tokens, spans, strict=False) if token in UNKNOWN_TOKENS]
    for word, start, end in reading.words:
        foreign = _LETTERS.search(word) and not _LATIN.search(word)
        if foreign and any(first < end and last > start for first, last in unknown):
            yield Found(start, end, "its tokenizer has no pieces for these letters")


def two_genres(reading: Reading) -> Iterator[Found]:
    """Names of more than one genre."""
    by_label = {reading.label(name): (name, start, end) for name, start, end in reversed(reading.wanted)}
    if len(by_label) > 1:
        stretches = sorted((start, end, name.text) for name, start, end in by_label.values())
        what = ", ".join(text for _, _, text in stretches)
        yield Found(stretches[1][0], stretches[1][1], str(len(by_label)), what)


def tempo_against_genre(reading: Reading) -> Iterator[Found]:
    """A tempo outside of what the genre is usually played in; numbers may be counted in half or double time."""
    from tonescope.diagnose.elsewhere.prompt_wishes import wishes_of

    labels = [reading.label(name) for name, *_ in reading.wanted]
    usual = next((label for label in labels if label in reading.book.tempos), None)
    wish = wishes_of(reading.prompt).tempo if usual else None
    if usual is None or wish is None:
        return
    low, high = reading.book.tempos[usual]
    factors = (1.0,) if wish.meaning else (0.5, 1.0, 2.0)
    if not any(wish.low * factor <= high and wish.high * factor >= low for factor in factors):
        start = max(0, reading.prompt.find(wish.text))
        yield Found(start, start + len(wish.text), f"{usual} is usually played at {low:g} to {high:g} beats a minute")


def negation(reading: Reading) -> Iterator[Found]:
    """Phrases that refuse."""
    for phrase in reading.phrases:
        if phrase.negates:
            yield Found(phrase.start, phrase.end)


def artist_names(reading: Reading) -> Iterator[Found]:
    """What follows "in the style of" and its like and is no genre, instrument or mood."""
    prompt, book = reading.prompt, reading.book
    told = {phrase.start for phrase in reading.phrases if phrase.kind == "other"}
    seen: set[int] = set()
    for names, capital in ((book.before, False), (book.before_capital, True)):
        leads = "|".join(regex.escape(name) for name in names)
        for match in regex.finditer(rf"(?i)\b(?:{leads})\s+(?:the\s+)?{_NAME}", prompt):
            start, name = match.start("name"), match["name"].rstrip()
            if capital:
                capitals = _CAPITALS.match(name)
                name = capitals.group() if capitals else ""
            if not name or start in seen or _describes(reading, start, start + len(name), told):
                continue
            seen.add(start)
            yield Found(start, start + len(name))
    for after in book.after:
        for match in regex.finditer(rf"({_CAPITALS.pattern}){regex.escape(after)}\b", prompt):
            start, end = match.span(1)
            if start not in seen and not _describes(reading, start, end, told):
                seen.add(start)
                yield Found(start, end)


def _describes(reading: Reading, start: int, end: int, others: set[int]) -> bool:
    """Whether a stretch holds a genre, an instrument or a mood, so that it is no name."""
    if any(first < end and last > start for _, first, last in reading.wanted):
        return True
    inside = [phrase for phrase in reading.phrases if phrase.start < end and phrase.end > start]
    return any(phrase.start not in others and phrase.kind != "other" for phrase in inside)


def vocals(reading: Reading) -> Iterator[Found]:
    """Voices and lyrics, asked of a model that does not sing, as far as that is known."""
    if reading.sings:
        return
    known = "this model does not sing" if reading.sings is False else "whether this model sings is not known"
    for phrase in asking_for_voices(reading.prompt):
        yield Found(max(phrase.name_start, phrase.start), phrase.end, known)


def dangling_words(reading: Reading) -> Iterator[Found]:
    """A link at the end, and words that stand twice."""
    if reading.words:
        word, start, end = reading.words[-1]
        _, roles = lexicon().match([plain(word)])
        if roles & (LINKS - {"function", "asking"}) and roles <= LINKS:
            yield Found(start, end, "nothing follows it")
    for match in _TWICE.finditer(reading.prompt):
        if not _is_a_name(reading, match.group(1)):
            yield Found(match.start(), match.end(), "it stands twice")


def _is_a_name(reading: Reading, word: str) -> bool:
    """Whether a word said twice is a name: "cha cha"."""
    twice = [plain(word)] * 2
    return f"{word} {word}".casefold() in reading.book.twice or lexicon().match(twice)[0] == 2


def no_genre(reading: Reading) -> Iterator[Found]:
    """No genre at all, or none that the judge knows."""
    if not reading.wanted:
        if reading.words:
            yield Found(0, len(reading.prompt))
    elif reading.labels and not any(reading.label(name) in reading.labels for name, *_ in reading.wanted):
        lacking = ", ".join(dict.fromkeys(f"“{name.text}”" for name, *_ in reading.wanted))
        first, start, end = reading.wanted[0]
        near = relatives(first.parts[0], reading.taxonomy, reading.labels)[:SHOWN_RELATIVES]
        instead = f", but {', '.join(near)}" if near else ""
        yield Found(start, end, f": it does not know {lacking}{instead}")


CHECKS: Mapping[str, Callable[[Reading], Iterator[Found]]] = {
    check.__name__: check
    for check in (
        no_word,
        unreadable,
        too_long,
        unlearned_words,
        unread_letters,
        two_genres,
        tempo_against_genre,
        negation,
        artist_names,
        vocals,
        dangling_words,
        no_genre,
    )
}
