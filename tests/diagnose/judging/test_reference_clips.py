"""Known clips are read or refused, heard as they are and through the codec, and count when blame is placed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests import tiny
from tonescope.diagnose.judging.reference_clips import Clip, hear_clips, read_clips
from tonescope.models.errors import TonescopeError


def write(folder: Path, name: str, seconds: float = 1.0, rate: int = 8000, channels: int = 1) -> None:
    noise = np.random.default_rng(len(name)).standard_normal((int(seconds * rate), channels)) * 0.1
    soundfile.write(folder / name, noise, rate)


def test_clips_are_read_by_name_and_brought_to_one_rate(tmp_path: Path) -> None:
    write(tmp_path, "b.wav", 2.0, 44100, channels=2)
    write(tmp_path, "a.flac")
    (tmp_path / "notes.txt").write_text("not sound")
    first, second = read_clips(tmp_path)
    assert (first.rate, second.rate) == (8000, 44100) and second.waveform.ndim == 1
    assert second.middle(0.5, 1600).shape == (800,) and first.middle(9.0, 1600).shape == (1600,)


@pytest.mark.parametrize("what", ["missing", "empty", "broken", "short", "file"])
def test_what_is_no_folder_of_clips_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "clips"
    if what == "file":
        folder.write_text("x")
    elif what != "missing":
        folder.mkdir()
    if what == "broken":
        (folder / "a.wav").write_bytes(b"RIFF????")
    if what == "short":
        write(folder, "a.wav", 0.1)
    with pytest.raises(TonescopeError):
        read_clips(folder)


@pytest.mark.parametrize("family", ["mono", "stereo"])
def test_every_clip_is_heard_twice(family: str) -> None:
    generator, judge = tiny.generator(family), tiny.judge()
    noise = torch.randn(3, 4000) * 0.1
    found = hear_clips([Clip(row, 1600) for row in noise], generator, judge, 1.0)
    assert found.clips == sum(found.clean.values()) == sum(found.reconstructed.values()) == 3
