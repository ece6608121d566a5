"""Corpora: recordings that come one after the other, whatever their number, with what is known of each.

A corpus says what recordings it has without decoding them, so that a build that was stopped passes over what it has
seen.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tonescope.diagnose.audio_files.collecting import PROMPT_COLUMNS, read_table
from tonescope.diagnose.audio_files.sound_files import Unusable, check_file, is_litter, printable, readable_endings
from tonescope.diagnose.audio_files.sound_recording import Recording, read_recording
from tonescope.diagnose.store.take_shards import database, parquet
from tonescope.models.errors import TonescopeError

TABLES = ("metadata.jsonl", "metadata.csv")
LICENCE_COLUMNS = ("licence", "license", "license_name")
SOURCE_COLUMNS = ("source", "url", "link", "track_url")
TAG_COLUMNS = ("tags", "genre", "instruments", "drums")
ID_COLUMNS = ("file_name", "path", "id", "name", "track_id")
ROWS_AT_ONCE = 8  # of a Parquet file, whose sound is in memory together


@dataclass(frozen=True)
class About:
    """What travels with a recording: its caption, licence and source, and tags that somebody gave it, separated by
    commas; where they are known."""

    caption: str = ""
    licence: str = ""
    source: str = ""
    tags: str = ""

    @classmethod
    def of_row(cls, row: Mapping[str, Any], licence: str = "", source: str = "") -> About:
        """From the columns of a table, in whatever of the usual names."""

        def first(columns: tuple[str, ...]) -> str:
            return next((str(row[name]).strip() for name in columns if row.get(name) not in (None, "")), "")

        tags = [_listed(row[name]) for name in TAG_COLUMNS if row.get(name) not in (None, "", [])]
        return cls(
            first(PROMPT_COLUMNS), first(LICENCE_COLUMNS) or licence, first(SOURCE_COLUMNS) or source, ", ".join(tags)
        )


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value).strip()


@dataclass(frozen=True)
class Entry:
    """A recording of a corpus: its name, what is known of it, and how it is read.

    ``read`` raises :class:`~tonescope.diagnose.audio_files.sound_files.Unusable` for what cannot be heard.
    """

    name: str
    about: About
    read: Callable[[], Recording]


class Corpus(Protocol):
    """Recordings in an order of their own.

    What knows its ``size`` without reading has that as an attribute.
    """

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def identity(self) -> str:
        """Tells apart corpora of one name: another one has other recordings."""

    def entries(self) -> Iterator[Entry]:
        """The recordings, always in the same order."""


@dataclass(frozen=True)
class FolderCorpus:
    """Sound files in a folder and in those within, and Parquet files that hold sound. What is known of files is in
    ``metadata.jsonl`` or ``metadata.csv``, as datasets have it."""

    folder: Path
    name: str

    @classmethod
    def open(cls, name: str) -> FolderCorpus:
        """Raises :class:`TonescopeError` for what is no folder, or holds no sound."""
        folder = Path(name).expanduser()
        corpus = cls(folder, str(folder.absolute()))  # an index is opened from elsewhere as well
        if next(corpus.entries(), None) is None:
            raise TonescopeError(
                f"{printable(name)[:200]} holds no sound files (wav, flac, ogg, mp3) and no Parquet files of sound; "
                "name a folder that does."
            )
        return corpus

    @property
    def identity(self) -> str:
        """Names, sizes and times of change of everything in it."""
        digest = hashlib.sha256()
        for path in self._paths(self.folder):
            state = path.stat()
            digest.update(
                f"{path.relative_to(self.folder)} {state.st_size} {state.st_mtime_ns}\n".encode("utf-8", "replace")
            )
        return digest.hexdigest()[:16]

    def entries(self) -> Iterator[Entry]:
        """By name; what is known of files is read once."""
        endings, known = readable_endings(), self._known()
        for path in self._paths(self.folder):
            name = printable(path.relative_to(self.folder).as_posix())
            if path.suffix.lower() == ".parquet":
                yield from parquet_entries(path, name)
            elif path.name not in TABLES and self._sounds(path, endings):
                about = About.of_row(known.get(path.resolve(), {}), source=name)
                yield Entry(name, about, lambda path=path, name=name: _read(path, name, endings))  # type: ignore[misc]

    def _known(self) -> dict[Path, Mapping[str, str]]:
        for table in TABLES:
            if (path := self.folder / table).is_file():
                return {row.path.resolve(): row.about for row in read_table(path)}
        return {}

    @staticmethod
    def _sounds(path: Path, endings: tuple[str, ...]) -> bool:
        """Whether a file is meant: its ending is one of sound. What is broken is meant as well, and listed."""
        try:
            check_file(path, endings)
        except Unusable as reason:
            return str(reason) != "by its ending no sound"
        return True

    def _paths(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise TonescopeError(
                f"{printable(str(folder))[:200]} cannot be read ({error.strerror or error}); name a folder of sound "
                "files, or an id of the Hub (owner/name)."
            ) from error
        for entry in entries:
            if is_litter(entry.name):
                continue
            if entry.is_dir() and not entry.is_symlink():
                yield from self._paths(entry)
            elif not entry.is_dir():
                yield entry


def _read(path: Path, name: str, endings: tuple[str, ...]) -> Recording:
    check_file(path, endings)
    return read_recording(path, name=name)


# --- Parquet files of sound, as datasets of the Hub are ---------------------------------------------------------------


def parquet_entries(path: Path, name: str, licence: str = "", source: str = "") -> Iterator[Entry]:
    """The rows of a Parquet file with a column of sound: a structure of ``bytes`` and ``path``.

    A file that is no such thing is one entry, which cannot be read.
    """
    import duckdb

    try:
        with database() as opened:
            columns = {
                row[0]: str(row[1]) for row in opened.execute(f"DESCRIBE SELECT * FROM {parquet([path])}").fetchall()
            }
            sound = next(
                (column for column, kind in columns.items() if kind.startswith("STRUCT") and "bytes" in kind), None
            )
            if sound is None:
                raise Unusable("a Parquet file without a column of sound")
            others = [column for column in columns if column != sound]
            chosen = ", ".join(f'"{column}"' for column in [sound, *others])
            opened.execute("SET preserve_insertion_order = true")
            opened.execute(f"SELECT {chosen} FROM {parquet([path])}")
            number = 0
            while rows := opened.fetchmany(ROWS_AT_ONCE):
                for value, *rest in rows:
                    row = {key.lower(): one for key, one in zip(others, rest, strict=True)}
                    yield _of_row(value or {}, row, f"{name}:{number}", About.of_row(row, licence, source or name))
                    number += 1
    except (duckdb.Error, Unusable) as error:
        reason = Unusable(str(error).splitlines()[0][:120])

        def refuse() -> Recording:
            raise reason

        yield Entry(name, About(), refuse)


def _of_row(sound: Mapping[str, Any], row: Mapping[str, Any], place: str, about: About) -> Entry:
    data = sound.get("bytes")
    called = next((str(value) for value in (sound.get("path"), *map(row.get, ID_COLUMNS)) if value), place)

    def read() -> Recording:
        if not data:
            raise Unusable("a row without sound")
        with tempfile.NamedTemporaryFile(suffix=Path(called).suffix) as file:
            file.write(data)
            file.flush()
            return read_recording(Path(file.name), name=printable(called))

    return Entry(printable(called), about, read)
