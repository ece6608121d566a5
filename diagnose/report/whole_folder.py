"""Output folders that are written whole or not at all, and replaced only where a diagnosis was before."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from tonescope.models.errors import TonescopeError

OURS = ("diagnosis.json", "experiment.json")  # what tells a folder of ours from every other
LONGEST_NAME = 200


def check_folder(folder: Path, overwrite: bool = False) -> None:
    """Refuse a folder that cannot be written, or that holds something already, before any work is done."""
    try:
        _check(folder.expanduser(), overwrite)
    except (OSError, RuntimeError, ValueError) as error:
        raise TonescopeError(f"{str(folder)[:200]} cannot be written; choose a folder that you own.") from error


def _check(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise TonescopeError(f"{folder} is a file, so results cannot be put in it; name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise TonescopeError(
            f"{folder} is not empty and nothing is overwritten unasked; name another folder or add --overwrite."
        )
    _check_replaceable(folder)
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError
    if os.path.ismount(folder):
        raise TonescopeError(
            f"{folder} is where a disk is mounted, and results replace a whole folder; name a folder inside it."
        )
    probe = parent / f".{secrets.token_hex(8)}"
    probe.mkdir()  # some file systems refuse what their permissions allow
    probe.rmdir()
    if len(os.fsencode(folder.name)) > LONGEST_NAME:
        raise ValueError("a name that leaves no room for a mark beside it")


def _check_replaceable(folder: Path) -> None:
    """Refuse to replace what is not a diagnosis."""
    if folder.is_symlink():
        raise TonescopeError(f"{folder} is a link, and results replace a whole folder; name the folder itself.")
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).is_file() for name in OURS):
        raise TonescopeError(
            f"{folder} holds something else than a diagnosis, and --overwrite replaces the whole folder; name another one."
        )
    if Path.cwd().is_relative_to(folder.resolve()):
        raise TonescopeError(f"{folder} is where you are, and results replace a whole folder; name a folder inside it.")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of ``folder`` when the block ends well, and vanishes when it does not.

    What was there before goes only when the new is in its place. Raises :class:`TonescopeError` when the disk refuses.
    """
    folder = folder.expanduser()
    mark = secrets.token_hex(4)
    filling, before = (folder.parent / f".{folder.name}.{mark}{end}" for end in ("", ".before"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        filling.mkdir()
        yield filling
        _check_replaceable(folder)
        if folder.exists():
            folder.rename(before)
        filling.rename(folder)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TonescopeError(
            f"{folder} could not be written ({reason}); nothing was left there: free some space, or name another folder."
        ) from error
    finally:
        if before.exists() and not folder.exists():
            before.rename(folder)
        shutil.rmtree(filling, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
