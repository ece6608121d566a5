"""A folder of the server's own for what pages show and people upload; it is gone when the server ends."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tonescope.models.errors import TonescopeError

PREFIX = "tonescope-ui-"
LEAST_FREE = 64 * 2**20  # bytes; a page with its sounds takes a few of these
VARIABLE = "GRADIO_TEMP_DIR"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder that only this user can enter, which gradio uses for all of its files.

    Gradio by itself shares one folder between all users of a machine, which belongs to whoever came first.

    Raises:
        TonescopeError: there is no folder for temporary files that can be written, or its disk is full.
    """
    try:
        parent = Path(tempfile.gettempdir())
        _clear_left(parent)
        free = shutil.disk_usage(parent).free
        if free < LEAST_FREE:
            raise TonescopeError(
                f"only {free / 2**20:.0f} MiB are free for temporary files in {parent}; free some space, or set TMPDIR "
                "to a folder on another disk."
            )
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
    except OSError as error:
        raise TonescopeError("no folder for temporary files can be written; set TMPDIR to one that you own.") from error
    usual = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if usual is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = usual
        shutil.rmtree(folder, ignore_errors=True)


def _clear_left(parent: Path) -> None:
    """Delete what servers of this user left that were killed: their process is no more."""
    for folder in parent.glob(f"{PREFIX}*-*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        with suppress(OSError):
            is_own = not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.getuid()
            if is_own and number.isdecimal() and not psutil.pid_exists(int(number)):
                shutil.rmtree(folder, ignore_errors=True)
