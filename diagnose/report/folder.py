"""Output folders that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...models.errors import TonescopeError


def check_folder(folder: Path, overwrite: bool = False) -> None:
    """Refuse a folder that cannot be written, or that holds something already, before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise TonescopeError(f"{folder} is a file, so results cannot be put in it; name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise TonescopeError(
            f"{folder} is not empty and nothing is overwritten unasked; name another folder or add --overwrite."
        )
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    if (
        not parent.is_dir()
        or not os.access(parent, os.W_OK | os.X_OK)
        or (folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK))
    ):
        raise TonescopeError(f"{folder} cannot be written; choose a folder that you own.")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of ``folder`` when the block ends well, and vanishes when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    filling = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    filling.mkdir()
    try:
        yield filling
        if folder.exists():
            shutil.rmtree(folder)
        filling.rename(folder)
    finally:
        shutil.rmtree(filling, ignore_errors=True)
