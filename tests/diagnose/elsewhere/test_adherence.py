"""Whether a file is as asked: octaves count as the tempo, relatives are told apart, and what is unclear is neither
miss nor hit."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.diagnose.elsewhere.made_up_files import file, heard, judged
from tonescope.diagnose.elsewhere.adherence import adherence, genre_by_tags
from tonescope.diagnose.elsewhere.listen_schema import Heard
from tonescope.diagnose.elsewhere.prompt_wishes import wishes_of
from tonescope.diagnose.elsewhere.summary import obeyed_of
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.taxonomy import from_rows

TAXONOMY = from_rows(tiny.ROWS)


def obeyed(found: Heard, prompt: str, label: str | None = None) -> dict[str, str]:
    intent = Intent(label=label, how="named", confidence=1.0, named=label) if label else None
    return {row.aspect: row.obeyed for row in adherence(found, wishes_of(prompt), intent, TAXONOMY)}


@pytest.mark.parametrize(
    ("bpm", "prompt", "told"),
    [
        (120, "120 BPM", "as asked"),
        (123, "120 BPM", "as asked"),
        (60, "120 BPM", "counted otherwise"),
        (150, "75 BPM", "counted otherwise"),
        (180, "75 BPM", "not as asked"),
        (85, "slow", "as asked"),
        (160, "slow", "cannot be told"),
        (160, "slow, 80 BPM", "counted otherwise"),
        (100, "fast", "cannot be told"),
    ],
)
def test_tempo(bpm: float, prompt: str, told: str) -> None:
    assert obeyed(heard(bpm=bpm), prompt) == {"tempo": told}


def test_a_weak_beat_or_none_is_no_miss_and_no_hit() -> None:
    assert obeyed(heard(bpm=None), "120 BPM") == {"tempo": "cannot be told"}
    assert obeyed(heard(bpm=100, confidence="weak"), "120 BPM") == {"tempo": "cannot be told"}
    assert obeyed(heard(bpm=120, confidence="weak"), "120 BPM") == {"tempo": "cannot be told"}


@pytest.mark.parametrize(
    ("prompt", "told"), [("in A minor", "as asked"), ("in C major", "related"), ("in D major", "not as asked")]
)
def test_key(prompt: str, told: str) -> None:
    assert obeyed(heard(), prompt) == {"key": told}
    assert obeyed(heard(clear=False), prompt) == {"key": "cannot be told"}


@pytest.mark.parametrize(
    ("what", "asked", "told"),
    [
        ("house", "house", "as asked"),
        ("smooth jazz", "jazz fusion", "related"),
        ("house", "smooth jazz", "not as asked"),
        (UNSURE, "house", "cannot be told"),
    ],
)
def test_genre(what: str, asked: str, told: str) -> None:
    assert obeyed(heard(judged(what)), "x", asked) == {"genre": told}


def test_files_without_a_clear_key_are_counted_as_unclear_and_not_as_hits() -> None:
    unclear = [file(adherence=adherence(heard(clear=False), wishes_of("in A minor"), None, TAXONOMY)) for _ in range(9)]
    right = file(adherence=adherence(heard(), wishes_of("in A minor"), None, TAXONOMY))
    assert "key" not in obeyed_of(unclear)
    (told,) = [obeyed_of([*unclear, right])["key"]]
    assert (told.count, told.total) == (1, 1)


def test_no_genre_is_held_against_the_sound_where_no_judge_knows_it() -> None:
    assert obeyed(heard(), "house") == {}


@pytest.mark.parametrize(
    ("genres", "told"),
    [
        ({"techno": 0.6, "jazz": 0.1}, "as asked"),
        ({"techno": 0.05, "jazz": 0.6}, "not as asked"),
        ({"techno": 0.4, "jazz": 0.6}, "cannot be told"),
        ({"techno": 0.02, "jazz": 0.1}, "cannot be told"),
        ({"techno": 0.05, "house": 0.6}, "related"),
        ({"techno": 0.05, "electronic": 0.6}, "related"),
        ({"electronic": 0.6, "jazz": 0.1}, "as asked"),
        ({"techno": 0.15, "jazz": 0.1}, "cannot be told"),
        ({"techno": 0.6, "jazz": 0.4}, "cannot be told"),
        ({"techno": 0.6, "house": 0.4}, "as asked"),
    ],
)
def test_genre_by_tags(genres: dict[str, float], told: str) -> None:
    found = genre_by_tags(heard(genres=genres), "dark techno, no jazz")
    assert found is not None and found.obeyed == told and "tagger" in found.sentence


def test_a_genre_without_a_tag_is_not_held_against_the_sound() -> None:
    assert genre_by_tags(heard(genres={"techno": 0.9}), "slow polka") is None
    assert genre_by_tags(heard(), "techno") is None and genre_by_tags(heard(genres={"techno": 0.9}), "a song") is None
