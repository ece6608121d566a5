from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import tiny
from tonescope.diagnose.compare.compare_folders import compare_folders
from tonescope.diagnose.compare.compare_views import views
from tonescope.diagnose.compare.sides import named_sides
from tonescope.diagnose.jobs.job import Watch
from tonescope.models.errors import TonescopeError

RATE = 8000


def folder_of(folder: Path, names: list[str], hertz: float = 200.0) -> Path:
    folder.mkdir()
    for at, name in enumerate(names):
        wave = 0.2 * np.sin(2 * np.pi * (hertz + 20 * at) * np.arange(RATE) / RATE)
        soundfile.write(folder / f"{name}.wav", wave.astype(np.float32), RATE)
    return folder


def test_files_of_one_name_are_pairs(tmp_path: Path) -> None:
    first, second = folder_of(tmp_path / "a", ["x", "y", "z"]), folder_of(tmp_path / "b", ["x", "y", "w"], 900.0)
    (first / "metadata.csv").write_text('file,prompt\nx.wav,house\ny.wav,"smooth jazz, slow"\nz.wav,house\n')
    found, evidence = compare_folders(first, second, tiny.session(), Watch())
    assert found.behaviour.paired and found.behaviour.heard_change is not None
    assert found.behaviour.heard_change.takes == 2 and found.behaviour.hit_first is not None
    told = " ".join(found.caveats)
    assert "2 files have none of the same name" in told and "neither units nor weights" in told
    assert views(found, evidence)[0].sentences
    assert "In pairs of files of one name" in views(found, evidence)[0].sentences[0][0]
    assert "two prompts" not in told
    (second / "metadata.csv").write_text("file,prompt\nx.wav,house\ny.wav,polka\n")
    told = " ".join(compare_folders(first, second, tiny.session(), Watch())[0].caveats)
    assert "1 of 2 pairs two prompts (y: “smooth jazz, slow” in A, “polka” in B)" in told


def test_a_folder_is_like_itself_and_broken_files_are_told(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "a", ["x", "y"])
    second = folder_of(tmp_path / "b", ["x", "y"])
    (second / "z.wav").write_bytes(b"no sound")
    found, _ = compare_folders(first, second, tiny.session(), Watch())
    assert found.behaviour.distance is not None and found.behaviour.distance.value == pytest.approx(0, abs=1e-6)
    assert "z.wav" in " ".join(found.caveats)


def test_why_no_file_of_a_folder_can_be_heard_is_told(tmp_path: Path) -> None:
    first, second = tmp_path / "a", folder_of(tmp_path / "b", ["x"])
    first.mkdir()
    soundfile.write(first / "x.wav", np.zeros(3200) + 0.1, 1600)
    with pytest.raises(TonescopeError, match=r"no file in .* can be heard \(x.wav .* too few .*\); name a folder"):
        compare_folders(first, second, tiny.session(), Watch())


def test_folders_without_a_name_in_common_are_compared_as_wholes(tmp_path: Path) -> None:
    found, evidence = compare_folders(
        folder_of(tmp_path / "a", ["x"]), folder_of(tmp_path / "b", ["y"]), tiny.session(), Watch()
    )
    assert not found.behaviour.paired and "compared as wholes" in " ".join(found.caveats)
    assert views(found, evidence)[0].sentences


def test_sides_are_read_from_names(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    sound, adapter = folder_of(tmp_path / "a", ["x"]), tmp_path / "lora"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    model = str(folders[0])
    one, other = named_sides(model, str(adapter))
    assert other.model == one.model == model and other.adapter == str(adapter)
    assert named_sides(str(sound), str(folder_of(tmp_path / "b", ["x"])))[0].folder == sound
    for pair, told in (
        ((model, model), "one and the same"),
        ((str(sound), model), "cannot be compared"),
        ((str(adapter), model), "nothing to put it on"),
        (("", model), "is empty"),
    ):
        with pytest.raises(TonescopeError, match=told):
            named_sides(*pair)
    with pytest.raises(TonescopeError, match="adapter already"):
        named_sides(model, str(adapter), "other")
