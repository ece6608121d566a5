"""Output folders that are written whole or not at all; of what was there, only what Tonescope wrote is replaced."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from tonescope.diagnose.report import folder_manifest
from tonescope.diagnose.report.folder_lock import FolderLock, claimed, clear_left
from tonescope.models.errors import TonescopeError

LONGEST_NAME = 200  # bytes, which leave room for a mark beside it


@contextmanager
def claimed_folder(folder: Path, overwrite: bool = False) -> Iterator[FolderLock]:
    """Check and hold an output folder for the length of a run; :func:`whole_folder` inside fills it.

    Raises :class:`TonescopeError` when it cannot be written, holds something already, or another run holds it.
    """
    with suppress(OSError, RuntimeError, ValueError):  # the check below says what is wrong
        clear_left(folder.expanduser().parent)
    check_folder(folder, overwrite)
    with ExitStack() as stack:
        try:
            claim = stack.enter_context(claimed(folder, overwrite))
            claim.kept = folder_manifest.foreign(claim.folder) if claim.folder.is_dir() else []
        except OSError as error:
            raise _refused(folder) from error
        yield claim


def check_folder(folder: Path, overwrite: bool = False) -> None:
    """Refuse a folder that cannot be written, or that holds something already, before any work is done."""
    try:
        _check(folder.expanduser(), overwrite)
    except (OSError, RuntimeError, ValueError) as error:
        raise _refused(folder) from error


def _refused(folder: Path) -> TonescopeError:
    return TonescopeError(f"{str(folder)[:200]} cannot be written; choose a folder that you own.")


def _check(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise TonescopeError(f"{folder} is a file, so results cannot be put in it; name a folder.")
    _check_replaceable(folder, overwrite)
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


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    """Refuse to replace what is not ours."""
    if folder.is_symlink():
        raise TonescopeError(f"{folder} is a link, and results replace a whole folder; name the folder itself.")
    filled = folder.is_dir() and any(folder.iterdir())
    if filled and not overwrite:
        raise TonescopeError(
            f"{folder} is not empty and nothing is overwritten unasked; name another folder or add --overwrite."
        )
    if filled and not folder_manifest.own(folder):
        raise TonescopeError(
            f"{folder} holds nothing that is known to be written by Tonescope ({folder_manifest.NAME} would list it), "
            "and --overwrite replaces nothing else; name another folder."
        )
    if Path.cwd().is_relative_to(folder.resolve()):
        raise TonescopeError(f"{folder} is where you are, and results replace a whole folder; name a folder inside it.")


@contextmanager
def whole_folder(folder: Path, overwrite: bool = True) -> Iterator[Path]:
    """A folder to fill that takes the place of ``folder`` when the block ends well, and vanishes when it does not.

    Of what was there before, what Tonescope wrote goes, and only when the new is in its place; all else stays.
    ``overwrite`` is that of :func:`claimed_folder`, where the folder is held by one. Raises :class:`TonescopeError`
    when the disk refuses.
    """
    try:
        with claimed(folder, overwrite) as claim:
            try:
                claim.new.mkdir()
                yield claim.new
                folder_manifest.write(claim.new)
                _check_replaceable(claim.folder, claim.overwrite)
                if claim.folder.exists():
                    claim.folder.rename(claim.old)
                claim.new.rename(claim.folder)
            finally:
                claim.restore()
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TonescopeError(
            f"{folder} could not be written ({reason}); nothing was left there: "
            "free some space, or name another folder."
        ) from error
