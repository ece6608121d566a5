"""Building an index: a corpus as a stream of items, done by an engine, merged, and kept again and again, so that a
build that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.report.folder_lock import try_lock
from tonescope.diagnose.unit_index.corpus import Corpus, Entry
from tonescope.diagnose.unit_index.index_place import ABOUT
from tonescope.diagnose.unit_index.index_tables import counts, whole, write_tables
from tonescope.diagnose.unit_index.index_worker import FORMAT, Indexed, IndexItem, IndexSetting, Sounding
from tonescope.diagnose.unit_index.overused import overused
from tonescope.diagnose.unit_index.unit_summary import Summary
from tonescope.models.errors import TonescopeError

ITEM = 8  # recordings
KEPT_EVERY = 20.0  # seconds; what a killed build loses, about
KEPT_COST = 8.0  # times as long as keeping takes is worked before the next time
DONE = "done"  # recordings, among the tensors of progress
PROGRESS, LOG, LOCK = "progress.safetensors", "recordings.jsonl", "lock"
PRIORITIES = 2**62


class IndexEngine(Protocol):
    """Where items are done, as :class:`tonescope.diagnose.runtime.engine.Engine` says it of takes."""

    def run(self, items: Iterator[IndexItem]) -> Iterator[Indexed]:
        """Do items; what is done comes in any order."""


@dataclass(frozen=True)
class Identity:
    """What an index is of, for who finds it later.

    Attributes:
        model, judge: their names; ``corpus``, that of the corpus, and ``corpus_identity``, what it held.
    """

    model: str
    judge: str
    corpus: str
    corpus_identity: str


@dataclass(frozen=True)
class Progress:
    """How far a build is: recordings looked at, with ``before`` that were looked at already; how many there are, where
    that is known; and how many a minute."""

    done: int
    before: int
    total: int | None
    per_minute: float

    def __str__(self) -> str:
        told = f"{self.done:,} of {self.total:,} recordings" if self.total else f"{self.done:,} recordings"
        return f"{told}, {self.per_minute:.0f} a minute" if self.per_minute else told


@dataclass
class _State:
    """What is merged so far: summaries by location, which recordings are in them (a byte each), and how long the log
    was."""

    summaries: dict[str, Summary]
    done: bytearray = field(default_factory=bytearray)
    log_bytes: int = 0

    def has(self, number: int) -> bool:
        """Whether a recording was looked at."""
        return number < len(self.done) and bool(self.done[number])

    def add(self, number: int) -> None:
        """Note that a recording was looked at."""
        self.done.extend(bytes(max(0, number + 1 - len(self.done))))
        self.done[number] = 1

    def save(self, path: Path) -> None:
        """Write it whole."""
        tensors = {
            f"{place}/{name}": tensor.contiguous()
            for place, summary in self.summaries.items()
            for name, tensor in summary.tensors().items()
        }
        tensors[DONE] = torch.frombuffer(self.done, dtype=torch.uint8).clone()
        with whole(path) as part:
            save_file(tensors, part, metadata={"log_bytes": str(self.log_bytes)})
            with part.open("rb") as file:
                os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path) -> _State | None:
        """What :meth:`save` wrote; ``None`` where there is nothing, or nothing that can be read."""
        try:
            with safe_open(path, "pt") as file:
                log_bytes = int(file.metadata()["log_bytes"])
            tensors = load_file(path)
            done = bytearray(tensors.pop(DONE).numpy().tobytes())
            by_place: dict[str, dict[str, torch.Tensor]] = {}
            for name, tensor in tensors.items():
                place, _, part = name.partition("/")
                by_place.setdefault(place, {})[part] = tensor
            return cls({place: Summary.from_tensors(one) for place, one in by_place.items()}, done, log_bytes)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None


@dataclass
class IndexBuild:
    """One index in the making.

    Attributes:
        folder: where it is kept.
        corpus, setting, identity: of what it is.
        units: how many units each location of the setting has.
        limit: recordings that are looked at, at most.
        told: how far it is.
    """

    folder: Path
    corpus: Corpus
    setting: IndexSetting
    identity: Identity
    units: Mapping[str, int]
    limit: int | None = None
    told: Callable[[Progress], None] = lambda progress: None

    def make(self, engine: IndexEngine) -> dict[str, Any]:
        """Look at what was not looked at, write the tables, and give what ``index.json`` says.

        Raises:
            TonescopeError: nothing of the corpus can be heard, another process builds it, the disk refuses, or the
                engine does. What was merged is kept.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / LOCK).open("a+", encoding="utf-8") as lock:
                if not try_lock(lock):
                    raise TonescopeError(
                        f"{self.folder} is being built by another process; wait for it, or name another folder."
                    )
                return self._made(engine)
        except OSError as error:
            raise TonescopeError(
                f"{self.folder} cannot keep an index ({error.strerror or error}); free some space, or name another "
                "folder with --index; what is there already stays."
            ) from error

    def _made(self, engine: IndexEngine) -> dict[str, Any]:
        state = _State.load(self.folder / PROGRESS) or self._begun()
        begun = time.perf_counter()
        with (self.folder / LOG).open("ab") as log:
            log.truncate(state.log_bytes)
            log.seek(state.log_bytes)
            work = _Work(self, state, log)
            try:
                for indexed in engine.run(work.items()):
                    work.merge(indexed)
            finally:
                work.keep()
        return self._finished(state, work, time.perf_counter() - begun)

    def _begun(self) -> _State:
        return _State({place: Summary.empty(units, self.setting.top) for place, units in self.units.items()})

    def _finished(self, state: _State, work: _Work, seconds: float) -> dict[str, Any]:
        write_tables(self.folder, state.summaries, self.folder / LOG)
        heard = counts(self.folder)
        if not heard.recordings:
            why = " ({name}: {problem})".format(**heard.broken[0]) if heard.broken else ""
            raise TonescopeError(
                f"nothing in {self.corpus.name} can be heard{why}; name a corpus of recordings of half a "
                "second or more."
            )
        about = {
            "format": FORMAT,
            "made": date.today().isoformat(),
            **asdict(self.identity),
            "setting": asdict(self.setting),
            "locations": dict(self.units),
            "recordings": heard.recordings,
            "windows": heard.windows,
            "broken": heard.broken,
            "overused": [one.model_dump() for one in overused(self.folder)],
            "this_run": {"recordings": work.new, "seconds": round(seconds, 3)},
        }
        with whole(self.folder / ABOUT) as part:
            part.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
        return about


