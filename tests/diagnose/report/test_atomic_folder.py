"""Output folders: nothing of a user's is ever deleted, and what is written is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tonescope.diagnose.report import atomic_folder, folder_manifest
from tonescope.diagnose.report.atomic_folder import check_folder, claimed_folder, whole_folder
from tonescope.models.errors import TonescopeError


def written(folder: Path, text: str = "{}") -> Path:
    with whole_folder(folder) as filling:
        (filling / "audio").mkdir()
        (filling / "audio" / "take-1.wav").write_text(text)
        (filling / "diagnosis.json").write_text(text)
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_results_are_replaced(tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "sub").mkdir(parents=True)
    (music / "song.wav").write_text("mine")
    (music / "diagnosis.json").write_text("{}")  # a name proves nothing
    with pytest.raises(TonescopeError, match="nothing that is known to be written by Tonescope"):
        check_folder(music, overwrite=True)
    assert (music / "song.wav").read_text() == "mine"
    check_folder(written(tmp_path / "out"), overwrite=True)
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")


def test_case_overwrite_keeps_what_tonescope_did_not_write(tmp_path: Path) -> None:
    out = written(tmp_path / "out", "old")
    (out / "thesis.txt").write_text("years of work")
    (out / "audio" / "mix.wav").write_text("mine")
    (out / "notes").mkdir()
    (out / "link").symlink_to(tmp_path)
    with claimed_folder(out, overwrite=True) as claim:
        assert [path.as_posix() for path in claim.kept] == ["audio/mix.wav", "link", "notes", "thesis.txt"]
        written(out, "new")
    assert (out / "thesis.txt").read_text() == "years of work" and (out / "audio" / "mix.wav").read_text() == "mine"
    assert (out / "notes").is_dir() and (out / "link").is_symlink()
    assert (out / "diagnosis.json").read_text() == "new" and names(tmp_path) == {"out"}
    written(out, "newer")  # what was kept once is kept again
    assert (out / "thesis.txt").read_text() == "years of work" and (out / "diagnosis.json").read_text() == "newer"


def test_case_a_result_that_was_edited_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    out = written(tmp_path / "out", "old")
    (out / "diagnosis.json").write_text("with notes of mine")
    with claimed_folder(out, overwrite=True) as claim:
        written(out, "new")
        assert claim.moved == {Path("diagnosis.json"): Path("diagnosis.kept.json")}
    assert (out / "diagnosis.json").read_text() == "new"
    assert (out / "diagnosis.kept.json").read_text() == "with notes of mine"


def test_case_a_list_that_names_files_elsewhere_deletes_none(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    out = written(tmp_path / "out")
    text = (out / folder_manifest.NAME).read_text()
    digest = text.split('diagnosis.json": "')[1][:64]
    (out / folder_manifest.NAME).write_text(text.replace("diagnosis.json", "../thesis.txt").replace(digest, "0" * 64))
    (tmp_path / "thesis.txt").write_text("{}")
    written(out, "new")
    assert (tmp_path / "thesis.txt").read_text() == "{}"


def test_results_that_are_gone_leave_no_old_ones(tmp_path: Path) -> None:
    out = written(tmp_path / "out", "old")
    with whole_folder(out) as filling:
        (filling / "experiment.json").write_text("{}")
    assert names(out) == {"experiment.json", folder_manifest.NAME}


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

    monkeypatch.setattr(atomic_folder, "_check", refuse)  # whoever runs the tests may be root
    with pytest.raises(TonescopeError, match="cannot be written"):
        check_folder(tmp_path / "out")


def test_a_claim_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tonescope.diagnose.report.folder_lock._lock", full)
    with pytest.raises(TonescopeError, match="cannot be written"), claimed_folder(tmp_path / "deep" / "out"):
        pass
    assert not names(tmp_path)


def test_the_old_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    out = written(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt), whole_folder(out) as filling:
        (filling / "diagnosis.json").write_text("half")
        raise KeyboardInterrupt
    assert (out / "diagnosis.json").read_text() == "old"
    assert (written(out, "new") / "diagnosis.json").read_text() == "new"
    assert names(tmp_path) == {"out"}


def test_the_old_comes_back_when_the_new_cannot_take_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, rename = written(tmp_path / "out", "old"), Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == out and self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(TonescopeError, match="No space left"), whole_folder(out):
        pass
    assert (out / "diagnosis.json").read_text() == "old"
    assert names(tmp_path) == {"out"}


def test_folders_made_for_a_run_go_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), claimed_folder(tmp_path / "deep" / "er" / "out"):
        raise KeyboardInterrupt
    assert not names(tmp_path)


HOLD = """
import sys, time
from pathlib import Path
from tonescope.diagnose.report.atomic_folder import claimed_folder, whole_folder
with claimed_folder(Path(sys.argv[1]), overwrite=True), whole_folder(Path(sys.argv[1])) as filling:
    (filling / "half.wav").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_case_two_runs_to_one_folder_and_case_killed_while_writing(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    process = holder(out)
    try:
        with pytest.raises(TonescopeError, match=f"another run .process {process.pid}."), claimed_folder(out):
            pass
    finally:
        killed(process)
    assert names(out.parent) == {".out.tonescope"}
    written(out)
    assert names(out.parent) == {"out"} and not (out / "half.wav").exists()


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_case_what_a_killed_run_left_is_cleared_by_a_run_to_another_folder(tmp_path: Path) -> None:
    old = written(tmp_path / "old")
    alive, dead = holder(tmp_path / "alive"), holder(old)
    killed(dead)
    try:
        with claimed_folder(tmp_path / "other"):
            assert names(tmp_path) == {"old", ".other.tonescope", ".alive.tonescope"}
    finally:
        killed(alive)


def test_case_killed_between_old_and_new(tmp_path: Path) -> None:
    """Whatever moment a run is killed at, the next finds old or new, and what was never ours."""
    out = written(tmp_path / "out", "old")
    (out / "thesis.txt").write_text("mine")
    beside = tmp_path / ".out.tonescope"
    beside.mkdir()
    (beside / "claim").touch()
    out.rename(beside / "old")
    with pytest.raises(TonescopeError, match="not empty"), claimed_folder(out):
        pass
    assert (out / "diagnosis.json").read_text() == "old" and names(tmp_path) == {"out"}
    beside.mkdir()
    (beside / "claim").touch()
    out.rename(beside / "old")
    written(tmp_path / "elsewhere", "new").rename(out)
    with pytest.raises(TonescopeError, match="not empty"), claimed_folder(out):
        pass
    assert (out / "thesis.txt").read_text() == "mine" and (out / "diagnosis.json").read_text() == "new"
    assert names(tmp_path) == {"out"}


def test_a_folder_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(TonescopeError, match="not empty"), claimed_folder(out), whole_folder(out):
        out.mkdir()
        (out / "song.wav").write_text("mine")
    assert names(tmp_path) == {"out"} and names(out) == {"song.wav"}


def test_a_disk_without_locks_asks_for_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def without(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", without)
    written(tmp_path / "out")
    beside = tmp_path / ".next.tonescope"
    beside.mkdir()
    (beside / "claim").write_text(f"{os.getpid()} another-machine\n")
    with pytest.raises(TonescopeError, match="another run"), claimed_folder(tmp_path / "next"):
        pass
    assert names(tmp_path) == {"out", ".next.tonescope"}
