"""Passages: symbols and sound have to agree; without symbols the sound alone tells; a user's own file is recognised."""

from __future__ import annotations

import numpy as np

from tests.diagnose.overused.test_fingerprint_matches import spliced
from tests.diagnose.overused.test_landmarks import RATE, tune
from tonescope.diagnose.overused.landmarks import landmarks
from tonescope.diagnose.overused.passages import PAIRS, Span, _pairs, in_library, passages, takes_in_library

PASSAGE = tune(99, 1.5)
HELD = (1, 4, 6, 9)  # of twelve takes of 4 s, where the passage is at one second
SOUNDS = [landmarks(spliced(seed, PASSAGE, 1.0) if seed in HELD else tune(seed, 4.0), RATE) for seed in range(12)]
FRAME_RATE = 20.0


def symbols(which: tuple[int, ...]) -> np.ndarray:
    found = np.random.default_rng(0).integers(0, 500, (12, 80))
    for take in which:
        found[take, 20:50] = np.arange(30) + 1000
    return found


def test_a_passage_of_symbols_that_sounds_alike_is_sure() -> None:
    found = passages(SOUNDS, symbols=symbols(HELD), frame_rate=FRAME_RATE)
    assert len(found) == 1 and found[0].sure and found[0].by_symbols and found[0].confirmed > 0.9
    assert tuple(span.take for span in found[0].spans) == HELD
    assert all((span.start, span.end) == (1.0, 2.5) for span in found[0].spans)


def test_a_passage_of_symbols_that_does_not_sound_alike_is_not_sure() -> None:
    found = passages(SOUNDS, symbols=symbols((0, 2, 3, 5)), frame_rate=FRAME_RATE)
    assert len(found) == 1 and not found[0].sure


def test_without_symbols_the_sound_alone_tells() -> None:
    found = passages(SOUNDS)
    assert len(found) == 1 and not found[0].by_symbols and found[0].sure
    assert tuple(span.take for span in found[0].spans) == HELD
    assert all(abs(span.start - 1.0) < 0.5 and span.end < 3.0 for span in found[0].spans)


def test_takes_that_share_nothing_have_no_passage() -> None:
    assert not passages([landmarks(tune(seed, 4.0), RATE) for seed in range(8)])


def test_a_file_of_the_users_that_holds_the_passage_is_named() -> None:
    files = {"mine.wav": landmarks(spliced(500, PASSAGE, 2.2), RATE), "other.wav": landmarks(tune(501, 6.0), RATE)}
    found = in_library(passages(SOUNDS), SOUNDS, files)
    assert found[0].library == ("mine.wav",)
    assert {name: set(takes) for name, takes in takes_in_library(SOUNDS, files).items()} == {"mine.wav": set(HELD)}
    assert in_library([], SOUNDS, files) == [] and takes_in_library(SOUNDS, {}) == {}


def test_of_many_takes_so_many_pairs_are_drawn_over_all_of_them_and_none_with_itself() -> None:
    spans = [Span(take, 0.0, 1.0) for take in range(20)]
    drawn = [(one.take, other.take) for one, other in _pairs(spans, np.random.default_rng(0))]
    assert len(drawn) == PAIRS and all(one != other for one, other in drawn)
    assert max(sum(take in pair for pair in drawn) for take in range(20)) < 12
    few = _pairs(spans[:4], np.random.default_rng(0))
    assert len(few) == len(set(few)) == 6
