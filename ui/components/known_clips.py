"""Clips that a visitor uploaded, as the folder that ``known`` names, for as long as they are read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def known_clips(uploaded: Sequence[str]) -> Iterator[Path | None]:
    """A folder with the clips, under names of their number; nothing, where there are none.

    Args:
        uploaded: where the server put them; their kind was checked by what is in them.
    """
    if not uploaded:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tonescope-clips-") as folder:
        for index, path in enumerate(map(Path, uploaded), start=1):
            ending = path.suffix.lower() if path.suffix[1:].isalnum() else ""
            shutil.copyfile(path, Path(folder) / f"clip-{index}{ending}")
        yield Path(folder)
