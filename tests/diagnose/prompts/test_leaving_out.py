"""The prompt without a phrase reads well."""

from __future__ import annotations

import random

import pytest
import regex

from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import chunked


def rest(prompt: str, name: str) -> str:
    return without(prompt, next(phrase for phrase in chunked(prompt) if phrase.name == name))


@pytest.mark.parametrize(
    ("prompt", "name", "left"),
    [
        ("solo cello, no drums", "no drums", "solo cello"),
        ("Blues, with horns. Live.", "horns", "Blues. Live."),
        ("Blues, with horns. Live.", "Blues", "Horns. Live."),
        ("techno at 78 BPM in 4/4", "78 BPM", "techno in 4/4"),
        ("techno at 78 BPM in 4/4", "4/4", "techno at 78 BPM"),
        ("waltz in the key of A minor, slow", "A minor", "waltz, slow"),
        ("lo-fi beats with accordion", "accordion", "lo-fi beats"),
        ("lo-fi beats with accordion", "lo-fi beats", "accordion"),
        ("drums (funky) solo", "funky", "drums solo"),
        ("jazz, house (deep), funk", "house", "jazz (deep), funk"),
        ("house/drums", "house", "drums"),
        ("jazz, house, funk", "house", "jazz, funk"),
        ("drums, bass and piano", "bass", "drums and piano"),
        ("drums, bass and piano", "piano", "drums and bass"),
        ("drums, bass, and piano", "bass", "drums and piano"),
        ("drums, bass, keys and piano", "piano", "drums, bass and keys"),
        ("with drums, bass and piano", "drums", "with bass and piano"),
        ("a song with piano and drums", "drums", "a song with piano"),
        ("a song with piano and drums", "piano", "a song with drums"),
        ("a funky electro track", "funky", "an electro track"),
        ("an epic techno track with horns", "techno track", "epic with horns"),
        ("house", "house", ""),
        ("A calm song. With strings.", "calm", "A song. With strings."),
        ("not jazz but blues", "not jazz", "blues"),
        ("- piano\n- drums\n- bass", "drums", "- piano\n- bass"),
        ('jazz, "piano", slow', "piano", "jazz, slow"),
    ],
)
def test_a_prompt_without_a_phrase(prompt: str, name: str, left: str) -> None:
    assert rest(prompt, name) == left


NOUNS = (
    "techno",
    "solo cello",
    "drum and bass",
    "no drums",
    "78 BPM",
    "A minor",
    "saxophone solo",
    "dark",
    "zzz",
    "4/4",
)
JOINTS = (", ", " with ", " and ", ". ", " in ", "; ", " – ", " ", ", with a ", " but ", ", and ", " of ")
HANGING = r"\b(?:with|and|but|of|in|a)\s*(?:[.,;)]|$)"


def test_no_phrase_leaves_links_hanging_or_punctuation_doubled() -> None:
    draw = random.Random(0)
    for _ in range(1500):
        parts = [draw.choice(NOUNS)]
        for _ in range(draw.randrange(1, 5)):
            parts += [draw.choice(JOINTS), draw.choice(NOUNS)]
        prompt = "".join(parts)
        for phrase in chunked(prompt):
            left = without(prompt, phrase)
            assert not regex.search(HANGING, left), (prompt, phrase.text, left)
            assert not regex.search(r"[,;.]\s*[,;.]|^[,;.)]|\s[,;.]|\(\s*\)|  |[,;]$", left), (
                prompt,
                phrase.text,
                left,
            )


@pytest.mark.parametrize("prompt", ["爵士，钢琴", "ジャズ piano と", "'90s — «jazz» 🎹"])
def test_other_scripts_and_signs_are_left_out_whole(prompt: str) -> None:
    for phrase in chunked(prompt):
        assert phrase.name not in without(prompt, phrase)
