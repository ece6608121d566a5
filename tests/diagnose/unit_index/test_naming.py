from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from tests import tiny
from tests.diagnose.unit_index.planted_index import (
    COUNT,
    DEAD,
    KICK,
    NOISE,
    PLACE,
    STIMULUS,
    UNITS,
    has_kick,
    planted_curves,
    planted_index,
)
from tonescope.diagnose.unit_index import naming
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_sample import Sample, heard_labels
from tonescope.diagnose.unit_index.naming import Candidate, kept_names, name_of, name_units, words_of
from tonescope.models.judges.judge import Judge


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> UnitIndex:
    return planted_index(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="module")
def candidates(index: UnitIndex) -> list[Candidate]:
    return name_units(index, PLACE, planted_curves(), tiny.judge())


def of(candidates: list[Candidate], unit: int) -> Candidate | None:
    return name_of([one for one in candidates if one.unit == unit])


def test_planted_units_are_named_by_what_they_follow(candidates: list[Candidate]) -> None:
    by_caption, by_stimulus = of(candidates, KICK), of(candidates, STIMULUS)
    assert by_caption is not None and (by_caption.source, by_caption.label) == ("captions", "kick")
    assert by_caption.score > 0.95
    assert by_stimulus is not None and (by_stimulus.source, by_stimulus.label) == ("stimuli", "kick")
    assert by_stimulus.told == "kick detector" and by_stimulus.by_hand is not None and by_stimulus.by_hand < 0.9


def test_units_that_follow_nothing_have_no_clear_name(candidates: list[Candidate]) -> None:
    named = {unit for unit in range(UNITS) if of(candidates, unit) is not None}
    assert {KICK, STIMULUS} <= named and len(named) <= 4 and NOISE not in named


def test_dead_units_are_not_named(candidates: list[Candidate]) -> None:
    assert not [one for one in candidates if one.unit == DEAD]


def test_names_are_kept(index: UnitIndex, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "_of_captions", lambda *_: pytest.fail("looked again"))
    again = kept_names(index, PLACE, tiny.judge())
    assert again is not None
    assert sorted(map(repr, again)) == sorted(map(repr, candidates))


def test_case_names_that_one_judge_helped_to_find_are_not_anothers(
    index: UnitIndex, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = cast(Judge, SimpleNamespace(fingerprint=lambda: "0" * 16))
    assert candidates
    assert kept_names(index, PLACE, other) is None
    heard = {number: ("house" if has_kick(number) else "polka") for number in range(COUNT)}
    monkeypatch.setattr(naming, "heard_labels", lambda *_: heard)
    theirs = name_units(index, PLACE, planted_curves(), other)
    assert "judge" in {one.source for one in theirs}
    assert sorted(map(repr, kept_names(index, PLACE, other) or ())) == sorted(map(repr, theirs))
    assert "judge" not in {one.source for one in kept_names(index, PLACE, tiny.judge()) or ()}


def test_case_names_that_were_found_with_less_do_not_stay(tmp_path: Path) -> None:
    few = planted_index(tmp_path)
    assert {one.source for one in name_units(few, PLACE, [], tiny.judge())} == {"captions"}
    assert {one.source for one in kept_names(few, PLACE, tiny.judge()) or ()} == {"captions"}
    more = name_units(few, PLACE, planted_curves(), tiny.judge())
    assert (
        {one.source for one in more}
        == {"captions", "stimuli"}
        == {one.source for one in kept_names(few, PLACE, tiny.judge()) or ()}
    )
    assert {one.source for one in name_units(few, PLACE, [], tiny.judge())} == {"captions"}


def test_shuffled_labels_score_one_half(index: UnitIndex) -> None:
    sample = Sample.of(index, PLACE)
    there = np.array([has_kick(number) for number in sample.recordings])
    shuffled = np.random.default_rng(0).permutation(there)
    assert sample.scored(KICK, there)[0] == 1.0
    assert abs(sample.scored(KICK, shuffled)[0] - 0.5) < 0.2
    assert sample.scored(KICK, np.zeros(len(there), dtype=bool)) == (0.5, 1.0), "too few to score"


def test_what_chose_a_word_does_not_score_it(index: UnitIndex) -> None:
    sample = Sample.of(index, PLACE)
    there = np.array([number in set(sample.top[NOISE].tolist()) for number in sample.recordings])
    assert sample.scored(NOISE, there)[0] == 1.0, "its top examples are its most"
    assert sample.scored(NOISE, there, top_excluded=True) == (0.5, 1.0)


def test_the_sample_is_of_all_where_there_are_few(index: UnitIndex) -> None:
    assert sorted(Sample.of(index, PLACE).recordings) == list(range(COUNT))


def test_a_corpus_that_is_gone_leaves_the_judge_out(index: UnitIndex) -> None:
    assert heard_labels(index, tiny.judge()) is None


def test_words_that_name_nothing_are_left_out() -> None:
    assert words_of("A slow song with the Kick-drum at 90 bpm") == {"slow", "kick", "drum"}


def test_a_detector_beats_what_is_made_by_hand() -> None:
    sure = Candidate(0, "stimuli", "kick", 0.95, 0.7, 0.001)
    assert sure.told == "kick detector"
    assert Candidate(0, "stimuli", "kick", 0.95, 0.97, 0.001).told == "responds to kick"
    assert Candidate(0, "captions", "kick", 0.99, None, 0.001).told == "responds to kick", "nothing is known by hand"
    assert Candidate(0, "stimuli", "kick", 0.8, 0.7, 0.001).told == "responds to kick"
    assert not Candidate(0, "stimuli", "kick", 0.95, 0.7, 0.2).holds
    assert name_of([Candidate(0, "stimuli", "kick", 0.6, 0.5, 0.001)]) is None
