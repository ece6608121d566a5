"""Runs that come in many takes are found whole; what chance gives, silence and held sounds are not."""

from __future__ import annotations

import numpy as np

from tonescope.diagnose.overused.symbol_runs import frequent_runs


def made(seed: int = 0, takes: int = 30, frames: int = 120, kinds: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, kinds, (takes, frames))


LOUD = np.ones((30, 120), bool)


def test_a_planted_run_is_found_whole_in_every_take_that_holds_it() -> None:
    symbols, run = made(), np.arange(40) + 1000
    for take in (3, 8, 15, 22):
        symbols[take, 10 + take : 50 + take] = run
    found = frequent_runs(symbols, LOUD, 20)
    assert len(found.found) == 1 and found.chance <= 1
    places = found.found[0].places
    assert [(place.take, place.start, place.stop) for place in places] == [
        (take, 10 + take, 50 + take) for take in (3, 8, 15, 22)
    ]


def test_by_chance_there_is_none() -> None:
    assert not frequent_runs(made(kinds=30), LOUD, 15).found


def test_quiet_moments_do_not_count() -> None:
    symbols, quiet = made(), LOUD.copy()
    symbols[:10, :40], quiet[:10, :40] = np.arange(40), False
    assert not frequent_runs(symbols, quiet, 20).found
    assert frequent_runs(symbols, LOUD, 20).found


def test_a_held_sound_is_no_passage() -> None:
    symbols = made()
    symbols[:, 20:60] = 7
    assert not frequent_runs(symbols, LOUD, 20).found


def test_a_run_in_too_few_takes_is_not_told() -> None:
    symbols = made()
    symbols[:2, :40] = np.arange(40)
    assert not frequent_runs(symbols, LOUD, 20).found
    assert len(frequent_runs(symbols, LOUD, 20, fewest=2).found) == 1


def test_takes_that_are_shorter_than_a_run_hold_none() -> None:
    assert not frequent_runs(made(frames=5), np.ones((30, 5), bool), 20).found
