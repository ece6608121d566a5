"""Phrases: every letter in one of them, numbers with their units, refusals with what they refuse."""

from __future__ import annotations

import time
import tomllib
from importlib import resources

import pytest
import regex

from tests import tiny
from tonescope.diagnose.prompts.phrases import chunked, phrases_in
from tonescope.models.generator import Text
from tonescope.models.vocabulary import Vocabulary


def spelled(prompt: str, spans: tuple[tuple[int, int], ...]) -> Text:
    """A prompt as a tokenizer reads it that cuts so."""
    text = tiny.generator().read_text(["house"])
    return Text(text.states, text.mask, text.tokens, (spans,))


def test_phrases_have_the_tokens_that_spell_them() -> None:
    prompt = "lo-fi beats, with piano"
    text = tiny.generator().read_text([prompt])
    found = phrases_in(prompt, text)
    assert [(phrase.text, phrase.name) for phrase in found] == [("lo-fi beats", "lo-fi beats"), ("with piano", "piano")]
    assert all(prompt[phrase.start : phrase.end] == phrase.text for phrase in found)
    words = [[text.tokens[0][token] for token in phrase.tokens] for phrase in found]
    assert words[0][0] == "lo" and words[0][-1] == "beats" and words[1] == ["with", "piano"]


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("solo cello, no drums", ["solo cello", "no drums"]),
        ("techno at 78 BPM", ["techno", "78 BPM"]),
        ("techno in 4/4", ["techno", "4/4"]),
        ("waltz in the key of A minor", ["waltz", "A minor"]),
        ("key of A minor, slow", ["key of A minor", "slow"]),
        ("from 120 to 130 bpm", ["120 to 130 bpm"]),
        ("120–130bpm, tempo: 90", ["120–130bpm", "tempo: 90"]),
        ("dark country rock", ["dark", "country rock"]),
        ("electro swing", ["electro swing"]),
        ("house of the rising sun, folk guitar", ["house of the rising sun", "folk", "guitar"]),
        ("saxophone solo, electric guitar", ["saxophone solo", "electric guitar"]),
        ("drum & bass, '90s hip-hop", ["drum & bass", "'90s", "hip-hop"]),
        ("C# minor, F♯ major, B-flat major", ["C# minor", "F♯ major", "B-flat major"]),
        ("Bach's cello, non-stop techno", ["Bach's cello", "non-stop", "techno"]),
        ("rock me gently, smooth jazz", ["rock me gently", "smooth jazz"]),
        ("a metal bowl sound, ambient", ["metal bowl sound", "ambient"]),
        ('"so what" live, a cover of “Take Five”', ["so what", "live", "cover", "“Take Five”"]),
        ("welcome to the jungle, blues", ["welcome to the jungle", "blues"]),
        ("rock 'n' roll, drum'n'bass", ["rock 'n' roll", "drum'n'bass"]),
        ("lo-fi beats, vinyl crackle", ["lo-fi beats", "vinyl crackle"]),
        ("ambient jungle with accordion", ["ambient jungle", "accordion"]),
        ("jazz with (funky) piano", ["jazz", "(funky) piano"]),
        ("three-four time, four on the floor", ["three-four time", "four on the floor"]),
        ("solo de saxophone, mit Klavier", ["solo", "saxophone", "Klavier"]),
        ("orchestral piece, about 90 BPM", ["orchestral piece", "90 BPM"]),
        ("no wave, nothing but drums", ["no wave", "drums"]),
        ("हिन्दी संगीत, cafe\u0301 808s", ["हिन्दी", "संगीत", "cafe\u0301", "808s"]),
    ],
)
def test_names_of_phrases(prompt: str, names: list[str]) -> None:
    assert [phrase.name for phrase in chunked(prompt)] == names


