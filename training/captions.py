"""Captions of pieces: prompts that somebody could have typed to get them.

The wording is data (``captions.toml``); the facts come from the piece.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from training.score import Piece
from training.tables import Genre, genres, instruments

KINDS = ("named", "oblique", "neutral")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "captions.toml").read_text(encoding="utf-8"))


def _pick(random: np.random.Generator, options: Any) -> str:
    return str(options[random.integers(len(options))])


def tempo_word(bpm: float, random: np.random.Generator) -> str:
    """A word for a tempo in beats per minute, drawn from those of the narrowest range that holds it."""
    return _pick(random, next(words for limit, words in _table()["tempo"].items() if bpm <= float(limit)))


@cache
def _groups_named(text: str) -> tuple[frozenset[str], ...]:
    """For each instrument that a text names, the instrument groups that the name can mean."""
    meant: dict[str, set[str]] = {}
    for instrument in instruments().values():
        for word in {*instrument.words, instrument.group}:
            for name in {word, word.split()[-1]} - set(_table()["vague"]):
                meant.setdefault(name, set()).add(instrument.group)
    meant |= {word: set(groups) for word, groups in _table()["slang"].items()}
    found, left = [], text.lower()
    for name in sorted(meant, key=len, reverse=True):  # "bass guitar" before "guitar"
        left, times = re.subn(rf"\b{re.escape(name)}s?\b", " ", left)
        if times and meant[name]:
            found.append(frozenset(meant[name]))
    return tuple(found)


def names_only_what_plays(text: str, piece: Piece) -> bool:
    """Whether every instrument that a text names plays in the piece."""
    playing = {instruments()[name].group for name in piece.instruments}
    return all(groups & playing for groups in _groups_named(text))


def _true(texts: tuple[str, ...], piece: Piece) -> tuple[str, ...]:
    """The texts that name only instruments that play, and no other style of the piece's genre."""
    others = [style.name for style in genres()[piece.genre].styles if style.name not in (piece.style, piece.genre)]
    return tuple(
        text for text in texts if names_only_what_plays(text, piece) and not any(other in text for other in others)
    )


def _names(genre: Genre, piece: Piece | None = None) -> tuple[str, ...]:
    """Names of a genre, the plain one four times; a piece of the genre is called by no style but its own."""
    styles = tuple(style.name for style in genre.styles)
    if piece is None:
        return (genre.name,) * 4 + genre.aliases + styles
    if piece.genre == genre.name:
        styles = (piece.style,) * len(styles)
    return (genre.name,) * 4 + _true(genre.aliases + styles, piece)


def _with(piece: Piece, random: np.random.Generator) -> str:
    playing = list(dict.fromkeys(piece.instruments))
    if not playing:
        return "drums"
    chosen = [playing[index] for index in random.permutation(len(playing))[: random.integers(1, 4)]]
    words = list(dict.fromkeys(_pick(random, instruments()[name].words) for name in chosen))
    if piece.hits and random.random() < 0.2:
        words.append("drums")
    return (
        ", ".join(words[:-1]) + (" and " if random.random() < 0.8 else ", ") + words[-1] if len(words) > 1 else words[0]
    )


def caption(
    piece: Piece,
    kind: str,
    random: np.random.Generator,
    *,
    genre: str | None = None,
    bpm: float | None = None,
    wording: str = "training",
) -> str:
    """One caption of a piece.

    Args:
        piece: what the caption describes.
        kind: one of :data:`KINDS`.
        random: draws the wording.
        genre: the genre that the caption claims, where that is not the piece's own.
        bpm: the tempo that the caption claims, where that is not the piece's own.
        wording: the set of templates, ``training`` or ``held_out``.
    """
    claimed = genres()[genre or piece.genre]
    tempo = bpm if bpm is not None else piece.tempo
    template = _pick(random, _table()[kind][wording])
    hints = _true(claimed.cues, piece) if kind == "oblique" or random.random() < 0.7 else claimed.moods
    words = {
        "genre": _pick(random, _names(claimed, piece)),
        "hint": _pick(random, hints),
        "mood": _pick(random, claimed.moods),
        "tempo": tempo_word(tempo, random),
        "bpm": f"{tempo:.0f}",
        "with": _with(piece, random),
        "noun": _pick(random, _table()["nouns"]),
    }
    return re.sub(r"\ba (?=[aeiou8])", "an ", template.format(**words))


def words_of(text: str) -> list[str]:
    """The words of a caption or prompt, lower case, in order; numbers count as words."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower())


def caption_words(genre: Genre) -> frozenset[str]:
    """The words that captions of one genre can say about it."""
    return frozenset(word for text in (*_names(genre), *genre.moods, *genre.cues) for word in words_of(text))


@cache
def vocabulary() -> frozenset[str]:
    """Every word that a training caption can contain (numbers apart)."""
    table = _table()
    texts: list[str] = [*table["nouns"], "drums", "and"]
    for words in table["tempo"].values():
        texts += words
    for kind in KINDS:
        texts += [re.sub(r"\{\w+\}", " ", template) for template in table[kind]["training"]]
    for instrument in instruments().values():
        texts += instrument.words
    words = frozenset(word for text in texts for word in words_of(text))
    return words.union(*(caption_words(genre) for genre in genres().values()))


@cache
def scenes() -> tuple[str, ...]:
    """Prompts that mean no genre, kept out of all training."""
    return tuple(tomllib.loads((resources.files(__package__) / "evaluation/scenes.toml").read_text("utf-8"))["scenes"])


@cache
def unseen_prompts() -> tuple[tuple[str, str], ...]:
    """(prompt, genre) pairs kept out of all training."""
    table = tomllib.loads((resources.files(__package__) / "evaluation/unseen_prompts.toml").read_text(encoding="utf-8"))
    return tuple((prompt, genre) for genre, prompts in table.items() for prompt in prompts)
