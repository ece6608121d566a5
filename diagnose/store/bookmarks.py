"""Bookmarks: units that somebody saved, with a name, notes and tags, in a workspace.

A unit's address means something in one model alone, so every bookmark keeps the identity of its model: opened with
another one, it says so. What comes from a file of somebody else is held against the same form before anything is kept.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from tonescope.diagnose.schema import Diagnosis, MetBookmark
from tonescope.diagnose.store.run_database import Form, RunDatabase
from tonescope.diagnose.store.workspace import BOOKMARKS, default_folder
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Unit

FORMAT: Final = "tonescope bookmarks 1"
LARGEST_FILE = 16 * 2**20  # bytes
MOST = 100_000
LONGEST_NAME, LONGEST_NOTES, LONGEST_TAG, MOST_TAGS = 200, 20_000, 60, 50
TABLES = """
CREATE TABLE IF NOT EXISTS bookmarks (
    fingerprint TEXT NOT NULL,
    unit TEXT NOT NULL,
    model TEXT NOT NULL,
    name TEXT NOT NULL,
    notes TEXT NOT NULL,
    tags TEXT NOT NULL,
    changed REAL NOT NULL,
    PRIMARY KEY (fingerprint, unit)
);
CREATE INDEX IF NOT EXISTS bookmarks_by_time ON bookmarks (changed);
"""
FORM = Form(0x746F6E62, 1, TABLES, "the bookmarks")  # "tonb"

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TAG)]


class Bookmark(BaseModel):
    """A unit that was saved.

    Attributes:
        unit: its address; ``model`` and ``fingerprint``, whose unit it is.
        name, notes, tags: what somebody says of it.
        changed: when, in seconds since 1970.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    unit: str
    model: Annotated[str, Field(max_length=LONGEST_NAME)]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
    notes: Annotated[str, Field(max_length=LONGEST_NOTES)] = ""
    tags: Annotated[list[Tag], Field(max_length=MOST_TAGS)] = []
    changed: float = Field(default_factory=time.time, ge=0)

    @field_validator("unit")
    @classmethod
    def _is_unit(cls, value: str) -> str:
        return str(Unit.parse(value))

    @field_validator("name", "notes", "model")
    @classmethod
    def _is_text(cls, value: str) -> str:
        return value.encode("utf-8", "replace").decode("utf-8")

    @field_validator("tags")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(tag.casefold() for tag in value))

    def foreign_to(self, fingerprint: str, model: str) -> str | None:
        """What is to be said where it is opened with a model; ``None`` with its own."""
        if fingerprint == self.fingerprint:
            return None
        return (
            f"The bookmark “{self.name}” is of {self.unit} in {self.model}, and this is {model}, another "
            "model (or other "
            "weights of that name): the unit of the same address may do something else."
        )


