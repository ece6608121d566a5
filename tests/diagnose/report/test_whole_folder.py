"""Output folders: nothing of a user's is ever deleted, and what is written is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.report import whole_folder as whole_folder_module
from tonescope.diagnose.report.whole_folder import check_folder, whole_folder
from tonescope.models.errors import TonescopeError


def written(folder: Path, text: str = "{}") -> Path:
    with whole_folder(folder) as filling:
        (filling / "diagnosis.json").write_text(text)
    return folder


def test_only_a_diagnosis_is_replaced(tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "sub").mkdir(parents=True)
    (music / "song.wav").write_text("mine")
    with pytest.raises(TonescopeError, match="something else than a diagnosis"):
        check_folder(music, overwrite=True)
    assert (music / "song.wav").read_text() == "mine"
    check_folder(written(tmp_path / "out"), overwrite=True)
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")


def test_the_folder_one_is_in_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = written(tmp_path / "out") / "deep"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for name in (".", "..", str(tmp_path / "out"), str(tmp_path)):
        with pytest.raises(TonescopeError):
            check_folder(Path(name), overwrite=True)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(written(tmp_path / "out"))
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for name in ("link", "nowhere"):
        with pytest.raises(TonescopeError, match="link"):
            check_folder(tmp_path / name, overwrite=True)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_that_no_disk_takes(tmp_path: Path, name: str) -> None:
    with pytest.raises(TonescopeError, match="cannot be written"):
        check_folder(tmp_path / name)


def test_a_folder_that_may_not_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(
        whole_folder_module, "_check", refuse
    )  # whoever runs the tests may be root, whom nothing is refused
    with pytest.raises(TonescopeError, match="cannot be written"):
        check_folder(tmp_path / "out")


def test_the_old_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    out = written(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt), whole_folder(out) as filling:
        (filling / "diagnosis.json").write_text("half")
        raise KeyboardInterrupt
    assert (out / "diagnosis.json").read_text() == "old"
    assert (written(out, "new") / "diagnosis.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_old_comes_back_when_the_new_cannot_take_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, rename = written(tmp_path / "out", "old"), Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == out and not self.name.endswith(".before"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(TonescopeError, match="No space left"), whole_folder(out):
        pass
    assert (out / "diagnosis.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
