"""Clips that a visitor uploaded, kept with the run that they are for, and deleted with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tonescope.diagnose.store.run_list import new_name
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.store.workspace import Workspace

CLIPS = "clips"  # a folder beside what the run found


@contextmanager
def kept_clips(workspace: Workspace, clips: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The name of a run that will be, and the folder of its clips, under names of their number.

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
            for index, path in enumerate(clips, start=1):
                ending = path.suffix.lower() if path.suffix[1:].isalnum() and path.suffix.isascii() else ""
                shutil.copyfile(path, folder / f"clip-{index}{ending}")
        except OSError as error:
            raise TonescopeError(
                f"the clips cannot be kept ({error.strerror}); free some space, or upload them again."
            ) from error
        yield name, folder
    except BaseException:
        files.delete()
        raise


def clips_of(workspace: Workspace, name: str) -> list[Path]:
    """The clips of a run; none, where none were uploaded for it."""
    folder = workspace.files(name).folder / CLIPS
    return sorted(folder.iterdir()) if folder.is_dir() else []
