"""Folders for temporary files: those of other people, those that cannot be written, those that were left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from tonescope.models.errors import TonescopeError
from tonescope.ui.web.temporary import PREFIX, VARIABLE, temporary_folder

GONE = 2**22 + 1  # no process has this number


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_ours_alone_and_goes_with_the_server(temporary: Path) -> None:
    usual = os.environ.get(VARIABLE)
    with temporary_folder() as folder:
        assert folder.parent == temporary.resolve() and folder.stat().st_mode & 0o077 == 0
        assert os.environ[VARIABLE] == str(folder)
        (folder / "sound.wav").write_bytes(b"x")
    assert not folder.exists() and os.environ.get(VARIABLE) == usual


def test_case_a_temporary_folder_of_someone_else_is_left_alone(temporary: Path) -> None:
    (temporary / "gradio").mkdir()
    (temporary / "gradio").chmod(0)
    with temporary_folder() as folder:
        assert folder.name.startswith(PREFIX)
    (temporary / "gradio").chmod(0o700)


def test_case_a_temporary_folder_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with pytest.raises(TonescopeError, match="set TMPDIR to one that you own"), temporary_folder():
        pass


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 2**20))
    with pytest.raises(TonescopeError, match="only 1 MiB are free"), temporary_folder():
        pass


def test_what_a_killed_server_left_is_cleared_and_nothing_else(temporary: Path) -> None:
    left, running, other = (
        temporary / name for name in (f"{PREFIX}{GONE}-abc", f"{PREFIX}{os.getpid()}-abc", f"{PREFIX}mine-1")
    )
    for folder in (left, running, other):
        folder.mkdir()
    aim = temporary / "aim"
    aim.mkdir()
    (temporary / f"{PREFIX}{GONE}-link").symlink_to(aim)
    with temporary_folder():
        pass
    assert not left.exists() and running.is_dir() and other.is_dir() and aim.is_dir()
