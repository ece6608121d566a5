"""What was heard in takes, kept as Parquet shards: one for each work item, named by its content, written whole.

A run that is killed at any point loses the items under way, and nothing else: the next one finds the shards, asks only
for takes that are in none of them, and cuts those into new items. So runs that want some takes in common share them.
DuckDB reads and writes Parquet itself; nothing else has to be installed for it.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.runtime.work_items import HeardTake, TakeSetting, WorkItem
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    import duckdb

SETTING, ENDING, PART, DAMAGED = "setting.json", ".parquet", ".part", ".damaged"
MARK = "~"  # between the parts of a name that says whose a half-written file is
MAGIC = b"PAR1"  # at both ends of every whole Parquet file
SMALLEST = 12  # bytes: the magic twice, and the length of the footer
MEMORY_MIB = 512  # that DuckDB may take; it goes to disk beyond that
COLUMNS = {
    "prompt": "VARCHAR",
    "seed": "BIGINT",
    "group": "VARCHAR",
    "problem": "VARCHAR",
    "heard": "VARCHAR",
    "probability": "FLOAT",
    "probabilities": "FLOAT[]",
    "level_db": "FLOAT",
    "measures": "MAP(VARCHAR, DOUBLE)",
    "second": "VARCHAR",
    "second_probability": "FLOAT",
    "vectors": "MAP(VARCHAR, FLOAT[])",
    "has_state": "BOOLEAN",
    "state": "BLOB",
}
MAPS = {"measures": "map(?::VARCHAR[], ?::DOUBLE[])", "vectors": "map(?::VARCHAR[], ?::FLOAT[][])"}
"""How the columns that are maps are written: keys, then values."""


class TakeShards:
    """The shards of one setting.

    Args:
        root: where shards of all settings are; ``takes`` in the cache, if absent.
        setting: what decides what a take is.

    Attributes:
        folder: of this setting alone; ``setting.json`` in it says what it is.
        damaged: how many shards were set aside, because they were not whole.

    Raises:
        TonescopeError: the folder cannot be written.
    """

    def __init__(self, setting: TakeSetting, root: Path | None = None) -> None:
        self.setting = setting
        self.folder = (root if root is not None else cache_folder() / "takes") / setting.key
        self.damaged = 0
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clear_parts()
            if not (self.folder / SETTING).is_file():
                told = json.dumps(asdict(setting), indent=1)
                self._write_whole(self.folder / SETTING, lambda part: part.write_text(told, encoding="utf-8"))

    def files(self) -> list[Path]:
        """The shards. One that is not whole (a disk that failed, a hand that cut it) is set aside, and its takes are
        wanted again."""
        found = []
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            if _is_whole(path):
                found.append(path)
            else:
                self._set_aside(path)
        return found

    def finished(self, with_states: bool = False, measures: Sequence[str] = ()) -> dict[str, set[int]]:
        """The seeds of the takes that are there, by prompt; where these are wanted, those ``with_states`` and with
        all ``measures`` alone."""
        wanted = ["has_state"] * with_states + [f"map_contains(measures, {quoted(name)})" for name in measures]
        only = f"WHERE problem IS NOT NULL OR ({' AND '.join(wanted)})" if wanted else ""
        rows = self._asked("SELECT prompt, list(DISTINCT seed) FROM {} " + only + " GROUP BY prompt")
        return {prompt: set(seeds) for prompt, seeds in rows}

    def examples(self) -> set[tuple[str, str]]:
        """The groups and genres heard of which some take keeps its state."""
        return set(self._asked('SELECT DISTINCT "group", heard FROM {} WHERE has_state AND heard IS NOT NULL'))

    def _asked(self, query: str) -> list[Any]:
        """Rows of a query over all shards. Shards that look whole and cannot be read are set aside."""
        import duckdb

        with database() as opened:
            while files := self.files():
                try:
                    return opened.execute(query.format(parquet(files))).fetchall()
                except duckdb.Error:
                    unreadable = [path for path in files if not _can_be_read(opened, path)]
                    if not unreadable:
                        raise
                    for path in unreadable:
                        self._set_aside(path)
        return []

    def _set_aside(self, path: Path) -> None:
        self.damaged += 1
        with self._writing():
            path.replace(path.with_name(path.name + DAMAGED))

    def add(self, item: WorkItem, takes: Sequence[HeardTake]) -> Path:
        """Keep what came of an item. Raises :class:`TonescopeError` when the disk refuses."""
        path = self.folder / f"{item.key}{ENDING}"
        with self._writing():
            self._write_whole(path, lambda part: write_shard(part, takes, item))
        return path

    def _write_whole(self, path: Path, write: Any) -> None:
        """Under a name that says whose it is, then in its place."""
        mark = MARK.join((path.name, socket.gethostname(), str(os.getpid()), secrets.token_hex(4)))
        part = path.with_name(f".{mark}{PART}")
        try:
            write(part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _clear_parts(self) -> None:
        """Remove what killed runs of this machine left half written."""
        for part in self.folder.glob(f".*{PART}"):
            _, host, process, *_ = [*part.name.split(MARK), "", "", ""]
            if host == socket.gethostname() and process.isdigit() and not psutil.pid_exists(int(process)):
                part.unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except (OSError, duckdb.IOException) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise TonescopeError(
                f"{self.folder} cannot keep takes ({reason}); free some space, or name another folder with --shards; "
                "what is there already stays."
            ) from error


def write_shard(path: Path, takes: Sequence[HeardTake], item: WorkItem | None = None) -> None:
    """Takes as one Parquet file; what it was the work item of is in its metadata."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    rows = [
        [
            take.prompt,
            take.seed,
            take.group,
            take.problem,
            take.heard,
            take.probability,
            take.probabilities,
            take.level_db,
            list(take.measures),
            list(take.measures.values()),
            take.second,
            take.second_probability,
            list(take.vectors),
            list(take.vectors.values()),
            take.state is not None,
            take.state,
        ]
        for take in takes
    ]
    about = json.dumps({"item": asdict(item)}) if item else "{}"
    with database() as opened:
        opened.execute(f"CREATE TABLE takes ({columns})")
        if rows:
            places = [MAPS.get(name, "?") for name in COLUMNS]
            opened.executemany(f"INSERT INTO takes VALUES ({', '.join(places)})", rows)
        told = f"KV_METADATA {{tonescope: {quoted(about)}}}"
        opened.execute(f"COPY takes TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, {told})")


