"""The files of a listening, to be heard again: each is decoded when somebody plays it, in mono and at one rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.audio_files.sound_recording import read_recording
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.judges.resampling import resample

if TYPE_CHECKING:
    from tonescope.diagnose.audio_files.collecting import Collection
    from tonescope.diagnose.elsewhere.listen_schema import Listening

RATE = 32_000  # Hz, one of MP3's
MOST_PLAYED = 12  # files: each is kept with its run


@dataclass(frozen=True)
class FilePlayer:
    """What files are played by, where takes have their generator."""

    sample_rate: int = RATE
    n_channels: int = 1


class DecodedFiles(Mapping[str, Takes]):
    """Files as sets of one take, by the name of the set. One is held at a time: ten minutes are 77 MB.

    Looking one up raises :class:`TonescopeError` where its file is no longer as it was heard.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._last: tuple[str, Takes] | None = None

    def __getitem__(self, name: str) -> Takes:
        if self._last is None or self._last[0] != name:
            self._last = (name, _decoded(self._paths[name]))
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True)
class HeardFiles:
    """What is behind a listening: the sound of its first files. ``names`` are theirs, by the name of their set."""

    sounds: Mapping[str, Takes]
    names: Mapping[str, str]
    player: FilePlayer = FilePlayer()

    @classmethod
    def of(cls, heard: Listening, collection: Collection) -> HeardFiles:
        """Those that were heard, of all that were meant."""
        paths = {file.name: file.path for file in reversed(collection.files)}
        names = {f"file_{at}": file.name for at, file in enumerate(heard.files[:MOST_PLAYED])}
        return cls(DecodedFiles({key: paths[name] for key, name in names.items()}), names)


def _decoded(path: Path) -> Takes:
    try:
        recording = read_recording(path)
    except Unusable as reason:
        raise TonescopeError(
            f"{path.name} was heard, and cannot be read again ({reason}); leave files where they are until the run is "
            "over."
        ) from reason
    waveform = resample(recording.waveform, recording.rate, RATE)
    return Takes((recording.name,), (0,), {}, waveform[None])
