"""From what a user named (files, folders, a table) to the sound files that are meant, and what was left out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tonescope.diagnose.audio_files.sound_files import (
    Unusable,
    check_file,
    is_litter,
    listed,
    printable,
    readable_endings,
)
from tonescope.models.errors import TonescopeError

MOST_FILES = 10_000
LARGEST_TABLE = 64 * 2**20  # bytes
FILE_COLUMNS = ("file", "file_name", "filename", "path", "audio")
PROMPT_COLUMNS = ("prompt", "text", "caption", "description")


@dataclass(frozen=True)
class SoundFile:
    """A file that is meant: where it is, how it is called in results, and what its table says of it, by column."""

    path: Path
    name: str
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def prompt(self) -> str | None:
        """What it was made from, where the table says it."""
        return next((self.about[name] for name in PROMPT_COLUMNS if self.about.get(name)), None)


@dataclass(frozen=True)
class Collection:
    """The files that are meant, and pairs of a name and a reason for what was left out."""

    files: tuple[SoundFile, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def collect(named: Sequence[Path], table: Path | None = None) -> Collection:
    """The sound files of what was named: files as they are, folders with all that is within.

    With a ``table`` (CSV or JSON Lines with a column for the file and one for the prompt; names are relative to it),
    its files, or what it says of those that were named.

    Raises :class:`TonescopeError` where nothing was named, or nothing of it can be used.
    """
    rows = read_table(table) if table is not None else []
    if not named and table is None:
        raise TonescopeError("no file was named, so there is nothing to hear; name sound files, or a folder of them.")
    found: list[SoundFile] = []
    left_out: list[tuple[str, str]] = []
    meant = list(_named(named, left_out)) if named else [(row.path, row.name, True) for row in rows]
    if len(meant) > MOST_FILES:
        raise TonescopeError(
            f"{len(meant)} files were named and up to {MOST_FILES} are heard in one run; name fewer, or a folder less."
        )
    about = {_resolved(row.path): row.about for row in rows}
    endings, seen = readable_endings(), set[Path]()
    for path, name, by_name in meant:
        try:
            check_file(path, endings, named=by_name)
        except Unusable as reason:
            left_out.append((printable(name), str(reason)))
            continue
        if (whole := _resolved(path)) not in seen:
            found.append(SoundFile(path, printable(name), about.get(whole, {})))
        seen.add(whole)
    if named:
        left_out += [
            (printable(row.name), "named in the table, and not among the files")
            for row in rows
            if _resolved(row.path) not in seen
        ]
    return Collection(tuple(found), tuple(left_out))


def nothing_heard(left_out: Sequence[tuple[str, str]]) -> TonescopeError:
    """The refusal of what no file can be heard of, with the reasons."""
    why = f": {listed(left_out)}" if left_out else ", as there is no sound file among it"
    return TonescopeError(f"nothing could be heard{why}; name sound files (wav, flac, ogg, opus, mp3, aiff).")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def _named(named: Sequence[Path], left_out: list[tuple[str, str]]) -> Iterator[tuple[Path, str, bool]]:
    """Every file: where it is, its name, and whether it was named itself."""
    for path in named:
        path = path.expanduser()
        try:
            folder = path.is_dir()
        except (OSError, ValueError):
            folder = False
        if folder:
            yield from ((inner, inner.relative_to(path).as_posix(), False) for inner in _within(path, left_out))
        else:
            yield path, path.name, True


def _within(folder: Path, left_out: list[tuple[str, str]]) -> Iterator[Path]:
    """The files in a folder and in those within, by name; links to folders are not followed."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        left_out.append((printable(str(folder)), f"a folder that cannot be read: {error.strerror or error}"))
        return
    for entry in entries:
        if is_litter(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _within(entry, left_out)
        elif not entry.is_dir():
            yield entry


# --- tables -----------------------------------------------------------------------------------------------------------


def read_table(path: Path) -> list[SoundFile]:
    """The rows of a CSV or JSON Lines file; names of files are relative to where it is.

    Raises :class:`TonescopeError` for what is no such table, and for one that names a file twice.
    """
    shown = printable(path.name)
    rows = _json_lines(path, shown) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv(path, shown)
    found = []
    for row in rows:
        name = next((row[column] for column in FILE_COLUMNS if row.get(column)), None)
        if name is None:
            raise TonescopeError(
                f"{shown} has a row without a file; give every row a column {' or '.join(FILE_COLUMNS[:2])}, and one "
                f"called {PROMPT_COLUMNS[0]} where the prompt is known."
            )
        found.append(SoundFile(path.parent / name, name, row))
    if not found:
        raise TonescopeError(f"{shown} holds no rows, so it says nothing of any file; give it one row a file.")
    names = [row.path for row in found]
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise TonescopeError(f"{shown} names {printable(twice.name)} twice; give every file one row.")
    return found


def _text(path: Path, shown: str) -> str:
    try:
        if path.is_file() and path.stat().st_size > LARGEST_TABLE:
            raise TonescopeError(f"{shown} is larger than a table of {MOST_FILES} files can be; name another.")
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TonescopeError(
            f"{shown} cannot be read ({error.strerror or error}); name a CSV or JSONL file."
        ) from error
    except UnicodeDecodeError as error:
        raise TonescopeError(f"{shown} is no text in UTF-8; save it as CSV (UTF-8), or as JSON Lines.") from error


def _csv(path: Path, shown: str) -> list[dict[str, str]]:
    text = _text(path, shown)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = [str(column).strip().lower() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        rows = [{key: (value or "").strip() for key, value in row.items() if isinstance(key, str)} for row in reader]
    except csv.Error as error:
        raise TonescopeError(f"{shown} is no table that can be read ({error}); save it as CSV again.") from error
    if not set(columns) & set(FILE_COLUMNS):
        raise TonescopeError(
            f"{shown} has no column for the file ({', '.join(columns)[:80] or 'it is empty'}); call it "
            f"{' or '.join(FILE_COLUMNS[:2])}."
        )
    return rows


def _json_lines(path: Path, shown: str) -> list[dict[str, str]]:
    rows = []
    for number, line in enumerate(_text(path, shown).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a list, or a value")
        except ValueError as error:
            raise TonescopeError(f"line {number} of {shown} is no JSON object; write one a line.") from error
        rows.append({_plain(key).lower(): _plain(value).strip() for key, value in row.items() if value is not None})
    return rows


def _plain(value: object) -> str:
    """As text that can be written: half a surrogate pair, which JSON can hold, becomes a question mark."""
    return str(value).encode("utf-8", "replace").decode("utf-8")
