"""The database of a workspace: SQLite, opened safely, its errors in one sentence each.

Write-ahead logging lets a page read while a run writes, from one process or several. A database of a newer Tonescope,
of another program, or a damaged one, is refused and left as it is.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from tonescope.models.errors import TonescopeError

NAME = "runs.sqlite"
APPLICATION_ID = 0x746F6E65  # "tone", in the header of the file
SCHEMA_VERSION = 2
BUSY_SECONDS = 20.0  # to wait for another process that writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    parameters TEXT NOT NULL,
    models TEXT NOT NULL,
    owner TEXT NOT NULL,
    title TEXT NOT NULL,
    sentence TEXT NOT NULL,
    badge TEXT NOT NULL DEFAULT '',
    problem TEXT NOT NULL,
    words TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    stage TEXT NOT NULL,
    share REAL NOT NULL,
    until REAL,
    worker TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_time ON runs (created, name);
CREATE INDEX IF NOT EXISTS runs_by_owner ON runs (owner, created, name);
CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state);
"""
ADDED = ((2, "ALTER TABLE runs ADD COLUMN badge TEXT NOT NULL DEFAULT ''"),)
"""What a list of an older version is given, with the version that has it first."""
DAMAGED = "is damaged; restore it from a copy, or name another folder (the files of its runs lie beside it, untouched)"
REFUSALS = {
    sqlite3.SQLITE_FULL: "cannot grow, for the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "cannot be written; make it writable, or name another folder",
    sqlite3.SQLITE_PERM: "cannot be written; make it writable, or name another folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; make its folder readable and writable, or name another folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written (the disk fails, or is full); free some space, or name another "
    "folder",
    sqlite3.SQLITE_BUSY: "is held by another program for too long; end that, and try again",
    sqlite3.SQLITE_LOCKED: "is held by another program for too long; end that, and try again",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
"""What is told for SQLite's primary result codes."""


@dataclass(frozen=True)
class Form:
    """What a database of ours holds: the mark and version in the header of its file, its tables, what it is called, and
    what versions added."""

    application_id: int
    version: int
    tables: str
    called: str
    added: Sequence[tuple[int, str]] = ()


RUNS = Form(APPLICATION_ID, SCHEMA_VERSION, SCHEMA, "the list of runs", ADDED)


class RunDatabase:
    """The open database of a workspace, shared by the threads of this process.

    Raises:
        TonescopeError: it cannot be used, with the reason.
    """

    def __init__(self, path: Path, form: Form = RUNS) -> None:
        self.path, self._form, self._lock = path, form, RLock()
        with _told(path, form):
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
        try:
            with _told(path, form):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        """Refuse what is not ours, before anything is written; make what is new."""
        theirs, version, tables = self._header()
        if theirs != self._form.application_id and (theirs or tables):
            raise TonescopeError(f"{self.path} belongs to another program; name another folder for the workspace.")
        if version > self._form.version:
            raise TonescopeError(
                f"the workspace {self.path.parent} was written by a newer Tonescope (version {version} of its list, "
                f"and {self._form.version} is known here); update Tonescope, or name another folder."
            )
        if tables and (found := self._pragma("quick_check(1)")) != "ok":
            raise TonescopeError(f"{self._form.called} {self.path} {DAMAGED} ({str(found)[:80]}).")
        self._use_write_ahead_log()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if version < self._form.version:
            with self.transaction() as connection:
                version = self._pragma("user_version")  # another process may have been first
                for since, statement in self._form.added:
                    if 0 < version < since:
                        connection.execute(statement)
                for statement in filter(str.strip, self._form.tables.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {self._form.application_id}")
                connection.execute(f"PRAGMA user_version = {self._form.version}")

    def _header(self) -> tuple[int, int, int]:
        """The mark, the version and the number of tables, of one moment: another process may just be making them."""
        self._connection.execute("BEGIN")
        try:
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            return self._pragma("application_id"), self._pragma("user_version"), tables
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _use_write_ahead_log(self) -> None:
        """The change needs the file alone for a moment, and SQLite does not wait for that by itself."""
        until = time.monotonic() + BUSY_SECONDS
        while self._pragma("journal_mode") != "wal":
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return  # file systems without shared memory keep their old mode, which is as safe
            except sqlite3.OperationalError as error:
                if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write in the block, all of it or nothing. Raises :class:`TonescopeError` where that cannot be."""
        with self._lock, _told(self.path, self._form):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """What a query finds."""
        with self._lock, _told(self.path, self._form):
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Let it go. A closed database answers nothing."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()


@contextmanager
def _told(path: Path, form: Form) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        told = REFUSALS.get(_code(error), "cannot be used; name another folder for the workspace")
        raise TonescopeError(f"{form.called} {path} {told} ({str(error)[:80]}).") from error


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
