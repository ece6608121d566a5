"""The random sample of an index: what every unit does in the same recordings, drawn without looking at any unit.
Whatever was found elsewhere can be scored on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.elsewhere.hear_file import judged
from tonescope.diagnose.tuning.curve_statistics import auc, auc_p
from tonescope.diagnose.unit_index.corpus import Entry
from tonescope.diagnose.unit_index.index_build import PROGRESS
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_tables import whole
from tonescope.diagnose.unit_index.open_corpus import open_corpus
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Location

HEARD = "heard-{}.json"
FEWEST = 4


@dataclass(frozen=True)
class Sample:
    """What the units of a location do in random recordings.

    Attributes:
        recordings: their numbers; ``captions``, what is said of them.
        values: the most that units do in each (recordings, units); ``seconds``, when.
        top: the recordings that are top examples (units, top).
    """

    recordings: tuple[int, ...]
    captions: tuple[str, ...]
    values: NDArray[np.float64]
    seconds: NDArray[np.float64]
    top: NDArray[np.int64]

    @classmethod
    def of(cls, index: UnitIndex, location: Location) -> Sample:
        """Raises :class:`TonescopeError` where the index has lost it."""
        try:
            with safe_open(index.folder / PROGRESS, "pt") as file:
                names = ("sample_recording", "sample", "sample_second", "top_recording")
                recordings, values, seconds, top = (file.get_tensor(f"{location}/{name}") for name in names)
        except (OSError, SafetensorError) as error:
            raise TonescopeError(
                f"the index in {index.folder} is not whole ({error}); delete the folder, and build it again."
            ) from error
        numbers = tuple(recordings.tolist())
        known = index.captions_of(numbers)
        captions = tuple(known.get(number, "") for number in numbers)
        return cls(numbers, captions, values.double().numpy(), seconds.double().numpy(), top.numpy())

    def scored(self, unit: int, there: NDArray[np.bool_], *, top_excluded: bool = False) -> tuple[float, float]:
        """How well a unit tells recordings apart in which something is there (recordings,), and p; 0.5 and 1 where
        there are too few. Those that are its top examples may be left out: what is scored was chosen by them."""
        kept = ~np.isin(self.recordings, self.top[unit]) if top_excluded else np.ones(len(there), dtype=bool)
        some = there[kept]
        if min(some.sum(), (~some).sum()) < FEWEST:
            return 0.5, 1.0
        score = auc(self.values[kept][:, unit : unit + 1], some)
        return float(score[0]), float(auc_p(score, int(some.sum()), int((~some).sum()))[0])


def heard_labels(index: UnitIndex, judge: Judge) -> dict[int, str] | None:
    """What the judge hears in the recordings of the sample, by number: kept from before, or the corpus is read once
    more. ``None`` where that is no longer what it was."""
    path = index.folder / HEARD.format(judge.fingerprint()[:16])
    try:
        return {int(number): label for number, label in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError):
        pass
    entries = entries_of(index, Sample.of(index, Location.parse(index.locations[0])).recordings)
    if entries is None:
        return None
    found: dict[int, str] = {}
    for number, entry in entries.items():
        try:
            recording = entry.read()
        except Unusable:
            continue
        found[number] = judged(judge, recording.waveform, recording.rate).heard
    with whole(path) as part:
        part.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return found


def entries_of(index: UnitIndex, numbers: Sequence[int]) -> dict[int, Entry] | None:
    """Recordings of the corpus of an index, to be read once more; ``None`` where it is gone, or another."""
    try:
        corpus = open_corpus(index.about["corpus"])
        if corpus.identity != index.about["corpus_identity"]:
            return None
    except TonescopeError:
        return None
    wanted, found = set(numbers), dict[int, Entry]()
    for number, entry in enumerate(corpus.entries()):
        if number in wanted:
            found[number] = entry
            if len(found) == len(wanted):
                break
    return found
