"""The words' test from outside: pairs where seeds hold, groups where not, and nothing claimed without a judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.diagnose.elsewhere.made_up_files import heard, judged
from tonescope.diagnose.audio_files.collecting import SoundFile
from tonescope.diagnose.elsewhere.listen_schema import WordsFromOutside
from tonescope.diagnose.elsewhere.request_plan import Answers
from tonescope.diagnose.elsewhere.words_from_outside import Answer, compare_words, difference, paired_difference

SEEDS = range(1, 9)


def answer(variant: str, seed: int | None, sound: int, what: str = "house", probability: float = 0.9) -> Answer:
    """``sound`` decides how it sounds: equal numbers, equal sounds."""
    about = {"variant": variant, "prompt": variant, "left_out": "accordion", "seed": "" if seed is None else str(seed)}
    name = f"{variant}-{seed}-{sound}.wav"
    frames = np.random.default_rng(sound).standard_normal((80, 40)).astype(np.float32) * 6
    row = SoundFile(Path(name), name, about)
    return Answer(row, heard(judged(what, probability)), frames.mean(0) - frames.mean(), frames)


def compared(answers: list[Answer], *, judges: bool = True) -> WordsFromOutside:
    return compare_words(Answers(tuple(each.row for each in answers), "whole", "lyria-2"), answers, [], judges=judges)


def whole(seeds: bool = True) -> list[Answer]:
    return [answer("whole", seed if seeds else None, seed, probability=0.9 + seed / 200) for seed in SEEDS]


def without(seeds: bool = True, what: str = "smooth jazz") -> list[Answer]:
    return [answer("without:1", seed if seeds else None, 100 + seed, what, 0.8 + seed / 100) for seed in SEEDS]


def test_takes_of_one_seed_are_compared_pair_by_pair_where_seeds_hold() -> None:
    found = compared([*whole(), answer("whole_again", 1, 1), *without()])
    (word,) = found.words
    assert found.seeds_hold is True and word.paired and word.badge == "tested" and word.takes == 8
    assert word.margin is not None and word.margin.mean < -3 and word.q is not None and word.q < 0.01
    assert word.with_it is not None and word.without_it is not None
    assert word.with_it.count == 8 and word.without_it.count == 0
    assert word.sentence.endswith("(with it, 8 of 8); its probability surely falls.")


@pytest.mark.parametrize("again", [[answer("whole_again", 1, 999)], []])
def test_where_seeds_do_not_hold_or_nobody_knows_groups_are_compared_and_it_is_observed(again: list[Answer]) -> None:
    found = compared([*whole(), *again, *without()])
    (word,) = found.words
    assert found.seeds_hold is (False if again else None)
    assert not word.paired and word.badge == "observed" and word.margin is not None and word.margin.mean < -3


def test_without_seeds_groups_are_compared() -> None:
    (word,) = compared([*whole(False), *without(False)]).words
    assert word.badge == "observed" and word.takes == 8


def test_where_the_judge_knows_no_such_sounds_only_the_sound_is_compared() -> None:
    (word,) = compared([*whole(), *without()], judges=False).words
    assert word.target is None and word.margin is None and word.with_it is None
    assert word.sound_db is not None and word.other_seeds_db is not None
    assert "the spectrum moves by about" in word.sentence and "more than" not in word.sentence
    (paired,) = compared([*whole(), answer("whole_again", 1, 1), *without()], judges=False).words
    assert paired.paired and paired.badge == "observed"


def test_where_the_judge_knows_no_such_sounds_a_tagger_is_asked() -> None:
    def by_tags(each: Answer, techno: float) -> Answer:
        return replace(each, heard=heard(judged(), genres={"techno": techno, "jazz": 0.5}))

    answers = [by_tags(each, 0.9) for each in [*whole(), answer("whole_again", 1, 1)]]
    found = compared([*answers, *(by_tags(each, 0.1 + int(each.seed) / 100) for each in without())], judges=False)
    (word,) = found.words
    assert found.listener == "tagger" and word.target == "techno" and word.q is not None and word.q < 0.01


def test_a_phrase_that_does_nothing_is_not_sure() -> None:
    same = [answer("without:1", seed, 100 + seed, "house", 0.9 + (seed % 3) / 100) for seed in SEEDS]
    (word,) = compared([*whole(), answer("whole_again", 1, 1), *same]).words
    assert word.q is not None and word.q > 0.05 and "is not sure" in word.sentence


def test_a_probability_that_falls_where_no_take_changes_genre_is_told_as_that() -> None:
    before = [answer("whole", seed, seed, probability=0.95 + seed / 1000) for seed in SEEDS]
    less = [answer("without:1", seed, 100 + seed, "house", 0.7 + seed / 1000) for seed in SEEDS]
    (word,) = compared([*before, answer("whole_again", 1, 1), *less]).words
    assert word.sentence.endswith("its probability surely falls, though no take changes genre.")


def test_the_genre_that_is_compared_is_chosen_over_all_answers() -> None:
    """Takes of one prompt that differ by chance alone: chosen by those of the whole prompt, its genre would be likelier
    there in most plans."""
    random, up = np.random.default_rng(0), 0
    for _ in range(150):
        kinds = random.choice(["house", "smooth jazz"], 8)
        answers = [answer("whole" if at < 4 else "without:1", None, at, what) for at, what in enumerate(kinds)]
        (word,) = compared(answers).words
        assert word.margin is not None
        up += (word.margin.mean < 0) - (word.margin.mean > 0)
    assert abs(up) < 40


def test_several_phrases_share_the_risk() -> None:
    more = [answer("without:2", seed, 200 + seed, "house", 0.93) for seed in SEEDS]
    found = compared([*whole(), answer("whole_again", 1, 1), *without(), *more])
    assert [word.variant for word in found.words] == ["without:1", "without:2"]
    for word in found.words:
        assert word.q is not None and word.margin is not None and word.margin.p is not None and word.q >= word.margin.p


def test_without_the_whole_prompt_nothing_is_compared() -> None:
    assert compared(without()).words == []


def test_the_difference_of_two_groups_is_welchs() -> None:
    from scipy.stats import ttest_ind

    first, second = [1.0, 2.0, 4.0, 3.0, 6.0, 3.0], [7.0, 5.0, 9.0, 4.0, 3.0]
    found, theirs = difference(first, second), ttest_ind(first, second, equal_var=False)
    assert found is not None and found.p == pytest.approx(theirs.pvalue) and found.interval is not None
    ends = theirs.confidence_interval(0.95)
    assert [found.interval.low, found.interval.high] == pytest.approx([ends.low, ends.high])
    one, flat = difference([1.0], [2.0]), difference([1.0, 1.0], [2.0, 2.0])
    assert difference([], second) is None and one is not None and one.interval is None
    assert flat is not None and flat.interval is None and flat.p == pytest.approx(2 / 6)


def test_few_takes_that_hardly_vary_are_still_few() -> None:
    """Three probabilities near 1 against three near 0: no order of six takes is rarer than one in ten."""
    found = difference([0.0, 0.001, 0.002], [9.0, 9.001, 9.002])
    assert found is not None and found.p == pytest.approx(0.1)
    paired = paired_difference([-9.0, -9.001, -9.002])
    assert paired.p == pytest.approx(0.25) and paired.interval is not None
    same = [answer("without:1", seed, 100 + seed, "smooth jazz", 0.99) for seed in range(1, 4)]
    before = [answer("whole", seed, seed, probability=0.99) for seed in range(1, 4)]
    (word,) = compared([*before, answer("whole_again", 1, 1), *same]).words
    assert word.paired and word.q == pytest.approx(0.25) and "surely" not in word.sentence
