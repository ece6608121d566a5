"""A workspace: a folder that keeps runs, so that each can be opened again by its name.

::

    runs.sqlite   the list (:mod:`.run_list`)
    bookmarks.sqlite  units that were saved (:mod:`.bookmarks`)
    runs/NAME/    the files of a run (:mod:`.run_files`)
    workers/      locks of the processes that work on runs (:mod:`.worker_lock`)

Several processes may have one workspace open. The folder is made for its owner's eyes only.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from types import TracebackType

from tonescope.diagnose.store.run_database import NAME, RunDatabase
from tonescope.diagnose.store.run_files import Content, RunFiles, clear_deleted
from tonescope.diagnose.store.run_list import RunList, is_name
from tonescope.diagnose.store.worker_lock import WorkerLock, is_held
from tonescope.models.errors import TonescopeError

VARIABLE = "TONESCOPE_WORKSPACE"
BOOKMARKS = "bookmarks.sqlite"
RUNS, WORKERS, PROBE = "runs", "workers", ".tonescope-"


def default_folder() -> Path:
    """``TONESCOPE_WORKSPACE``, or ``tonescope`` where the system keeps a user's data.

    Raises :class:`TonescopeError` where nobody has a home, as in some containers: runs are to last, and what lies in a
    temporary folder does not.
    """
    if named := os.environ.get(VARIABLE, "").strip():
        return Path(named)
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "tonescope"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "tonescope"
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tonescope"
    except RuntimeError as error:
        raise TonescopeError(
            f"runs cannot be kept, for this user has no home folder; name a folder with --workspace or {VARIABLE}."
        ) from error


def existing(folder: Path | None = None) -> Path | None:
    """The folder of a workspace that is there: of the one that is named, or the user's own; ``None`` where none is."""
    try:
        found = (folder if folder is not None else default_folder()).expanduser()
        return found if (found / NAME).is_file() else None
    except (OSError, RuntimeError, TonescopeError):
        return None


class Workspace:
    """An open workspace. It is closed by :meth:`close`, or at the end of a ``with`` block.

    Attributes:
        folder: where it is.
        runs: the list of its runs.
    """

    def __init__(self, folder: Path, database: RunDatabase) -> None:
        self.folder, self._database = folder, database
        self.runs = RunList(database, self._is_alive)

    @classmethod
    def open(cls, folder: Path | str | None = None, *, make: bool = True) -> Workspace:
        """Open a workspace. Runs whose process died are interrupted then.

        Args:
            folder: where it is; the user's own (:func:`default_folder`), if absent, which is made where there is none.
            make: whether one that is named is made as well.

        Raises:
            TonescopeError: it is not there, or cannot be used: a file, another program's folder, not writable,
                damaged, or written by a newer Tonescope.
        """
        try:
            found = Path(folder if folder is not None else default_folder()).expanduser().absolute()
            _check(found, is_there=folder is not None and not make)
            _make(found)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise TonescopeError(
                f"the workspace {str(folder or found)[:200]} cannot be written ({reason}); name a folder that you own "
                f"with --workspace or {VARIABLE}."
            ) from error
        workspace = cls(found, RunDatabase(found / NAME))
        try:
            workspace.runs.interrupt_orphans()
            clear_deleted(found / RUNS)
        except BaseException:
            workspace.close()
            raise
        return workspace

    def files(self, name: str) -> RunFiles:
        """The files of a run. Raises :class:`TonescopeError` for what is no name of one."""
        if not is_name(name):
            raise TonescopeError(f"there is no run “{name[:80]}” here; tonescope runs lists what there is.")
        return RunFiles(self.folder / RUNS / name)

    def content(self, name: str) -> Content:
        """What is shown of a run, by its name. Raises :class:`TonescopeError` where there is none."""
        self.runs.get(name)
        return self.files(name).read()

    def delete(self, name: str, owner: str | None = None) -> None:
        """Delete a run and its files.

        Args:
            name: which.
            owner: who asks for it, where that is not who has the machine: a link opens a run, and no more.

        Raises:
            TonescopeError: there is none, it is somebody else's, or it is not finished.
        """
        run = self.runs.get(name)
        run.check_owner(owner)
        if not run.is_finished:
            raise TonescopeError(f"the run {name} is not finished; stop it before you delete it.")
        self.files(name).delete()
        self.runs.remove(name)

    def worker(self) -> WorkerLock:
        """A lock to be held while runs are worked on; runs are marked with its name."""
        return WorkerLock(self.folder / WORKERS)

    def close(self) -> None:
        """Let it go."""
        self._database.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_alive(self, worker: str) -> bool:
        return is_held(self.folder / WORKERS, worker)


def _check(folder: Path, *, is_there: bool) -> None:
    """Raise :class:`TonescopeError` for a folder that is something else, or holds no workspace where one has to be."""
    if folder.exists() and not folder.is_dir():
        raise TonescopeError(f"the workspace {folder} is a file, and has to be a folder; name another.")
    if folder.is_dir() and not (folder / NAME).exists() and any(not _is_ours(path) for path in folder.iterdir()):
        raise TonescopeError(
            f"{folder} holds other things, and no workspace ({NAME}); name an empty folder, or one that there is not."
        )
    if is_there and not (folder / NAME).exists():
        raise TonescopeError(f"there is no workspace in {folder}; check the name, or name none for your own.")


def _make(folder: Path) -> None:
    """Make the folder where there is none. Raises ``OSError`` where it cannot be written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    probe = folder / f"{PROBE}{secrets.token_hex(8)}"
    probe.mkdir()  # some file systems refuse what their permissions allow
    probe.rmdir()
    for part in (RUNS, WORKERS):
        (folder / part).mkdir(mode=0o700, exist_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether something in a folder can be of a workspace that another process just makes."""
    return path.name in (RUNS, WORKERS) or path.name.startswith((NAME, PROBE, BOOKMARKS))