class _Work:
    """Items as they are asked for, and what comes of them."""

    def __init__(self, build: IndexBuild, state: _State, log: IO[bytes]) -> None:
        self.build, self.state, self.log = build, state, log
        self.new, self.before = 0, sum(state.done)
        self._waiting: dict[int, dict[int, dict[str, Any]]] = {}
        self._changed = False
        self._kept = self._since = time.perf_counter()
        self._cost = 0.0
        self._total: int | None = getattr(build.corpus, "size", None)
        if self._total is not None and build.limit is not None:
            self._total = min(self._total, build.limit)

    def items(self) -> Iterator[IndexItem]:
        """Of the recordings that are in no summary yet; of those that are, nothing is decoded."""
        entries = enumerate(islice(self.build.corpus.entries(), self.build.limit))
        missing = ((number, entry) for number, entry in entries if not self.state.has(number))
        while some := list(islice(missing, ITEM)):
            first, read = some[0][0], [self._read(number, entry) for number, entry in some]
            self._waiting[first] = {row["number"]: row for row, _ in read}
            yield IndexItem(self.build.setting, first, tuple(sounding for _, sounding in read if sounding))

    def _read(self, position: int, entry: Entry) -> tuple[dict[str, Any], Sounding | None]:
        row: dict[str, Any] = {"number": position, "name": entry.name, "seconds": 0.0, "windows": 0}
        row |= asdict(entry.about) | {"problem": None}
        try:
            recording = entry.read()
        except Unusable as reason:
            return row | {"problem": str(reason)}, None
        priority = (
            int.from_bytes(hashlib.sha256(f"{position} {entry.name}".encode("utf-8", "replace")).digest()[:8]) >> 2
        )
        # Far below its share even of what has come so far, a recording will not be in the sample.
        drawn = priority * (position + 1) < 2 * self.build.setting.sample * PRIORITIES
        sounding = Sounding(position, recording.waveform.numpy(), recording.rate, priority if drawn else None)
        return row | {"seconds": round(recording.seconds, 3)}, sounding

    def merge(self, indexed: Indexed) -> None:
        """Take in what came of an item."""
        state, rows = self.state, self._waiting.pop(indexed.number)
        for place, summary in indexed.summaries.items():
            state.summaries[place] = state.summaries[place].merged(summary, self.build.setting.sample)
        for number, row in rows.items():
            row["windows"] = indexed.windows.get(number, 0)
            row["problem"] = row["problem"] or indexed.problems.get(number)
        lines = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows.values())
        self.log.write(lines.encode())
        for number in rows:
            state.add(number)
        self.new += len(rows)
        self._changed = True
        now = time.perf_counter()
        done = min(self.before + self.new, self._total or self.before + self.new)
        self.build.told(Progress(done, self.before, self._total, 60 * self.new / max(now - self._since, 1e-9)))
        if now - self._kept > max(KEPT_EVERY, KEPT_COST * self._cost):
            self.keep()

    def keep(self) -> None:
        """Write down how far it is."""
        if not self._changed:
            return
        begun = time.perf_counter()
        self.log.flush()
        os.fsync(self.log.fileno())
        self.state.log_bytes = self.log.tell()
        self.state.save(self.build.folder / PROGRESS)
        self._changed, self._kept = False, time.perf_counter()
        self._cost = self._kept - begun