class BookmarkFile(BaseModel):
    """What is sent to somebody else."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["tonescope bookmarks 1"]
    bookmarks: Annotated[list[Bookmark], Field(max_length=MOST)]


@dataclass(frozen=True)
class Imported:
    """How many bookmarks were new, how many took the place of older ones, and how many were left as they are here."""

    new: int
    replaced: int
    kept: int


class Bookmarks:
    """The bookmarks of a workspace. Closed by :meth:`close`, or at the end of a ``with`` block.

    Args:
        folder: the workspace.

    Raises:
        TonescopeError: it cannot be used, with the reason.
    """

    def __init__(self, folder: Path) -> None:
        self._database = RunDatabase(folder / BOOKMARKS, FORM)

    def keep(self, bookmark: Bookmark) -> bool:
        """Save one, in the place of one of the same unit; whether there was none."""
        with self._database.transaction() as connection:
            was = connection.execute(
                "SELECT 1 FROM bookmarks WHERE fingerprint = ? AND unit = ?", [bookmark.fingerprint, bookmark.unit]
            ).fetchone()
            _put(connection, bookmark)
        return was is None

    def find(self, unit: str, fingerprint: str | None = None) -> list[Bookmark]:
        """Those of a unit; of one model, where it is named."""
        return [one for one in self.all() if one.unit == unit and fingerprint in (None, one.fingerprint)]

    def all(self, *, search: str = "", tag: str | None = None, fingerprint: str | None = None) -> list[Bookmark]:
        """Those that hold all words of a search (in name, notes, tags or unit) and a tag, the newest first."""
        rows = self._database.rows("SELECT * FROM bookmarks ORDER BY changed DESC, unit")
        found = [Bookmark(**{**dict(row), "tags": json.loads(row["tags"])}) for row in rows]
        words = search.casefold().split()
        return [
            one
            for one in found
            if fingerprint in (None, one.fingerprint)
            and (tag is None or tag.casefold() in one.tags)
            and all(word in _text(one) for word in words)
        ]

    def remove(self, unit: str, fingerprint: str | None = None) -> int:
        """Take the bookmarks of a unit away; how many there were."""
        with self._database.transaction() as connection:
            query, values = "DELETE FROM bookmarks WHERE unit = ?", [unit]
            if fingerprint is not None:
                query, values = f"{query} AND fingerprint = ?", [*values, fingerprint]
            return int(connection.execute(query, values).rowcount)

    def export(self, path: Path, bookmarks: Sequence[Bookmark]) -> None:
        """Write some to a file, whole. Raises :class:`TonescopeError` where that cannot be."""
        text = written(bookmarks)
        part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise TonescopeError(
                f"{path} could not be written ({error.strerror or error}); name another file."
            ) from error

    def take_in(self, path: Path) -> Imported:
        """Save those of a file. Of two of one unit the one that was changed last stays.

        Raises :class:`TonescopeError` for a file that is none of ours; nothing is saved then.
        """
        return self.take(read_file(path).bookmarks)

    def take(self, sent: Sequence[Bookmark]) -> Imported:
        """Save some, all of them or none. Of two of one unit the one that was changed last stays."""
        new = replaced = kept = 0
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT fingerprint, unit, changed FROM bookmarks")
            here = {(str(fingerprint), str(unit)): float(changed) for fingerprint, unit, changed in rows}
            for bookmark in sent:
                known = here.get(key := (bookmark.fingerprint, bookmark.unit))
                if known is not None and known >= bookmark.changed:
                    kept += 1
                    continue
                _put(connection, bookmark)
                new, replaced = new + (known is None), replaced + (known is not None)
                here[key] = bookmark.changed
        return Imported(new, replaced, kept)

    def close(self) -> None:
        """Let it go."""
        self._database.close()

    def __enter__(self) -> Bookmarks:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _put(connection: sqlite3.Connection, bookmark: Bookmark) -> None:
    values = bookmark.model_dump() | {"tags": json.dumps(bookmark.tags)}
    query = f"INSERT OR REPLACE INTO bookmarks ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
    connection.execute(query, list(values.values()))


def _text(bookmark: Bookmark) -> str:
    return " ".join((bookmark.unit, bookmark.name, bookmark.notes, *bookmark.tags)).casefold()


def written(bookmarks: Sequence[Bookmark]) -> str:
    """Some as the text of a file."""
    return BookmarkFile(format=FORMAT, bookmarks=list(bookmarks)).model_dump_json(indent=1) + "\n"


def read_file(path: Path) -> BookmarkFile:
    """Bookmarks that somebody sent. Raises :class:`TonescopeError` for what is not of this form, saying where."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise TonescopeError(f"{path} is too large to hold bookmarks; name the file that was exported.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise TonescopeError(f"{path} cannot be read ({reason}); name a file of bookmarks.") from error
    return read_text(text, str(path))


def read_text(text: str, name: str) -> BookmarkFile:
    """Bookmarks as the text of a file. Raises :class:`TonescopeError` for what is not of this form, saying where."""
    try:
        return BookmarkFile.model_validate_json(text)
    except TonescopeError as error:
        raise TonescopeError(f"{name} holds a bookmark of no unit: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise TonescopeError(
            f"{name} holds no bookmarks of this version of Tonescope ({place}: {first['msg']}); ask who "
            "sent it for another "
            "export."
        ) from error


def with_bookmarks(found: Diagnosis, folder: Path | None = None) -> Diagnosis:
    """A diagnosis that names the units among its causes which were saved before, in the user's own workspace if no
    other is named. Nothing is made where there are no bookmarks; what cannot be read is a caveat."""
    try:
        where = (folder if folder is not None else default_folder()).expanduser()
        if not (where / BOOKMARKS).is_file():
            return found
        with Bookmarks(where) as bookmarks:
            known = {one.unit: one for one in bookmarks.all(fingerprint=found.model.fingerprint)}
    except TonescopeError as error:
        told = str(error)
        return found.model_copy(update={"caveats": [*found.caveats, f"Bookmarks were not looked at: {told}"]})
    drivers = found.drivers
    named = [*(drivers.group.names if drivers.group else ()), *(row.unit for row in drivers.units)]
    met = [
        MetBookmark(unit=unit, name=known[unit].name, notes=known[unit].notes, tags=known[unit].tags)
        for unit in dict.fromkeys(named)
        if unit in known
    ]
    return found.model_copy(update={"bookmarks": met}) if met else found
