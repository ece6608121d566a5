"""Lyrics are told apart from tags, line by line; for models that sing none, nothing is a lyric."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.models.families.ace_step import tiny_ace_step
from tests.models.families.stable_audio import tiny_stable_audio
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import Song, asking_for_voices, hears_voices, phrases_of_song, tags_of
from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.diagnose.settings import Settings, check_prompt
from tonescope.models.errors import TonescopeError
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


def test_case_genres_that_are_sung_do_not_make_a_judge_hear_voices() -> None:
    assert not hears_voices(("rap", "singer-songwriter", "lyrical jazz", "techno"))
    assert hears_voices(("male vocals",)) and hears_voices(("choir",))


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("house with a single guitar", []),
        ("trap, rapid hi-hats", []),
        ("lyrical piano", []),
        ("ambient with singing bowls", []),
        ("jazz with soprano sax", []),
        ("house, no vocals", []),
        ("soul with female vocals", ["female vocals"]),
        ("rap over a boom bap beat", ["rap"]),
        ("a soprano and a choir", ["soprano", "choir"]),
    ],
)
def test_words_that_ask_for_a_voice(prompt: str, asked: list[str]) -> None:
    found = [phrase.name for phrase in asking_for_voices(prompt)]
    assert len(found) == len(asked) and all(one in name for one, name in zip(asked, found, strict=True))


def test_a_song_keeps_what_is_sung_under_other_tags(text: Text) -> None:
    song = Song.of(PROMPT, text)
    assert song.tags == TAGS and song.with_tags(song.tags) == PROMPT
    assert song.with_tags("polka") == f"polka{song.sung}"
    assert Song("", "[verse] la").with_tags("polka") == "polka\n[verse] la"
    plain = Song.of("house [verse]", tiny_stable_audio.generator().read_text(["house [verse]"]))
    assert plain == Song("house [verse]")


def test_case_ordinary_full_lyrics_are_not_refused_where_they_are_read() -> None:
    song = f"house\n[verse]\n{'dancing in the rain ' * 200}"
    check_prompt(song)
    with pytest.raises(TonescopeError, match="lyrics to under 10000"):
        check_prompt(f"house\n[verse]\n{'dancing in the rain ' * 600}")
    with pytest.raises(TonescopeError, match="shorten it to under 2000"):
        check_prompt("dancing in the rain " * 200)
    models = tiny.session().models
    with pytest.raises(TonescopeError, match=r"reads no lyrics|reads at most"):
        Request(song, Settings(seconds=0.5)).check(models)
