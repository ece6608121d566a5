"""Landmarks stay where a passage is played again: later, louder, among noise."""

from __future__ import annotations

import numpy as np

from tonescope.diagnose.overused.landmarks import HOP_SECONDS, Landmarks, landmarks

RATE = 8000


def tune(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Short tones at random heights and times."""
    random, time = np.random.default_rng(seed), np.arange(int(0.2 * RATE)) / RATE
    sound = np.zeros(int(seconds * RATE) + RATE)
    for _ in range(int(12 * seconds)):
        start = random.integers(int(seconds * RATE))
        sound[start : start + len(time)] += np.sin(2 * np.pi * random.uniform(200, 3000) * time) * np.hanning(len(time))
    return (0.2 * sound[: int(seconds * RATE)]).astype(np.float32)


def shared(first: Landmarks, second: Landmarks) -> int:
    return len(set(first.hashes.tolist()) & set(second.hashes.tolist()))


def test_the_same_passage_louder_and_in_noise_has_the_same_landmarks() -> None:
    sound = tune(0)
    plain = landmarks(sound, RATE)
    noisy = landmarks(
        0.5 * sound + 0.001 * np.random.default_rng(1).standard_normal(len(sound)).astype(np.float32), RATE
    )
    assert len(plain) > 50 and shared(plain, noisy) > 0.6 * len(set(plain.hashes.tolist()))
    assert shared(plain, landmarks(tune(5), RATE)) < 0.2 * len(plain)


def test_a_passage_that_comes_later_has_its_landmarks_later() -> None:
    sound, later = tune(2), 32 * round(HOP_SECONDS * RATE)
    moved = landmarks(np.concatenate([np.zeros(later, np.float32), sound]), RATE)
    plain = landmarks(sound, RATE)
    assert abs(int(moved.times.min()) - int(plain.times.min()) - 32) <= 1


def test_hashes_fit_into_single_precision_and_come_back() -> None:
    found = landmarks(tune(3), RATE)
    assert found.hashes.max() < 2**24 and found.hashes.min() >= 0
    kept = Landmarks.of(found.hashes.astype(np.float32).tolist(), found.times.astype(np.float32).tolist())
    assert (kept.hashes == found.hashes).all() and (kept.times == found.times).all()


def test_silence_and_a_moment_of_sound_have_none() -> None:
    assert len(landmarks(np.zeros(RATE, np.float32), RATE)) == 0
    assert len(landmarks(np.ones(3, np.float32), RATE)) == 0


def test_a_part_has_the_landmarks_of_its_time() -> None:
    found = landmarks(tune(4), RATE)
    part = found.within(1.0, 2.0)
    assert 0 < len(part) < len(found) and part.times.min() * HOP_SECONDS >= 1.0 > part.times.max() * HOP_SECONDS - 1.0
