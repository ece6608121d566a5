"""A data set of the Hub as a corpus: its files are fetched one by one, and put away again once they were heard, so that
a set of any size fits on any disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonescope.diagnose.audio_files.collecting import read_table
from tonescope.diagnose.audio_files.sound_files import Unusable, printable, readable_endings
from tonescope.diagnose.audio_files.sound_recording import Recording, read_recording
from tonescope.diagnose.unit_index.corpus import TABLES, About, Entry, parquet_entries
from tonescope.models.checkpoints.sources import ANSWER_SECONDS, hub_id, unreachable
from tonescope.models.errors import TonescopeError

SPLIT_FIRST = "train"  # of the Parquet files of a set with several splits, these come first


@dataclass(frozen=True)
class HubCorpus:
    """Sound files or Parquet files of a data set.

    Attributes:
        name: as the user wrote it; ``repository`` and ``revision`` (a commit), what that leads to.
        files: those of sound, in the order in which they are heard; ``tables``, those that say what they are.
        licence: of the set.
    """

    name: str
    repository: str
    revision: str
    files: tuple[str, ...]
    tables: tuple[str, ...] = ()
    licence: str = ""

    @classmethod
    def open(cls, name: str) -> HubCorpus:
        """Ask the Hub what is in it.

        Raises :class:`TonescopeError` for a name of another form, a set that there is not, or one without sound.
        """
        named = hub_id(name)
        if named is None:
            raise TonescopeError(
                f"{printable(name)[:200]} is no folder, nor an id of the Hub (owner/name); name the folder of a "
                "corpus, or leave it out for the one that comes with Tonescope."
            )
        info = _asked(name, *named)
        endings, held = (*readable_endings(), ".parquet"), [file.rfilename for file in info.siblings or []]
        files = tuple(sorted((one for one in held if Path(one).suffix.lower() in endings), key=_order))
        if not files:
            raise TonescopeError(
                f"{name} holds no sound files and no Parquet files of sound, so there is nothing to index; name "
                "another data set."
            )
        card = info.card_data or {}
        tables = tuple(one for one in held if Path(one).name in TABLES)
        return cls(name, named[0], str(info.sha), files, tables, _licence(card.get("license")))

    @property
    def identity(self) -> str:
        """Its commit."""
        return f"{self.repository}@{self.revision}"

    def entries(self) -> Iterator[Entry]:
        """File by file; a file of sound is fetched when it is read, one of Parquet when its rows are asked for. A file
        that the Hub does not give is an entry that cannot be read."""
        known, lost = self._known()
        yield from lost
        for file in self.files:
            source = f"https://huggingface.co/datasets/{self.repository}/blob/{self.revision}/{file}"
            if file.endswith(".parquet"):
                with tempfile.TemporaryDirectory(prefix="tonescope-") as folder:
                    try:
                        path = self._fetch(file, folder)
                    except Unusable as reason:
                        yield _unreadable(file, reason)
                        continue
                    yield from parquet_entries(path, file, self.licence, source)
            else:
                about = About.of_row(known.get(file, {}), self.licence, source)
                yield Entry(file, about, lambda file=file: self._read(file))  # type: ignore[misc]

    def _read(self, file: str) -> Recording:
        with tempfile.TemporaryDirectory(prefix="tonescope-") as folder:
            return read_recording(self._fetch(file, folder), name=printable(file))

    def _known(self) -> tuple[dict[str, Mapping[str, str]], list[Entry]]:
        """What the tables say of files, and the tables that the Hub does not give."""
        found: dict[str, Mapping[str, str]] = {}
        lost = []
        for table in self.tables:
            with tempfile.TemporaryDirectory(prefix="tonescope-") as folder:
                try:
                    path = self._fetch(table, folder)
                except Unusable as reason:
                    lost.append(_unreadable(table, reason))
                    continue
                for row in read_table(path):
                    found[(Path(table).parent / row.path.relative_to(path.parent)).as_posix()] = row.about
        return found, lost

    def _fetch(self, file: str, folder: str) -> Path:
        """A file of the set, in a folder.

        Raises :class:`~tonescope.diagnose.audio_files.sound_files.Unusable` for one that the Hub lists and does not
        have, which it will not have later either; :class:`TonescopeError` where it cannot be reached.
        """
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            where: dict[str, Any] = {"repo_type": "dataset", "revision": self.revision, "local_dir": folder}
            return Path(hf_hub_download(self.repository, file, **where))
        except Exception as error:  # whatever HTTP client, proxy and disk come up with
            if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
                raise Unusable("the Hub lists it and does not have it") from error
            said = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
            raise TonescopeError(
                f"{file} of {self.name} could not be fetched ({said}); run the same command again to go on from there."
            ) from error


def _unreadable(file: str, reason: Unusable) -> Entry:
    def refuse() -> Recording:
        raise reason

    return Entry(printable(file), About(), refuse)


def _order(file: str) -> tuple[bool, str]:
    return SPLIT_FIRST not in file, file


def _licence(told: Any) -> str:
    return ", ".join(map(str, told)) if isinstance(told, list) else str(told or "")


def _asked(name: str, repository: str, revision: str | None) -> Any:
    from huggingface_hub import HfApi, constants

    why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable(constants.ENDPOINT)
    if why:
        raise TonescopeError(
            f"{printable(name)[:200]} is no folder here, and the Hub, where it might be a data set, cannot be reached "
            f"({why}); name a folder, or leave it out for the corpus that comes with Tonescope."
        )
    try:
        return HfApi().dataset_info(repository, revision=revision, timeout=ANSWER_SECONDS)
    except Exception as error:  # the client's own classes, which are not the same in all its versions
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
        raise TonescopeError(
            f"the Hub has no data set {printable(name)[:200]} that can be read here ({said}); check the spelling, or "
            "name a folder."
        ) from error