@pytest.mark.parametrize(
    ("prompt", "refused"),
    [
        ("joyful gospel choir, avoid polka", "polka"),
        ("stop the polka", "the polka"),
        ("non-techno", "techno"),
        ("nothing like techno", "techno"),
        ("less techno more house", "techno"),
        ("ohne Polka", "Polka"),
        ("solo cello, no drums", "drums"),
        ("jazz without drums and vocals", "drums and vocals"),
        ("jazz, not too fast", "too fast"),
        ("techno instead of house", "house"),
        ("no drums, bass or vocals, techno", "drums, bass or vocals"),
        ("drum-free ambient", "drum"),
        ("beatless ambient", "beat"),
        ("sans batterie", "batterie"),
        ("don't use any drums", "any drums"),
        ("I don't want drums, jazz", "drums"),
        ("jazz with (no drums)", "drums"),
        ("instrumental only (no singing)", "singing"),
        ("нет ударных", "ударных"),
    ],
)
def test_what_is_refused_stays_with_what_refuses_it(prompt: str, refused: str) -> None:
    assert [phrase.negates for phrase in chunked(prompt) if phrase.kind == "negated"] == [refused]


@pytest.mark.parametrize(
    "prompt",
    ["no wave", "non-stop groove", "nothing but drums", "not only drums", "no", 'a song called "Stop the Polka"'],
)
def test_what_only_looks_like_a_refusal_refuses_nothing(prompt: str) -> None:
    assert not [phrase for phrase in chunked(prompt) if phrase.negates]


def test_kinds() -> None:
    found = chunked("dark techno, 90s, 120 bpm, C major, 3/4, piano, no vocals, zzz")
    kinds = ["mood", "genre", "era", "tempo", "key", "metre", "instrument", "negated", "other"]
    assert [phrase.kind for phrase in found] == kinds


def test_genres_are_those_of_the_one_vocabulary() -> None:
    for name in ("melodic death metal", "acid jazz", "electro swing", "bossa nova", "UK drill", "reggaeton"):
        assert [(phrase.name, phrase.kind) for phrase in chunked(name)] == [(name, "genre")]
    own = tomllib.loads((resources.files("tonescope.diagnose.prompts") / "phrases.toml").read_text(encoding="utf-8"))
    assert "genre" not in own["names"]


def test_scripts_without_spaces_are_cut_where_the_tokenizer_cuts_and_say_so() -> None:
    prompt = "爵士音乐 piano"
    found = phrases_in(prompt, spelled(prompt, ((0, 2), (2, 4), (4, 10))))
    assert [(phrase.text, phrase.in_pieces) for phrase in found] == [("爵士", True), ("音乐", True), ("piano", False)]
    assert [phrase.tokens for phrase in found] == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    "prompt",
    ["a", "with", "?!", "", "🎹 piano 🎶", "1️⃣ x", "the of with", "x" * 500, "no no no", "(with) [and]", "ดนตรีแจ๊ส"],
)
def test_every_letter_is_in_one_phrase(prompt: str) -> None:
    inside = [index for phrase in chunked(prompt) for index in range(phrase.start, phrase.end)]
    assert len(inside) == len(set(inside)) and inside == sorted(inside)
    assert {match.start() for match in regex.finditer(r"[\p{L}\p{N}]", prompt)} <= set(inside)


@pytest.mark.parametrize("part", ["with dark jazz piano, ", "no ", "1/", "of ", "a-", " ", "minor ", "'", "爵"])
def test_long_prompts_are_quick(part: str) -> None:
    begun = time.perf_counter()
    chunked((part * 20_000)[:20_000])
    assert time.perf_counter() - begun < 5.0


def test_what_the_vocabulary_knows() -> None:
    known = Vocabulary(frozenset({"house", "lo", "fi", "bpm"}))
    for word in ("house", "House", "lo-fi", "120bpm", "808", "80s", "don't", "please", "with"):
        assert known.knows(word), word
    for word in ("riddim", "house-riddim", "squeezebox"):
        assert not known.knows(word), word
