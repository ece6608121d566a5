"""One piece of an index: some recordings, passed through the models, as summaries that can be merged."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.elsewhere.hear_file import window_starts
from tonescope.diagnose.intervene.recording import NotANumber
from tonescope.diagnose.unit_index.listening_pass import ROWS, ListeningPass
from tonescope.diagnose.unit_index.unit_summary import Block, Peaks, Summary
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session

FORMAT = 2  # of what is kept; another one is not read as this
NO_NUMBER = "not a number somewhere in the model (half precision overflows; else the sound is odd)"


@dataclass(frozen=True)
class IndexSetting:
    """All that decides an index, but for the recordings.

    Attributes:
        generator, judge: fingerprints.
        locations: by name.
        seconds: of sound that pass together, a window; ``longest``, of a recording, in windows spread over it.
        top: how many of the recordings in which a unit does most are kept; ``sample``, how many random ones.
    """

    generator: str
    judge: str
    locations: tuple[str, ...]
    seconds: float
    longest: float
    top: int
    sample: int

    @property
    def key(self) -> str:
        """Its content hash."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def worker(self, session: Session, memory_gib: float | None = None) -> IndexWorker:
        """What does items of this setting, on the models of a session."""
        return IndexWorker(session, self)


@dataclass(frozen=True)
class Sounding:
    """A recording as it travels: its number in the corpus, its sound (samples,) at ``rate`` Hz, and its priority for
    the random sample, where it may be in it."""

    number: int
    sound: NDArray[np.float32]
    rate: int
    priority: int | None = None

    @property
    def waveform(self) -> Tensor:
        """(samples,)."""
        return torch.from_numpy(self.sound)


@dataclass(frozen=True)
class IndexItem:
    """Some recordings to be passed through the models: item ``number`` of the corpus."""

    setting: IndexSetting
    number: int
    recordings: tuple[Sounding, ...]


@dataclass(frozen=True)
class Indexed:
    """What came of an item.

    Attributes:
        number: of the item.
        summaries: by location.
        windows: how many each recording was heard in, by its number.
        problems: why a recording could not be heard, by its number.
        seconds: how long it took.
    """

    number: int
    summaries: dict[str, Summary]
    windows: dict[int, int]
    problems: dict[int, str]
    seconds: float


class IndexWorker:
    """Models that do items.

    Args:
        session: the models.
        setting: what they have to be, and where they are looked at.
    """

    def __init__(self, session: Session, setting: IndexSetting) -> None:
        self.session, self.setting = session, setting
        self.scope = ListeningPass.at(session.generator, session.judge, setting.locations)

    def check(self, setting: IndexSetting) -> None:
        """Refuse a setting of other models than these. Raises :class:`TonescopeError`."""
        if (self.session.generator.fingerprint(), self.session.judge.fingerprint()) != (
            setting.generator,
            setting.judge,
        ):
            raise TonescopeError(
                f"a worker opened another {self.session.generator.name} or {self.session.judge.name} than the one that "
                "the work is for; give all machines the same model folders."
            )

    def do(self, item: IndexItem) -> Indexed:
        """Pass the recordings of an item; those of which an activation is not a number are problems, and in no summary:
        a build that goes on meets them again, and has to get past them."""
        begun = time.perf_counter()
        try:
            found = self._passed(item)
        except NotANumber:
            bad = {one.number for one in item.recordings if not self._passes(item, one)}
            kept = tuple(one for one in item.recordings if one.number not in bad)
            found = self._passed(replace(item, recordings=kept))
            found = replace(found, problems=found.problems | dict.fromkeys(sorted(bad), NO_NUMBER))
        return replace(found, seconds=time.perf_counter() - begun)

    def _passes(self, item: IndexItem, one: Sounding) -> bool:
        try:
            self._passed(replace(item, recordings=(one,)))
        except NotANumber:
            return False
        return True

    def _passed(self, item: IndexItem) -> Indexed:
        found = {place: Summary.empty(self.scope.units(place), self.setting.top) for place in self.scope.locations}
        cut = {one.number: self._windows(one) for one in item.recordings}
        problems = {number: "too short for this model" for number, windows in cut.items() if not windows}
        peaks: dict[Location, dict[int, tuple[Tensor, Tensor]]] = {place: {} for place in found}
        for together in _batches([window for windows in cut.values() for window in windows]):
            blocks = self.scope.of_sound(
                torch.stack([window.sound for window in together]), lambda _, values, moments: Block.of(values, moments)
            )
            for place, block in blocks.items():
                found[place] = found[place].with_block(block)
                for row, window in enumerate(together):
                    second = window.start + block.at[row] * window.seconds
                    _keep_best(peaks[place], window.recording, block.peak[row], second)
        priorities = {one.number: one.priority for one in item.recordings if one.priority is not None}
        for place, known in peaks.items():
            if known:
                best = Peaks(
                    tuple(known),
                    torch.stack([value for value, _ in known.values()]),
                    torch.stack([second for _, second in known.values()]),
                )
                found[place] = found[place].with_recordings(best, priorities)
        summaries = {str(place): summary for place, summary in found.items()}
        counts = {number: len(windows) for number, windows in cut.items() if windows}
        return Indexed(item.number, summaries, counts, problems, 0.0)

    def _windows(self, one: Sounding) -> list[_Window]:
        """Windows of a recording, side by side; where it is longer than what is heard of one, spread over it."""
        generator, setting = self.session.generator, self.setting
        rate = int(generator.sample_rate)
        sound = resampled(one.waveform, one.rate, rate)
        if len(sound) < generator.shortest_seconds * rate:
            return []
        size = round(setting.seconds * rate)
        starts = window_starts(len(sound), size)
        most = max(1, round(setting.longest / setting.seconds))
        if len(starts) > most:
            starts = [starts[at * len(starts) // most] for at in range(most)]
        return [_Window(one.number, sound[start : start + size], start / rate, rate) for start in starts]


@dataclass(frozen=True)
class _Window:
    """A part of a recording: sound (samples,) at ``rate`` Hz, from the second ``start`` on."""

    recording: int
    sound: Tensor
    start: float
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.sound) / self.rate


def _batches(windows: list[_Window]) -> Iterator[list[_Window]]:
    """Windows of equal length, a few at a time."""
    by_length: dict[int, list[_Window]] = {}
    for window in windows:
        by_length.setdefault(len(window.sound), []).append(window)
    for alike in by_length.values():
        for start in range(0, len(alike), ROWS):
            yield alike[start : start + ROWS]


def _keep_best(known: dict[int, tuple[Tensor, Tensor]], recording: int, value: Tensor, second: Tensor) -> None:
    """Of the windows of a recording the one in which each unit does most, the first of equal ones."""
    if recording in known:
        before, when = known[recording]
        second = torch.where(value > before, second, when)
        value = torch.maximum(value, before)
    known[recording] = value, second
