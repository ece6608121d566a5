"""Whether the process that works on a run still lives: a locked file, which the system frees however a process ends."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from tonescope.diagnose.report.folder_lock import try_lock
from tonescope.models.errors import TonescopeError

ENDING = ".lock"


class WorkerLock:
    """Held by whoever works on runs, for as long as that takes; runs are marked with its ``name``.

    Raises:
        TonescopeError: the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._path = folder / f"{self.name}{ENDING}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._file = self._path.open("a+", encoding="utf-8")
            try_lock(self._file)  # nobody else knows the name yet
            self._file.write(f"{os.getpid()} {socket.gethostname()}\n")  # for file systems without locks
            self._file.flush()
        except OSError as error:
            raise TonescopeError(
                f"the workspace {folder.parent} cannot be written ({error.strerror or error}); free some space, or "
                "name another folder."
            ) from error

    def release(self) -> None:
        """Work no longer."""
        if os.name == "nt":
            self._file.close()  # what is open cannot be deleted there
        with suppress(OSError):
            self._path.unlink()
        with suppress(OSError):
            self._file.close()


def is_held(folder: Path, name: str) -> bool:
    """Whether the worker of that name lives. What a dead one left is cleared."""
    path = folder / f"{name}{ENDING}"
    try:
        with path.open("r+", encoding="utf-8") as file:
            if not try_lock(file):
                return True
            if os.name != "nt":
                path.unlink()
    except FileNotFoundError:
        return False
    except OSError:
        return True  # what cannot be asked is not given up
    return False
