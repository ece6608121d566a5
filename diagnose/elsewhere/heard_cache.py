"""What was heard, kept by the content of the file: a run that was stopped goes on where it was, and nothing is heard
twice.

One line of JSON a finding, appended in one write: a line that a killed run left half written is passed over.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tonescope.diagnose.elsewhere.listen_schema import SCHEMA_VERSION
from tonescope.diagnose.runtime.cache import cache_folder

Row = TypeVar("Row", bound=BaseModel)


class HeardCache:
    """Findings by a key, in one file for each set of listeners.

    Attributes:
        failed: why findings are not kept, where they cannot be.
    """

    def __init__(self, about: list[str], folder: Path | None = None) -> None:
        name = sha256(json.dumps([SCHEMA_VERSION, *about]).encode()).hexdigest()[:24]
        self.path = (folder or cache_folder() / "listen") / f"{name}.jsonl"
        self.failed = ""
        self._torn = False  # whether the last line was left half written
        self._rows = self._read()

    def get(self, key: str, kind: type[Row]) -> Row | None:
        """What was found; ``None`` where nothing was, or by another version."""
        kept = self._rows.get(key)
        try:
            return None if kept is None else kind.model_validate(kept)
        except ValidationError:
            return None

    def put(self, key: str, found: BaseModel) -> None:
        """Keep a finding. A disk that refuses costs time in the next run, nothing else; :attr:`failed` says so."""
        self._rows[key] = found.model_dump()
        line = json.dumps({"key": key, "found": self._rows[key]}, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            place = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                whole = line.encode()
                if self._torn:
                    whole = b"\n" + whole
                if os.write(place, whole) != len(whole):
                    raise OSError("the disk is full")
                self._torn = False
            finally:
                os.close(place)
        except OSError as error:
            self.failed = error.strerror or str(error)

    def _read(self) -> dict[str, object]:
        rows: dict[str, object] = {}
        try:
            text = self.path.read_bytes()
        except OSError:
            return rows
        self._torn = bool(text) and not text.endswith(b"\n")
        for line in text.splitlines():
            try:
                row = json.loads(line)
                rows[row["key"]] = row["found"]
            except (ValueError, KeyError, TypeError):
                continue
        return rows
