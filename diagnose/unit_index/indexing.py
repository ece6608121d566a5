"""From what was asked for to an index: the corpus opened, the setting settled, the engine chosen."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tonescope.diagnose.runtime.progress import Progress
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.unit_index.composed_corpus import NAME
from tonescope.diagnose.unit_index.index_build import Identity, IndexBuild, IndexEngine
from tonescope.diagnose.unit_index.index_build import Progress as Pace
from tonescope.diagnose.unit_index.index_place import index_root
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_worker import Indexed, IndexItem, IndexSetting
from tonescope.diagnose.unit_index.listening_pass import ListeningPass
from tonescope.diagnose.unit_index.open_corpus import open_corpus
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.index_job import IndexParameters

SAMPLE = 128  # random recordings that quantile examples are chosen from
LONGEST_WINDOW = 10.0  # seconds, if nobody says another length
TOLD = 20  # times that progress is told in other words, where each is a line


def index(session: Session, corpus: str = NAME, progress: Progress | None = None, **asked: Any) -> UnitIndex:
    """An index of a corpus (a folder, an id of the Hub, or the one that comes with Tonescope), from Python.

    >>> with tonescope.index(session, "my-clips", location=["decoder.mlp"]) as found:
    ...     found.page(Unit.parse("decoder.3.mlp:117"))

    ``asked`` are the options of ``tonescope index``. Raises :class:`TonescopeError` as :func:`build_index` does.
    """
    from tonescope.diagnose.jobs.index_job import JOB, IndexParameters
    from tonescope.diagnose.jobs.parameters import made

    parameters = made(IndexParameters, {"corpus": corpus, **asked})
    JOB.check(parameters)
    return build_index(session, parameters, progress)


@dataclass(frozen=True)
class LocalIndexing:
    """In this process, one item after the other."""

    session: Session
    setting: IndexSetting

    def run(self, items: Iterator[IndexItem]) -> Iterator[Indexed]:
        """Do items."""
        worker = self.setting.worker(self.session)
        for item in items:
            yield worker.do(item)


def build_index(session: Session, asked: IndexParameters, progress: Progress | None = None) -> UnitIndex:
    """The index that is asked for: built, or brought to its end.

    Raises :class:`TonescopeError` for places, a corpus or lengths that there are not, and as
    :meth:`.index_build.IndexBuild.make` does.
    """
    corpus, scope = open_corpus(asked.corpus), ListeningPass.at(session.generator, session.judge, asked.location)
    setting = IndexSetting(
        generator=session.generator.fingerprint(),
        judge=session.judge.fingerprint(),
        locations=tuple(str(location) for location in scope.locations),
        seconds=_window(session, asked.seconds),
        longest=asked.longest,
        top=asked.top,
        sample=SAMPLE,
    )
    identity = Identity(session.generator.name, session.judge.name, corpus.name, corpus.identity)
    name = hashlib.sha256(f"{setting.key} {identity.corpus_identity}".encode()).hexdigest()[:24]
    folder = _own(asked.index.expanduser(), name) if asked.index else index_root() / name
    units = {str(location): scope.units(location) for location in scope.locations}
    build = IndexBuild(folder, corpus, setting, identity, units, asked.limit, _telling(progress))
    build.make(_engine(session, asked, setting))
    return UnitIndex.open(folder)


def _own(folder: Path, name: str) -> Path:
    """A folder that is empty, new, or holds this very index. Raises :class:`TonescopeError` for another one."""
    mark = folder / "name.txt"
    try:
        if mark.is_file() and mark.read_text(encoding="utf-8").strip() == name:
            return folder
        if folder.is_dir() and any(folder.iterdir()):
            raise TonescopeError(
                f"{folder} holds something else (another corpus, model or setting), so no index is put there; name "
                "another folder, or delete it."
            )
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(name + "\n", encoding="utf-8")
    except OSError as error:
        raise TonescopeError(
            f"{folder} cannot keep an index ({error.strerror or error}); name another folder with --index."
        ) from error
    return folder


def _window(session: Session, asked: float | None) -> float:
    """Seconds that pass together. Raises :class:`TonescopeError` for a length that the generator cannot play."""
    generator = session.generator
    longest = float(generator.longest_seconds)
    if asked is None:
        return min(float(session.judge.window_seconds), longest, LONGEST_WINDOW)
    if not generator.shortest_seconds <= asked <= longest:
        raise TonescopeError(
            f"{generator.name} plays {generator.shortest_seconds:.2f} to {longest:g} seconds and parts of "
            f"{asked:g} were "
            "asked for; choose --seconds between."
        )
    return asked


def _engine(session: Session, asked: IndexParameters, setting: IndexSetting) -> IndexEngine:
    if asked.engine == "local":
        return LocalIndexing(session, setting)
    if session.spec is None:
        raise TonescopeError(
            "these models were made in memory, and workers open theirs by name; open them with Session.open(…), or "
            "leave out the engine ray."
        )
    from tonescope.diagnose.runtime.ray_engine import RayEngine

    ray: Any = RayEngine(session.spec, cast(Any, setting), asked.ray_address, asked.workers)
    return cast(IndexEngine, ray)


def _telling(progress: Progress | None) -> Any:
    """Progress in new words now and then, not for every item: where no bar can be drawn, each is a line."""
    begun, last, words = time.perf_counter(), -1.0, ""

    def tell(pace: Pace) -> None:
        nonlocal last, words
        share = min(1.0, pace.done / pace.total) if pace.total else 0.5
        now = time.perf_counter() - begun
        if int(TOLD * share) != int(TOLD * last) or (pace.total is None and now > 2 * max(last, 1.0)):
            last, words = (share if pace.total else now), f"listen to the corpus ({pace})"
        if progress:
            progress(words, share)

    return tell
