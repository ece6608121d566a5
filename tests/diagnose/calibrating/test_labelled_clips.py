"""Clips of known labels: by folder and by metadata file, what is left out and why, and what they are from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.calibrating import labelled_sounds as sounds
from tonescope.diagnose.calibrating.labelled_clips import LabelledClips, read_labelled
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.errors import TonescopeError

TAXONOMY = from_rows(tiny.ROWS)


def read(folder: Path) -> LabelledClips:
    return read_labelled(folder, TAXONOMY)


def refusal(folder: Path) -> str:
    with pytest.raises(TonescopeError) as refused:
        read(folder)
    told = str(refused.value)
    assert "\n" not in told and told.endswith(".")
    return told


def test_a_folder_for_each_label_is_read_by_any_name_of_the_label(tmp_path: Path) -> None:
    found = read(sounds.folder_per_label(tmp_path / "clips"))
    assert found.folder == "clips" and found.counts == {"house": 6, "smooth jazz": 6, "jazz fusion": 6}
    assert not found.left_out and len({clip.digest for clip in found.clips}) == 18


def test_folders_of_splits_may_stand_around_those_of_labels(tmp_path: Path) -> None:
    sounds.folder_per_label(tmp_path / "train", songs=2)
    sounds.write(tmp_path / "test" / "house" / "a.wav", sounds.tone(90, 7))
    assert read(tmp_path).counts == {"house": 5, "smooth jazz": 4, "jazz fusion": 4}


def test_numbered_files_of_one_stem_are_one_source(tmp_path: Path) -> None:
    found = read(sounds.folder_per_label(tmp_path))
    assert found.sources == "names" and len({clip.source for clip in found.clips}) == 9


def test_case_a_stem_that_all_files_of_a_label_share_says_nothing_of_sources(tmp_path: Path) -> None:
    """``blues.00001.wav``: by that name a whole genre would be one song."""
    for label, pitch in sounds.PITCHES.items():
        for part in range(3):
            sounds.write(tmp_path / label / f"{label}.0000{part}.wav", sounds.tone(pitch, part))
    found = read(tmp_path)
    assert found.sources == "own" and len({clip.source for clip in found.clips}) == 9


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_metadata_file_says_labels_and_sources(tmp_path: Path, kind: str) -> None:
    sounds.folder_per_label(tmp_path / "data")
    rows = [
        {"file_name": f"data/{label}/song-a_{part}.wav", "label": label, "source": f"album {part}"}
        for label in sounds.PITCHES
        for part in range(2)
    ]
    rows.append({"file_name": "data/house/none.wav", "label": "house", "source": "album 3"})
    rows.append({"file_name": "data/house/song-b_0.wav", "label": "", "source": ""})
    lines = [json.dumps(row) for row in rows]
    if kind == "csv":
        lines = ["file_name,label,source", *(",".join(row.values()) for row in rows)]
    (tmp_path / f"metadata.{kind}").write_text("\n".join(lines))
    found = read(tmp_path)
    assert len(found.clips) == 6 and found.sources == "column"
    assert {clip.source for clip in found.clips} == {"album 0", "album 1"}
    why = dict(found.left_out)
    assert "no such file" in why["data/house/none.wav"] and why["data/house/song-b_0.wav"] == "has no label"


def test_what_cannot_serve_is_left_out_with_the_reason(tmp_path: Path) -> None:
    sounds.folder_per_label(tmp_path)
    sounds.write(tmp_path / "zydeco" / "a.wav", sounds.tone(300, 1))
    sounds.write(tmp_path / "loose.wav", sounds.tone(310, 1))
    (tmp_path / "house" / "empty.wav").touch()
    (tmp_path / "house" / "cover.jpg").write_bytes(b"jpg")
    (tmp_path / "house" / "copy.wav").write_bytes((tmp_path / "house" / "song-a_0.wav").read_bytes())
    (tmp_path / "fusion" / "wrong.wav").write_bytes((tmp_path / "house" / "song-a_0.wav").read_bytes())
    os.mkfifo(tmp_path / "house" / "pipe.wav")
    found = read(tmp_path)
    why = dict(found.left_out)
    assert len(found.clips) == 17
    assert "none of the judge's" in why["zydeco/a.wav"] and why["loose.wav"] == "in no folder of a label"
    assert why["house/empty.wav"] == "empty" and "no sound" in why["house/cover.jpg"]
    assert "pipe" in why["house/pipe.wav"]
    same = [name for name, reason in why.items() if "the same sound as" in reason or "also among" in reason]
    assert sorted(same) == ["fusion/wrong.wav", "house/copy.wav", "house/song-a_0.wav"]


def test_clips_are_told_apart_by_content_and_label(tmp_path: Path) -> None:
    one = read(sounds.folder_per_label(tmp_path / "one"))
    assert one.digest == read(sounds.folder_per_label(tmp_path / "two")).digest
    (tmp_path / "two" / "house" / "song-a_0.wav").unlink()
    assert one.digest != read(tmp_path / "two").digest


def test_what_is_no_folder_of_labels_is_refused_in_a_sentence(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "none")
    assert "holds no clip of a label" in refusal(tmp_path)
    sounds.write(tmp_path / "house" / "a.wav", sounds.tone(80, 1))
    assert "holds clips of house alone" in refusal(tmp_path)
    (tmp_path / "metadata.csv").write_text("file_name,mood\nhouse/a.wav,sad\n")
    assert "no column for the label" in refusal(tmp_path)
    (tmp_path / "metadata.jsonl").write_text("{}")
    assert "metadata.csv and metadata.jsonl" in refusal(tmp_path)
