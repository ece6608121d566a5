"""The files of a run: what it showed early while it goes on, and what it found, written whole.

::

    early/   views.json, audio/…     while the run goes on; views.json is replaced as more is known
    result/  views.json, audio/…, result.json, takes.parquet where there is one, and the manifest of
             :mod:`tonescope.diagnose.report.folder_manifest`
    clips/   what its visitor gave for it

``views.json`` holds the views as data, and which file plays each of their sounds. The names of sounds are numbers:
nothing that anybody typed becomes part of a path. A run is shown to others, so nothing in it tells where this machine
keeps files (:meth:`RunFiles.nameless`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.report.atomic_folder import whole_folder
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.report.view_data import as_data, from_data
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.report.sounds import Sounds
    from tonescope.models.generator import Takes

FORMAT = 1  # of views.json
VIEWS, RESULT, AUDIO, EARLY, FINAL = "views.json", "result.json", "audio", "early", "result"
TAKES, CLIPS = "takes.parquet", "clips"
SOUND_ENDING = ".flac"

Key = tuple[str, int]
"""A take: its set and its row there, as :class:`tonescope.diagnose.report.view.Sound` names it."""


@dataclass(frozen=True)
class StoredSound:
    """One take in a file: the name of the file in its folder, and the take's seed."""

    file: str
    seed: int


@dataclass(frozen=True)
class StoredSounds:
    """The sounds of views, from files: a :class:`tonescope.diagnose.report.sounds.Playable` that needs no model."""

    folder: Path
    rate: int
    files: Mapping[Key, StoredSound]

    def title(self, sound: Sound) -> str:
        """The heading of the row that a sound is in."""
        return f"Take {self._stored(sound).seed}"

    def path(self, sound: Sound) -> Path:
        """The file that plays it."""
        return self.folder / self._stored(sound).file

    def samples(self, sound: Sound) -> NDArray[np.float32]:
        """(samples,), or (samples, 2) of a stereo model, within full scale."""
        import soundfile

        with _told(self.folder):
            found: NDArray[np.float32] = soundfile.read(io.BytesIO(self.path(sound).read_bytes()), dtype="float32")[0]
        return found

    def uri(self, sound: Sound) -> str:
        """An address that holds the sound itself: to the byte what the take in memory gives."""
        from tonescope.diagnose.report.sounds import address

        return address(self.samples(sound), self.rate)

    def _stored(self, sound: Sound) -> StoredSound:
        return self.files[sound.takes, sound.row]


@dataclass(frozen=True)
class Content:
    """What is shown of a run: views, what their sounds lead to, and whether that is all.

    ``folder`` holds the files; ``changed`` is when its views were, in ns, as of before they were read: what is written
    meanwhile counts as news.
    """

    folder: Path
    views: list[View]
    sounds: StoredSounds
    is_whole: bool
    changed: int = 0

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """What was found, as JSON holds it; nothing while the run goes on."""
        if not self.is_whole:
            return None
        with _told(self.folder):
            found: dict[str, Any] = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        return found


