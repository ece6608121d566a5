"""One recording: heard in the judge's windows, and measured."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.synthetic import chords, write
from tonescope.diagnose.audio_files.sound_recording import read_recording
from tonescope.diagnose.elsewhere.hear_file import Listeners, hear_recording, judged, window_starts
from tonescope.models.judges.listening import posterior
from tonescope.models.loading import MUSICNN, load_tagger


@pytest.mark.parametrize(
    ("samples", "size", "starts"), [(10, 4, [0, 4, 6]), (8, 4, [0, 4]), (4, 4, [0]), (3, 4, [0]), (9, 4, [0, 4, 5])]
)
def test_windows_cover_everything_and_the_last_ends_with_the_recording(
    samples: int, size: int, starts: list[int]
) -> None:
    assert window_starts(samples, size) == starts


def test_what_is_heard_is_the_mean_over_windows() -> None:
    judge, sound = tiny.judge(), torch.randn(1600 * 20, generator=torch.Generator().manual_seed(0)) * 0.1
    found = judged(judge, sound, 1600)
    size = round(judge.window_seconds * 1600)
    rows = torch.cat([posterior(judge, sound[None, at : at + size], 1600) for at in window_starts(len(sound), size)])
    assert len(found.windows) == len(rows) > 8 and found.windows[-1].end == 20.0
    assert found.probabilities == pytest.approx(
        {a: float(b) for a, b in zip(judge.labels, rows.mean(0), strict=True)}, abs=1e-5
    )
    assert found.steady.total == len(rows)


def test_a_recording_shorter_than_a_window_is_heard_whole() -> None:
    found = judged(tiny.judge(), torch.randn(400) * 0.1, 1600)
    assert [window.end for window in found.windows] == [0.25]


def test_everything_about_one_recording(tmp_path) -> None:
    recording = read_recording(write(tmp_path / "a.wav", chords(0, False, 6.0)))
    taggers = tuple(load_tagger(name) for name in MUSICNN)
    found = hear_recording(recording, Listeners((tiny.judge(), tiny.judge()), taggers))
    assert [each.tagger for each in found.tags] == list(MUSICNN) and all(each.genres for each in found.tags)
    for each in found.tags:
        values = [row.probability for row in each.tags]
        assert values == sorted(values, reverse=True) and all(0.1 <= value <= 1 for value in values)
    assert found.key.key == "C major" and found.tempo.bpm is not None and len(found.judged) == 2
    assert found.loudness.integrated is not None and found.seconds == pytest.approx(6.0)
    assert type(found).model_validate_json(found.model_dump_json()) == found
