"""Workspaces: opened, refused, shared by processes, and what is left by one that was killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tonescope.diagnose.store import run_database
from tonescope.diagnose.store.run_database import RunDatabase
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace, default_folder
from tonescope.models.errors import TonescopeError

ROOT = Path(__file__).parents[3]
WORKING = """
import sys, time
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace
workspace = Workspace.open(sys.argv[1])
worker = workspace.worker()
run = workspace.runs.add(Run(new_name(), "diagnose", {}, state="running", worker=worker.name))
print(run.name, flush=True)
time.sleep(60)
"""
ADDING = """
import sys
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace
with Workspace.open(sys.argv[1]) as workspace:
    for at in range(20):
        workspace.runs.add(Run(new_name(), "diagnose", {"at": at}, title=sys.argv[2], state="done"))
"""


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python, with this checkout's package and nothing heavy imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def one(**about: Any) -> Run:
    return Run(new_name(), "diagnose", {}, **about)


def test_a_workspace_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "deep" / "workspace") as workspace:
        assert stat.S_IMODE(workspace.folder.stat().st_mode) == 0o700
    with Workspace.open(tmp_path / "deep" / "workspace") as again:
        assert again.runs.page().total == 0


def test_the_folder_is_what_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "named"))
    with Workspace.open() as workspace:
        assert workspace.folder == tmp_path / "named"
    monkeypatch.setenv("TONESCOPE_WORKSPACE", " ")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_folder() == tmp_path / "data" / "tonescope"


def test_without_a_home_runs_are_not_kept_where_they_would_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TONESCOPE_WORKSPACE")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(TonescopeError, match="no home folder"):
        Workspace.open()


def test_case_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(TonescopeError, match=r"is a file|cannot be written"):
            Workspace.open(folder)
    assert (tmp_path / "file").read_text() == "mine"


def test_case_a_folder_that_holds_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TonescopeError, match="holds other things"):
        Workspace.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_is_named_has_to_be_there_and_the_own_one_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(TonescopeError, match="there is no workspace"):
        Workspace.open(tmp_path / "typo", make=False)
    assert not (tmp_path / "typo").exists()
    Workspace.open(tmp_path / "made").close()
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "own"))
    for folder in (tmp_path / "made", None):
        Workspace.open(folder, make=False).close()


def test_case_a_workspace_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Workspace.open(tmp_path / "w").close()

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(TonescopeError, match=r"cannot be written \(Read-only file system\)"):
        Workspace.open(tmp_path / "w")


def test_a_folder_that_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="cannot be written"):
        Workspace.open("/proc/tonescope")
    with pytest.raises(TonescopeError, match="cannot be written"):
        Workspace.open("a\0b")


def test_case_a_workspace_of_a_newer_version(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        run = workspace.runs.add(one(state="done"))
    connection = sqlite3.connect(tmp_path / "w" / run_database.NAME)
    connection.execute(f"PRAGMA user_version = {run_database.SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(TonescopeError, match="newer Tonescope"):
        Workspace.open(tmp_path / "w")
    connection = sqlite3.connect(tmp_path / "w" / run_database.NAME)
    assert connection.execute("SELECT name FROM runs").fetchall() == [(run.name,)]


def test_a_list_of_before_badges_is_opened_with_all_that_it_has(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        run = workspace.runs.add(one(state="done"))
    connection = sqlite3.connect(tmp_path / "w" / run_database.NAME)
    connection.execute("ALTER TABLE runs DROP COLUMN badge")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    for _ in range(2):
        with Workspace.open(tmp_path / "w") as workspace:
            assert workspace.runs.get(run.name) == run and run.badge == ""


@pytest.mark.parametrize("text", [b"no database at all" * 100, b""])
def test_case_a_damaged_database(tmp_path: Path, text: bytes) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        for _ in range(50):
            workspace.runs.add(one(state="done", title="polka " * 50))
    path = tmp_path / "w" / run_database.NAME
    data = path.read_bytes()
    damaged = text or data[:2000] + b"\xff" * 4000 + data[6000:]
    path.write_bytes(damaged)
    with pytest.raises(TonescopeError, match="is damaged"):
        Workspace.open(tmp_path / "w")
    assert path.read_bytes() == damaged  # for who can mend it


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    connection = sqlite3.connect(tmp_path / "w" / run_database.NAME)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(TonescopeError, match="another program"):
        Workspace.open(tmp_path / "w")


def test_case_a_full_disk_loses_nothing_that_was_there(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        kept = workspace.runs.add(one(state="done"))
        workspace._database._connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(TonescopeError, match="the disk is full"):
            for _ in range(100):
                workspace.runs.add(one(state="done", title="polka " * 300))
        assert workspace.runs.get(kept.name) == kept
        workspace._database._connection.execute("PRAGMA max_page_count = 100000")
        workspace.runs.add(one(state="done"))


def test_a_killed_process_leaves_its_run_interrupted(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        working = process(WORKING, str(tmp_path / "w"))
        assert working.stdout is not None
        name = working.stdout.readline().strip()
        assert workspace.runs.get(name).state == "running"  # it lives, however long it says nothing
        with pytest.raises(TonescopeError, match="not finished"):
            workspace.delete(name)
        working.send_signal(signal.SIGKILL)
        working.communicate()
        found = workspace.runs.get(name)
        assert found.state == "interrupted" and found.ended is not None
        assert not list((tmp_path / "w" / "workers").iterdir())
        workspace.delete(name)
    with Workspace.open(tmp_path / "w") as again:
        assert again.runs.page().total == 0


def test_a_workspace_that_is_opened_again_knows_what_was_interrupted(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        worker = workspace.worker()
        lives, died = (workspace.runs.add(one(worker=name)).name for name in (worker.name, "0" * 16))
        with Workspace.open(tmp_path / "w") as again:
            assert {run.name: run.state for run in again.runs.page().runs} == {lives: "queued", died: "interrupted"}
        worker.release()
        assert workspace.runs.get(lives).state == "interrupted"


def test_a_list_that_another_process_makes_while_it_is_looked_at_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plain = tmp_path / "runs.sqlite", RunDatabase._pragma
    other = Thread(target=lambda: RunDatabase(path).close())

    def pragma(database: RunDatabase, name: str) -> Any:
        found = plain(database, name)
        if name == "application_id" and other.ident is None:
            other.start()
            other.join(0.3)  # made in between, unless it has to wait
        return found

    monkeypatch.setattr(RunDatabase, "_pragma", pragma)
    RunDatabase(path).close()
    other.join()
    assert other.ident is not None
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (run_database.APPLICATION_ID,)


def test_processes_make_and_fill_one_workspace_at_once(tmp_path: Path) -> None:
    started = [process(ADDING, str(tmp_path / "w"), f"process {at}") for at in range(3)]
    said = [each.communicate() for each in started]
    assert [each.returncode for each in started] == [0, 0, 0], said
    with Workspace.open(tmp_path / "w") as workspace:
        assert workspace.runs.page().total == 60
        assert workspace.runs.page(search="process 1").total == 20


def test_a_deleted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        run = workspace.runs.add(one(state="failed"))
        files = workspace.files(run.name)
        files.folder.mkdir()
        (files.folder / "defect.txt").write_text("x")
        workspace.delete(run.name)
        assert not list((tmp_path / "w" / "runs").iterdir()) and workspace.runs.find(run.name) is None
        with pytest.raises(TonescopeError, match="there is no run"):
            workspace.delete(run.name)
        (tmp_path / "w" / "runs" / f".{run.name}.deleted").mkdir()  # as a process that was killed leaves it
    Workspace.open(tmp_path / "w").close()
    assert not list((tmp_path / "w" / "runs").iterdir())


def test_a_name_never_becomes_a_path_elsewhere(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        for bad in ("../..", "/etc/passwd", "a/../../b" + "c" * 20, ""):
            with pytest.raises(TonescopeError, match="there is no run"):
                workspace.files(bad)
            with pytest.raises(TonescopeError, match="there is no run"):
                workspace.content(bad)
