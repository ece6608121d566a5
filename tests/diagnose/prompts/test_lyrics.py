"""Lyrics are told apart from tags, line by line; for models that sing none, nothing is a lyric."""

from __future__ import annotations

import pytest

from tests.models.families.ace_step import tiny_ace_step
from tests.models.families.stable_audio import tiny_stable_audio
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import hears_voices, phrases_of_song, tags_of
from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.models.generator import Text

TAGS = "smooth jazz with piano, fast drums"
PROMPT = f"{TAGS}\n[verse]\nslow house music\n\nwith a song\n[chorus] lo fi beats"


@pytest.fixture(scope="module")
def text() -> Text:
    return tiny_ace_step.generator().read_text([PROMPT], 4.0)


@pytest.fixture(scope="module")
def phrases(text: Text) -> list[Phrase]:
    return phrases_of_song(PROMPT, text)


def test_lines_of_lyrics_are_phrases_of_their_own(phrases: list[Phrase], text: Text) -> None:
    sung = [(phrase.kind, phrase.text) for phrase in phrases if phrase.start >= len(TAGS)]
    assert sung == [
        ("lyrics", "slow house music"),
        ("lyrics", "with a song"),
        ("structure", "[chorus]"),
        ("lyrics", "lo fi beats"),
    ]
    for phrase in phrases:
        assert PROMPT[phrase.start : phrase.end] == phrase.text
        spelled = {text.tokens[0][index] for index in phrase.tokens}
        assert spelled <= {*phrase.text.split(), "[UNK]"} and spelled, phrase


def test_genres_are_read_in_the_tags_alone(phrases: list[Phrase], text: Text) -> None:
    assert tags_of(PROMPT, text) == TAGS
    assert [phrase.text for phrase in phrases if phrase.kind == "genre"] == ["smooth jazz"]


def test_without_a_line_all_else_is_sung_as_it_was(phrases: list[Phrase]) -> None:
    left = {phrase.text: without(PROMPT, phrase) for phrase in phrases}
    assert left["with a song"] == f"{TAGS}\n[verse]\nslow house music\n\n[chorus] lo fi beats"
    assert left["[chorus]"] == f"{TAGS}\n[verse]\nslow house music\n\nwith a song\nlo fi beats"
    assert left["lo fi beats"] == f"{TAGS}\n[verse]\nslow house music\n\nwith a song\n[chorus]"
    assert "[verse]" in left["drums"] and "slow house music" in left["drums"]


def test_a_model_that_sings_nothing_reads_all_of_it_as_tags() -> None:
    generator = tiny_stable_audio.generator()
    prompt = "smooth jazz [verse] slow house"
    text = generator.read_text([prompt])
    assert tags_of(prompt, text) == prompt
    assert not {phrase.kind for phrase in phrases_of_song(prompt, text)} & {"lyrics", "structure"}


def test_judges_that_hear_voices_are_known_by_their_labels() -> None:
    assert not hears_voices(("techno", "jazz", "trap")) and hears_voices(("a cappella", "techno"))
