"""A passage that comes again in other files is found, with its places; files that have none in common share none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.diagnose.elsewhere.made_up_files import file
from tonescope.diagnose.audio_files.sound_recording import Recording
from tonescope.diagnose.elsewhere import shared_passages as passages_of_files
from tonescope.diagnose.elsewhere.heard_cache import HeardCache
from tonescope.diagnose.elsewhere.shared_passages import COMPARED_SECONDS, FileLandmarks, shared_passages
from tonescope.diagnose.overused.landmarks import Landmarks, landmarks

RATE = 16_000


def tones(seed: int, seconds: float) -> np.ndarray:
    """Short tones at random."""
    random, found = np.random.default_rng(seed), np.zeros(int(seconds * RATE), np.float32)
    for start in random.integers(0, len(found) - RATE // 8, int(20 * seconds)):
        time = np.arange(RATE // 8) / RATE
        wave = np.sin(2 * np.pi * random.uniform(200, 3000) * time) * np.hanning(len(time))
        found[start : start + len(time)] += wave.astype(np.float32)
    return found


LOOP = tones(99, 2.0)


def with_loop(seed: int, at: float) -> np.ndarray:
    sound = tones(seed, 6.0)
    start = int(at * RATE)
    sound[start : start + len(LOOP)] = 3 * LOOP
    return sound


def marks(sounds: list[np.ndarray]) -> list[Landmarks]:
    return [landmarks(sound, RATE) for sound in sounds]


def test_a_passage_is_found_where_it_comes_and_copies_are_no_passage() -> None:
    sounds = marks([with_loop(1, 0.5), tones(2, 6.0), with_loop(3, 3.0), tones(2, 6.0)])
    files = [file(f"{name}.wav", prompt=f"prompt {name}") for name in "abcd"]
    files[3] = files[3].model_copy(update={"same_as": "b.wav"})
    found, held = shared_passages(files, sounds, {})
    assert [[place.name for place in row.places] for row in found] == [["a.wav", "c.wav"]] and not held
    first, second = found[0].places
    assert abs(second.start - first.start - 2.5) < 0.2 and 1.0 < found[0].seconds < 2.6
    assert (found[0].share.count, found[0].share.total) == (2, 3) and found[0].prompts == ["prompt a", "prompt c"]


def test_a_file_of_the_users_that_holds_it_is_named() -> None:
    library = {"mine.wav": landmarks(np.concatenate([tones(50, 1.0), 3 * LOOP]), RATE)}
    files = [file(f"{name}.wav") for name in "ab"]
    found, held = shared_passages(files, marks([with_loop(1, 0.5), with_loop(3, 3.0)]), library)
    assert held == {"mine.wav": 2} and found[0].library == ["mine.wav"]
    alone, held = shared_passages(files[:1], marks([with_loop(1, 0.5)]), library)
    assert not alone and held == {"mine.wav": 1}


def test_of_very_many_files_the_beginnings_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds, files = marks([with_loop(1, 0.5), with_loop(3, 3.9)]), [file(f"{name}.wav") for name in "ab"]
    assert shared_passages(files, sounds, {})[0]
    monkeypatch.setattr(passages_of_files, "MOST_LANDMARKS", len(sounds[1]))  # half of either
    assert not shared_passages(files, sounds, {})[0]


def test_landmarks_are_kept_and_read_back(tmp_path: Path) -> None:
    sound = torch.from_numpy(tones(1, 3.0))
    recording = cast(Recording, cast(Any, SimpleNamespace(waveform=sound, rate=RATE)))
    made = FileLandmarks.of(recording)
    HeardCache(["x"], tmp_path).put("k", made)
    kept = HeardCache(["x"], tmp_path).get("k", FileLandmarks)
    assert kept is not None
    read, plain = kept.read(), landmarks(sound.numpy(), RATE)
    assert np.array_equal(read.hashes, plain.hashes) and np.array_equal(read.times, plain.times) and len(read) > 50
    long = cast(Any, SimpleNamespace(waveform=torch.zeros(int(2 * COMPARED_SECONDS * 100)), rate=100))
    assert len(FileLandmarks.of(long).read()) == 0
