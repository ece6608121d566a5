"""Effects of words are found where they are, and a genre that goes astray by itself is not booked as a word's doing."""

from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.audit.word_effects import WordTakes, brought, levels_of, stratified, word_effects
from tonescope.diagnose.genre_statistics.confused_pairs import fisher

LABELS = ("a", "b", "c", "d")


def takes(plays: np.ndarray, asked: np.ndarray, level: np.ndarray) -> WordTakes:
    return WordTakes(asked, plays, LABELS, {"instruments": level}, {"instruments": ("piano", "flute")})


def sampled(seed: int = 0, each: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return np.repeat(np.arange(4), each), random.integers(0, 3, 4 * each)


def test_a_word_that_brings_a_genre_is_flagged_and_the_other_is_not() -> None:
    asked, level = sampled()
    heard = np.where(level == 2, 3, asked)
    effects = word_effects(takes(heard, asked, level))
    assert [(effect.level, effect.heard) for effect in effects if effect.flagged] == [("flute", "d")]
    assert effects[0].difference == pytest.approx(1.0) and effects[0].low > 0.9


def test_a_genre_that_goes_astray_by_itself_is_not_the_words_doing() -> None:
    asked, _ = sampled()
    level = np.where(asked == 0, 2, 0)  # only genre a is ever asked for with a flute, and it is always heard as d
    level[:10] = 0
    heard = np.where(asked == 0, 3, asked)
    assert not any(effect.flagged for effect in word_effects(takes(heard, asked, level)))


def test_by_chance_hardly_ever_a_word_is_flagged() -> None:
    flagged = 0
    for seed in range(40):
        asked, level = sampled(seed)
        random = np.random.default_rng(seed + 1000)
        heard = np.where(random.random(len(asked)) < 0.3, random.integers(0, 4, len(asked)), asked)
        flagged += any(effect.flagged for effect in word_effects(takes(heard, asked, level)))
    assert flagged <= 4


def test_without_strata_it_is_the_difference_of_two_shares() -> None:
    group = np.arange(200) < 100
    hits = (np.arange(200) < 60) | (np.arange(200) >= 170)
    found = stratified(hits, group, np.zeros(200, np.int64))
    assert found.difference == pytest.approx(0.3) and found.low < 0.3 < found.high and found.p < 1e-4


def test_groups_that_never_meet_cannot_be_compared() -> None:
    group = np.array([True, True, False, False])
    found = stratified(group, group, np.array([0, 0, 1, 1]))
    assert (found.p, found.difference) == (1.0, 0.0)


def test_takes_that_a_word_drags_away_are_known() -> None:
    asked, level = sampled()
    heard = np.where(level == 2, 3, asked)
    dragged = brought(takes(heard, asked, level), [("instruments", "flute", "d")])
    assert (dragged == ((level == 2) & (asked != 3))).all() and not brought(takes(heard, asked, level), []).any()
    assert not brought(takes(asked, asked, level), [("instruments", "flute", "d")]).any()


def test_levels_are_told_by_their_place_and_none_is_zero() -> None:
    names = {"instruments": ("piano", "flute"), "moods": ("happy",)}
    found = levels_of([("flute", ""), ("", "happy"), ()], names)
    assert found["instruments"].tolist() == [2, 0, 0] and found["moods"].tolist() == [0, 1, 0]


def test_two_hits_in_two_genres_do_not_make_a_word_sure() -> None:
    """One take of each genre with the word, of eleven; in two of them it alone is heard otherwise, by chance."""
    group = np.tile(np.arange(11) == 0, 13)
    stratum, hits = np.repeat(np.arange(13), 11), np.zeros(143, bool)
    hits[[0, 11]] = True
    found = stratified(hits, group, stratum)
    assert found.p == pytest.approx(1 / 121) and found.difference == pytest.approx(2 / 13)


def test_the_exact_test_is_that_of_fisher_in_one_stratum() -> None:
    random = np.random.default_rng(3)
    hits, group = random.random(60) < 0.4, random.random(60) < 0.5
    found = stratified(hits, group, np.zeros(60, np.int64))
    rest = int((hits & ~group).sum())
    assert found.p == pytest.approx(fisher(int((hits & group).sum()), int(group.sum()), rest, int((~group).sum())))
    assert -1 <= found.low <= found.difference <= found.high <= 1
