"""What a visitor gives for a run: recordings, a design. It is kept with the run, and deleted with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.report.output_folder import slug
from tonescope.diagnose.store.run_files import CLIPS
from tonescope.diagnose.store.run_list import new_name
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.store.workspace import Workspace


@dataclass(frozen=True)
class Text:
    """A file that was typed: its name and what is in it."""

    name: str
    text: str


Given = Path | Text
"""A file that was uploaded or typed."""


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


PARAMETERS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "diagnose": lambda folder: {"known": folder},
    "audit": lambda folder: {"design": _files(folder)[0]},
    "listen": lambda folder: {"files": [str(path) for path in _files(folder)]},
}
"""By the job that takes files: its parameters that name what lies in a folder."""
UNDER_OWN_NAMES = ("audit", "listen")  # jobs that tell of each file by its name


@contextmanager
def kept_files(workspace: Workspace, job: str, given: Sequence[Given]) -> Iterator[tuple[str, Path]]:
    """The name of a run that will be, and the folder of its files: under names of their number, or for jobs that tell
    of them under what is harmless of their own.

    Nothing is left of them where the block raises: the run was not taken.

    Raises:
        TonescopeError: they cannot be kept.
    """
    name = new_name()
    files = workspace.files(name)
    folder = files.folder / CLIPS
    try:
        try:
            folder.mkdir(parents=True, mode=0o700)
            for number, file in enumerate(given, start=1):
                _keep(file, folder / _name(file, number, folder, job in UNDER_OWN_NAMES))
        except OSError as error:
            raise TonescopeError(
                f"the files cannot be kept ({error.strerror}); free some space, or give them again."
            ) from error
        yield name, folder
    except BaseException:
        files.delete()
        raise


def files_of(workspace: Workspace, name: str) -> list[Path]:
    """What was given for a run; nothing, where nothing was."""
    return _files(workspace.files(name).folder / CLIPS)


def _keep(file: Given, path: Path) -> None:
    if isinstance(file, Text):
        path.write_text(file.text, encoding="utf-8")
    else:
        shutil.copyfile(file, path)


def _name(file: Given, number: int, folder: Path, is_own: bool) -> str:
    """A name that no other file of the folder has, and that leads nowhere else."""
    path = Path(file.name)
    ending = path.suffix.lower() if path.suffix[1:].isalnum() and path.suffix.isascii() else ""
    stem = slug(path.stem) if is_own else ""
    if not stem:
        return f"clip-{number}{ending}"
    return f"{stem}{ending}" if not (folder / f"{stem}{ending}").exists() else f"{stem}-{number}{ending}"
