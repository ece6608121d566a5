"""The list of what Tonescope wrote into a folder, with digests: only that is ever replaced."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

NAME = "tonescope-files.json"
CHUNK = 2**20


def write(folder: Path) -> None:
    """List everything that is in ``folder`` in a file of its own."""
    files = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    text = json.dumps({"written_by": "tonescope", "sha256": files}, indent=1)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def own(folder: Path) -> list[Path]:
    """The files in ``folder`` that are as Tonescope wrote them, relative to it; none where there is no list."""
    listed = _listed(folder)
    found = [path for path in _entries(folder) if path.as_posix() in listed]
    same = [path for path in found if _is_same(folder / path, listed[path.as_posix()])]
    return [*same, Path(NAME)] if listed else []


def foreign(folder: Path) -> list[Path]:
    """Everything else in ``folder``: files that were added or changed, links, empty folders."""
    ours = set(own(folder))
    return [path for path in _entries(folder) if path not in ours]


def move_foreign(source: Path, target: Path) -> dict[Path, Path]:
    """Move what is not ours from one folder to the same place in another, or beside it where that is taken.

    Returns old and new names.
    """
    moved = {}
    for path in foreign(source):
        place = _free(target / path)
        place.parent.mkdir(parents=True, exist_ok=True)
        (source / path).rename(place)
        moved[path] = place.relative_to(target)
    return moved


def remove_own(folder: Path) -> None:
    """Delete what is ours, and the folders that are empty then; whatever else appeared stays."""
    for path in own(folder):
        with suppress(OSError):
            (folder / path).unlink()
    for where, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(where).rmdir()


def _entries(folder: Path) -> list[Path]:
    """Files, links and empty folders below ``folder``, relative to it. Links are not followed."""
    found = []
    for where, folders, files in os.walk(folder):
        here = Path(where)
        links = [name for name in folders if (here / name).is_symlink()]
        found += [here / name for name in (*files, *links)]
        if not folders and not files and here != folder:
            found.append(here)
    return sorted(path.relative_to(folder) for path in found)


def _listed(folder: Path) -> dict[str, str]:
    try:
        listed = json.loads((folder / NAME).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(digest) for name, digest in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_same(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and not path.is_symlink() and _digest(path) == digest
    except OSError:
        return False


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _free(path: Path) -> Path:
    """The path, or where something is there already, one like it: ``report.kept.html``, ``report.kept2.html``."""
    tried, count = path, 1
    while os.path.lexists(tried):
        tried = path.with_name(f"{path.stem}.kept{count if count > 1 else ''}{path.suffix}")
        count += 1
    return tried