@contextmanager
def database(threads: int = 1, memory_mib: int = MEMORY_MIB) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that fetches nothing from anywhere, and is bounded."""
    import tempfile

    import duckdb

    with tempfile.TemporaryDirectory(prefix="tonescope-") as spilled:
        opened = duckdb.connect(
            ":memory:",
            config={
                "threads": str(threads),
                "memory_limit": f"{memory_mib}MiB",
                "temp_directory": spilled,
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "preserve_insertion_order": "false",
            },
        )
        try:
            yield opened
        finally:
            opened.close()


def parquet(files: Sequence[Path]) -> str:
    """Files as a table of a query."""
    return f"read_parquet([{', '.join(quoted(str(path)) for path in files)}])"


def quoted(text: str) -> str:
    """Text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _is_whole(path: Path) -> bool:
    """Whether a file begins and ends as Parquet does, and holds the footer that it says it has."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < SMALLEST or file.read(4) != MAGIC:
                return False
            file.seek(-8, os.SEEK_END)
            footer = file.read(8)
    except OSError:
        return False
    return footer[4:] == MAGIC and int.from_bytes(footer[:4], "little") <= size - SMALLEST


def _can_be_read(opened: duckdb.DuckDBPyConnection, path: Path) -> bool:
    import duckdb

    try:
        opened.execute(f"SELECT {', '.join(map(_name, COLUMNS))} FROM {parquet([path])}").fetchall()
    except duckdb.Error:
        return False
    return True


def _name(column: str) -> str:
    return f'"{column}"'
