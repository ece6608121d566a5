"""Words: found with their tokens, and left out without leaving crumbs."""

from __future__ import annotations

import pytest

from tests import tiny
from tonescope.diagnose.attribution.words import Word, without, words_in
from tonescope.models.vocabulary import Vocabulary


def rest(prompt: str, word: str) -> str:
    start = prompt.index(word)
    return without(prompt, Word(word, start, start + len(word), ()))


def test_words_have_the_tokens_that_spell_them() -> None:
    prompt = "lo-fi beats, with piano"
    text = tiny.generator().read_text([prompt])
    found = words_in(prompt, text)
    assert [word.text for word in found] == ["lo-fi", "beats", "with", "piano"]
    assert all(prompt[word.start : word.end] == word.text for word in found)
    spelled = [[text.tokens[0][token] for token in word.tokens] for word in found]
    assert spelled[1:] == [["beats"], ["with"], ["piano"]] and spelled[0][0] == "lo" and spelled[0][-1] == "fi"


def test_marks_belong_to_the_letters_they_stand_on() -> None:
    text = tiny.generator().read_text(["house"])
    assert [word.text for word in words_in("हिन्दी संगीत, cafe\u0301 808s", text)] == [
        "हिन्दी",
        "संगीत",
        "cafe\u0301",
        "808s",
    ]


@pytest.mark.parametrize(
    ("prompt", "word", "left"),
    [
        ("lo-fi beats with accordion", "accordion", "lo-fi beats"),
        ("lo-fi beats with accordion", "beats", "lo-fi with accordion"),
        ("drums (funky) solo", "funky", "drums solo"),
        ("house/drums", "house", "drums"),
        ("jazz, house, funk", "house", "jazz, funk"),
        ("jazz, house", "jazz", "house"),
        ("rock and roll", "roll", "rock"),
        ("a song with piano and drums", "drums", "a song with piano"),
        ("house", "house", ""),
        ("house with piano", "house", "piano"),
        ("rock and roll", "rock", "roll"),
    ],
)
def test_a_prompt_without_a_word(prompt: str, word: str, left: str) -> None:
    assert rest(prompt, word) == left


def test_what_the_vocabulary_knows() -> None:
    known = Vocabulary(frozenset({"house", "lo", "fi", "bpm"}))
    for word in ("house", "House", "lo-fi", "120bpm", "808", "80s", "don't", "please", "with"):
        assert known.knows(word), word
    for word in ("riddim", "house-riddim", "squeezebox"):
        assert not known.knows(word), word
