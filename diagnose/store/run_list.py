"""The runs of a workspace: what each was asked, how far it is, what it found in one sentence, and whose it is.

A run is opened by its name, which nobody guesses, and listed for its owner alone.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from tonescope.diagnose.store.run_database import RunDatabase
from tonescope.models.errors import TonescopeError

State = Literal["queued", "running", "done", "failed", "stopped", "interrupted"]
"""``interrupted``: the process that worked on it died, or was ended."""

UNFINISHED: tuple[State, ...] = ("queued", "running")
NAME_BYTES = 16  # of chance in a name: 128 bits
LONGEST_TITLE = 2_000  # characters
PAGE = 20  # runs


@dataclass(frozen=True)
class Run:
    """One run, as it stood when it was asked for.

    Attributes:
        name: what it is opened by: unguessable, and safe in addresses and as a file name.
        job: a row of :mod:`tonescope.diagnose.jobs.job_registry`.
        parameters: what the job was asked, as JSON holds it; with them it can be run again.
        models: who played and who listened.
        owner: whose it is: an opaque mark of a visitor or the name of a user; empty for who has the machine.
        title: what it is called: the prompt, where there is one.
        sentence: what was found, as soon as that is known; ``badge``, how sure it is.
        problem: why it failed, in one sentence.
        created: when it was asked for; ``started`` and ``ended`` follow; all in seconds since 1970.
        stage: what is being done, and ``share``, how much of the whole is done (0 to 1).
        until: when it will end, as far as is known.
        worker: the mark of the process that works on it.
    """

    name: str
    job: str
    parameters: Mapping[str, Any]
    models: str = ""
    owner: str = ""
    title: str = ""
    sentence: str = ""
    badge: str = ""
    problem: str = ""
    state: State = "queued"
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    stage: str = ""
    share: float = 0.0
    until: float | None = None
    worker: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in UNFINISHED

    def check_owner(self, owner: str | None) -> None:
        """Raise :class:`TonescopeError` where somebody else wants to change it; who has the machine is ``None``."""
        if owner is not None and owner != self.owner:
            raise TonescopeError(
                f"the run {self.name} is somebody else’s, and can be looked at only; start one of your own."
            )

    @property
    def seconds(self) -> float | None:
        """How long it took, once it ended."""
        return None if self.started is None or self.ended is None else self.ended - self.started

    @property
    def seconds_left(self) -> float | None:
        """How much longer a running one takes, as far as is known."""
        return None if self.until is None or self.is_finished else max(0.0, self.until - time.time())


@dataclass(frozen=True)
class Page:
    """Some runs, the newest first; how many there are in all; whether older ones follow."""

    runs: list[Run]
    total: int
    more: bool


def new_name() -> str:
    """A name for a run. It starts with a letter or digit, so that no command takes it for an option."""
    while not (name := secrets.token_urlsafe(NAME_BYTES))[0].isalnum():
        pass
    return name


def is_name(name: str) -> bool:
    """Whether a text can be the name of a run. Nothing else ever becomes part of a path."""
    return 16 <= len(name) <= 64 and name.isascii() and name[0].isalnum() and name.translate(_SIGNS).isalnum()


_SIGNS = str.maketrans("", "", "-_")


class RunList:
    """The runs in a database.

    Args:
        database: where they are.
        is_alive: whether the worker of a mark lives; unfinished runs of others are interrupted.
    """

    def __init__(self, database: RunDatabase, is_alive: Callable[[str], bool]) -> None:
        self._database, self._is_alive = database, is_alive

    def add(self, run: Run) -> Run:
        """Put a run on the list. Raises :class:`TonescopeError` for a name that is taken, or none."""
        if not is_name(run.name):
            raise TonescopeError(f"“{run.name[:80]}” is no name of a run; leave the choice to Tonescope.")
        run = replace(run, title=_stored(run.title)[:LONGEST_TITLE])
        values = {each.name: getattr(run, each.name) for each in fields(Run)}
        values |= {"parameters": json.dumps(run.parameters), "words": _words(run)}
        names = ", ".join(values)
        with self._database.transaction() as connection:
            try:
                connection.execute(
                    f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
                )
            except sqlite3.IntegrityError as error:
                raise TonescopeError(f"there is a run {run.name} already; choose another name.") from error
        return run

    def find(self, name: str) -> Run | None:
        """The run of a name, if there is one."""
        found = self._read("WHERE name = ?", [name]) if is_name(name) else []
        return found[0] if found else None

    def get(self, name: str) -> Run:
        """The run of a name. Raises :class:`TonescopeError` where there is none."""
        if (run := self.find(name)) is None:
            raise TonescopeError(
                f"there is no run “{name[:80]}” here; it was deleted, or is in another workspace: "
                "tonescope runs lists what there is."
            )
        return run

    def page(
        self, owner: str | Sequence[str] | None = None, *, search: str = "", before: str | None = None, most: int = PAGE
    ) -> Page:
        """Runs, the newest first.

        Args:
            owner: whose, one or several; everybody's, if absent, which only who has the machine should see.
            search: words that title or sentence have to hold, all of them; case does not matter.
            before: the name of the last run that was shown, to see those that follow it.
            most: how many at a time.
        """
        where, values = ["1"], list[Any]()
        if owner is not None:
            whose = [owner] if isinstance(owner, str) else list(owner)
            where, values = [*where, f"owner IN ({', '.join('?' * len(whose))})"], [*values, *whose]
        for word in _folded(search).split():
            where, values = [*where, "instr(words, ?) > 0"], [*values, word]
        matching = f"WHERE {' AND '.join(where)}"
        total = self._database.rows(f"SELECT count(*) FROM runs {matching}", values)[0][0]
        if before is not None and (last := self.find(before)) is not None:
            matching, values = f"{matching} AND (created, name) < (?, ?)", [*values, last.created, last.name]
        runs = self._read(f"{matching} ORDER BY created DESC, name DESC LIMIT ?", [*values, most + 1])
        return Page(runs[:most], total, more=len(runs) > most)

    def ended(self, job: str, models: str, most: int) -> list[Run]:
        """The runs of a job that ended well here on the same models, the newest first: how long it took elsewhere says
        nothing of this machine."""
        condition = "WHERE state = 'done' AND worker != '' AND job = ? AND models = ? ORDER BY created DESC LIMIT ?"
        return self._read(condition, [job, models, most])

    def update(self, name: str, **changed: Any) -> bool:
        """Change an unfinished run; whether there was one. What is finished stays as it is."""
        assignments = ", ".join(f"{column} = ?" for column in changed)
        states = ", ".join("?" * len(UNFINISHED))
        with self._database.transaction() as connection:
            changing = f"UPDATE runs SET {assignments} WHERE name = ? AND state IN ({states})"
            values = [_stored(value) if isinstance(value, str) else value for value in changed.values()]
            found = connection.execute(changing, [*values, name, *UNFINISHED]).rowcount > 0
            if found and changed.keys() & {"title", "sentence"}:
                run = _run(connection.execute("SELECT * FROM runs WHERE name = ?", [name]).fetchone())
                connection.execute("UPDATE runs SET words = ? WHERE name = ?", [_words(run), name])
        return found

    def remove(self, name: str) -> None:
        """Take a run off the list."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM runs WHERE name = ?", [name])

    def interrupt_orphans(self) -> None:
        """Mark the unfinished runs of workers that are gone as interrupted."""
        states = ", ".join("?" * len(UNFINISHED))
        query = f"SELECT DISTINCT worker FROM runs WHERE state IN ({states})"
        for row in self._database.rows(query, UNFINISHED):
            if not self._is_alive(row["worker"]):
                with self._database.transaction() as connection:
                    connection.execute(
                        "UPDATE runs SET state = 'interrupted', ended = ?, until = NULL "
                        f"WHERE worker = ? AND state IN ({states})",
                        [time.time(), row["worker"], *UNFINISHED],
                    )

    def _read(self, condition: str, values: Sequence[Any]) -> list[Run]:
        """Runs as they are, which for those whose worker is gone is interrupted."""
        query = f"SELECT * FROM runs {condition}"
        found = [_run(row) for row in self._database.rows(query, values)]
        workers = {run.worker for run in found if not run.is_finished}
        if all(map(self._is_alive, workers)):
            return found
        self.interrupt_orphans()
        return [_run(row) for row in self._database.rows(query, values)]


def _run(row: sqlite3.Row) -> Run:
    values = {each.name: row[each.name] for each in fields(Run)}
    return Run(**{**values, "parameters": json.loads(row["parameters"])})


def _stored(text: str) -> str:
    """Text that a database takes: half a character, as it may come from a terminal, is none."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _words(run: Run) -> str:
    """What is searched."""
    return _folded(f"{run.title}\n{run.sentence}")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", _stored(text)).casefold()