class RunFiles:
    """The files of one run, in a folder of its own.

    Every method raises :class:`TonescopeError` where the disk refuses, or files are not as they were written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._early: dict[Key, str] = {}  # the files that were written

    @property
    def final(self) -> Path:
        """Where the result of a run that ended well is."""
        return self.folder / FINAL

    @property
    def stamp(self) -> tuple[int, ...]:
        """What changes whenever something was kept of the run; it takes no time to look."""
        return tuple(map(_changed, (self.folder / part / VIEWS for part in (EARLY, FINAL))))

    def write_early(self, views: Sequence[View], sets: Mapping[str, Takes], sounds: Sounds) -> None:
        """Keep what is known so far; what was kept before is replaced when the new is there."""
        early = self.folder / EARLY
        with _told(self.folder):
            (early / AUDIO).mkdir(parents=True, mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)
            data = _with_sounds(early, views, sets, sounds, self._early)
            _replace(early / VIEWS, self.nameless(json.dumps(data)).encode())

    def write(
        self,
        result: str,
        views: Sequence[View],
        sets: Mapping[str, Takes],
        sounds: Sounds,
        save: Callable[[Path], None] | None = None,
    ) -> None:
        """Keep what a run found, whole or not at all.

        Args:
            result: JSON.
            views: what is shown.
            sets: takes by name; those that the views play are kept.
            sounds: how takes become sound.
            save: is given the folder, for files of the evidence's own, such as a table of all takes.
        """
        with _told(self.folder):
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with whole_folder(self.final) as filling:
            (filling / AUDIO).mkdir()
            data = _with_sounds(filling, views, sets, sounds, {})
            (filling / VIEWS).write_text(self.nameless(json.dumps(data)), encoding="utf-8")
            (filling / RESULT).write_text(self.nameless(result), encoding="utf-8")
            if save is not None:
                save(filling)
        shutil.rmtree(self.folder / EARLY, ignore_errors=True)

    def read(self) -> Content:
        """What is shown now: all, or what is known early; no views, where nothing is known yet."""
        for _ in range(2):  # a run may end between the two
            for part in (FINAL, EARLY):
                with suppress(FileNotFoundError):
                    return read_content(self.folder / part, is_whole=part == FINAL)
        return Content(self.folder / EARLY, [], StoredSounds(self.folder / EARLY, 1, {}), is_whole=False)

    def nameless(self, text: str) -> str:
        """Text, or JSON, without the folders in which this machine keeps what was given for the run, and takes."""
        for folder, told in ((f"{self.folder / CLIPS}{os.sep}", ""), (str(cache_folder()), "…")):
            for written in {folder, json.dumps(folder)[1:-1], json.dumps(folder, ensure_ascii=False)[1:-1]}:
                text = text.replace(written, told)
        return text

    def delete(self) -> None:
        """Delete everything: first under another name, so that nothing half deleted can be opened."""
        doomed = self.folder.with_name(f".{self.folder.name}.deleted")
        with _told(self.folder):
            if self.folder.exists():
                self.folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def clear_deleted(folder: Path) -> None:
    """Finish deletions that were broken off."""
    for doomed in folder.glob(".*.deleted"):
        shutil.rmtree(doomed, ignore_errors=True)


def read_content(folder: Path, *, is_whole: bool) -> Content:
    """What a folder of a run holds.

    Raises:
        FileNotFoundError: there is none.
        TonescopeError: it is not as it was written, or by a newer Tonescope.
    """
    if not (folder / VIEWS).exists():
        raise FileNotFoundError
    changed = _changed(folder / VIEWS)
    with _told(folder):
        text = (folder / VIEWS).read_text(encoding="utf-8")
    try:
        return replace(parsed(text, folder, is_whole=is_whole), changed=changed)
    except ValueError as error:
        raise TonescopeError(
            f"the files of this run are not as they were written ({folder / VIEWS}: {str(error)[:80]}); restore them "
            "from a copy, or delete the run."
        ) from error


def parsed(text: str, folder: Path, *, is_whole: bool) -> Content:
    """What views.json holds.

    Raises:
        TonescopeError: a newer Tonescope wrote it.
        ValueError: Tonescope did not write it.
    """
    try:
        data = json.loads(text)
        if isinstance(version := data["format"], int) and version > FORMAT:
            raise TonescopeError(f"this run was written by a newer Tonescope (format {version}); update Tonescope.")
        files = {
            (str(sound["takes"]), int(sound["row"])): StoredSound(_inside(sound["file"]), int(sound["seed"]))
            for sound in data["sounds"]
        }
        views = from_data(data["views"])
        if missing := [key for key in played_by(views) if key not in files]:
            raise ValueError(f"nothing plays {missing[0]}")
        return Content(folder, views, StoredSounds(folder, int(data["rate"]), files), is_whole)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def played_by(views: Sequence[View]) -> list[Key]:
    """The takes that views play, each once, in the order in which they come."""
    keys = ((sound.takes, sound.row) for view in views for sound in view.every_sound)
    return list(dict.fromkeys(keys))


def _inside(name: Any) -> str:
    """The name of a sound's file. Raises ``ValueError`` for any other."""
    folder, _, file = str(name).partition("/")
    if folder != AUDIO or not file.removesuffix(SOUND_ENDING).isdigit() or not file.isascii():
        raise ValueError(f"{str(name)[:80]!r} is no file of a sound")
    return str(name)


def _with_sounds(
    folder: Path, views: Sequence[View], sets: Mapping[str, Takes], sounds: Sounds, files: dict[Key, str]
) -> dict[str, Any]:
    """Write the sounds of views, but for those that are in ``files``, and give what views.json holds."""
    played = played_by(views)
    for name, row in played:
        if (name, row) not in files:
            file = f"{AUDIO}/{len(files) + 1}{SOUND_ENDING}"
            _replace(folder / file, _flac(sounds.wav(sets[name], row)))
            files[name, row] = file
    told = [
        {"takes": name, "row": row, "seed": sets[name].seeds[row], "file": files[name, row]} for name, row in played
    ]
    return {"format": FORMAT, "views": as_data(views), "sounds": told, "rate": sounds.rate}


def _flac(wav: bytes) -> bytes:
    """The same samples in half the bytes."""
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(wav), dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _changed(path: Path) -> int:
    """When a file was changed, in ns; 0 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole: under another name, then in its place."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(data)
    beside.replace(path)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Errors of the disk, and of what should be sound, as one sentence."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError is what soundfile raises
        reason = getattr(error, "strerror", None) or error
        raise TonescopeError(
            f"the files of the run {folder} cannot be read or written ({reason}); free some space, make the folder "
            "yours, or delete the run."
        ) from error
