"""A claim on an output folder: one run at a time fills it, and what a killed run left is cleared by the next.

Beside a folder ``out`` stands ``.out.tonescope`` while a run holds it, with ``new`` (being filled), ``old`` (what was
there, until the new is in its place) and ``claim``, a locked file: the system frees the lock when its process is gone,
however it went.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from tonescope.diagnose.report import folder_manifest
from tonescope.models.errors import TonescopeError

ENDING = ".tonescope"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # of file systems that lack them
ATTEMPTS = 20


@dataclass
class FolderLock:
    """A folder that this process alone fills: ``kept`` is not ours and stays, ``moved`` got another name."""

    folder: Path
    overwrite: bool
    kept: list[Path] = field(default_factory=list)
    moved: dict[Path, Path] = field(default_factory=dict)

    @property
    def beside(self) -> Path:
        """Where the claim keeps its things."""
        return self.folder.with_name(f".{self.folder.name}{ENDING}")

    @property
    def new(self) -> Path:
        """What is being filled."""
        return self.beside / "new"

    @property
    def old(self) -> Path:
        """What was there before, until the new is in its place."""
        return self.beside / "old"

    def restore(self) -> None:
        """Put back what was there before, or where the new stands already, bring to it what is not ours."""
        if os.path.lexists(self.old):
            if os.path.lexists(self.folder):
                self.moved |= folder_manifest.move_foreign(self.old, self.folder)
                folder_manifest.remove_own(self.old)
            else:
                self.old.rename(self.folder)
        shutil.rmtree(self.new, ignore_errors=True)


_HELD: dict[Path, FolderLock] = {}


@contextmanager
def claimed(folder: Path, overwrite: bool = False) -> Iterator[FolderLock]:
    """Hold ``folder`` in the block; a claim of this process is shared.

    Raises :class:`TonescopeError` when another run holds it.
    """
    folder = folder.expanduser()
    made = _make(folder.parent)
    claim = FolderLock(folder.parent.resolve() / folder.name, overwrite)
    if claim.folder in _HELD:
        yield _HELD[claim.folder]
        return
    try:
        file = _lock(claim.beside)
        if file is None:
            raise TonescopeError(
                f"{folder} is being written by another run{_owner(claim.beside)}; wait for it, or name another folder."
            )
        try:
            claim.restore()
            _HELD[claim.folder] = claim
            yield claim
        finally:
            _HELD.pop(claim.folder, None)
            _release(claim, file)
    finally:
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def clear_left(parent: Path) -> None:
    """Put right what killed runs left beside folders in ``parent``: whoever holds no lock any more is gone."""
    for beside in parent.glob(f".*{ENDING}"):
        name = beside.name.removeprefix(".").removesuffix(ENDING)
        claim = FolderLock(parent.resolve() / name, overwrite=False)
        if not name or beside.is_symlink() or claim.folder in _HELD or not (beside / "claim").is_file():
            continue
        with suppress(OSError):
            if (file := _lock(beside)) is not None:
                _release(claim, file)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; those that were made, the deepest first."""
    made = []
    while not folder.exists():
        made.append(folder)
        folder = folder.parent
    for parent in reversed(made):
        parent.mkdir(exist_ok=True)
    return made


def _lock(beside: Path) -> IO[str] | None:
    """The locked file of a claim, or nothing where another process has it."""
    for _ in range(ATTEMPTS):
        beside.mkdir(exist_ok=True)
        try:
            file = (beside / "claim").open("a+", encoding="utf-8")
        except FileNotFoundError:  # a run that ended took its folder away just now
            continue
        if not try_lock(file):
            file.close()
            return None
        with suppress(OSError):
            if os.fstat(file.fileno()).st_ino == (beside / "claim").stat().st_ino:
                file.truncate(0)
                file.write(f"{os.getpid()} {socket.gethostname()}\n")
                file.flush()
                return file
        file.close()  # a run that ended took the file away between opening and locking it
    return None


def try_lock(file: IO[str]) -> bool:
    """Lock an open file, if no other open file holds it; the system frees it when its process is gone."""
    try:
        import fcntl
    except ImportError:
        return _try_lock_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in NO_LOCKS and not _is_alive(file)
    return True


def _try_lock_windows(file: IO[str]) -> bool:
    import msvcrt

    try:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def _is_alive(file: IO[str]) -> bool:
    """Whether the process that a claim names may still run, where there are no locks to ask."""
    file.seek(0)
    process, _, host = file.read().strip().partition(" ")
    if not process.isdigit():
        return False
    return host != socket.gethostname() or psutil.pid_exists(int(process))


def _owner(beside: Path) -> str:
    try:
        process = (beside / "claim").read_text(encoding="utf-8").split()[0]
        return f" (process {int(process)})"
    except (OSError, ValueError, IndexError):
        return ""


def _release(claim: FolderLock, file: IO[str]) -> None:
    with suppress(OSError):
        claim.restore()
    if os.name == "nt":
        file.close()  # what is open cannot be deleted there
    with suppress(OSError):
        (claim.beside / "claim").unlink()
        claim.beside.rmdir()  # stays where something of a user's is still in it
    file.close()
