"""Passages that come again in several files, whatever these are of, and what of them a user's own files hold.

Files are compared by their sound alone (:mod:`tonescope.diagnose.overused.passages`). What their landmarks are is kept
with what was heard in them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import numpy as np

from tonescope.diagnose.audio_files.sound_recording import Recording
from tonescope.diagnose.elsewhere.listen_schema import FilePassage, FileResult, PassagePlace, Strict
from tonescope.diagnose.overused.landmarks import Landmarks, landmarks
from tonescope.diagnose.overused.passages import Passage, in_library, passages, takes_in_library
from tonescope.diagnose.stats import share

COMPARED_SECONDS = 120.0  # of a file, from its start
MOST_LANDMARKS = 1_500_000  # of all files together: of hundreds, each is compared for a shorter time
FEWEST, RARE = 2, 0.01  # files that a passage comes in; of many, so large a share of them
TYPE = "<i4"


class FileLandmarks(Strict):
    """The landmarks of a file, hashes and times as base64 of 32-bit numbers."""

    hashes: str
    times: str

    @classmethod
    def of(cls, recording: Recording) -> FileLandmarks:
        """Those of the first two minutes."""
        part = recording.waveform[: round(COMPARED_SECONDS * recording.rate)].numpy()
        found = landmarks(part, recording.rate)
        hashes, times = (base64.b64encode(row.astype(TYPE).tobytes()).decode() for row in (found.hashes, found.times))
        return cls(hashes=hashes, times=times)

    def read(self) -> Landmarks:
        """As numbers."""
        return Landmarks.of(*(np.frombuffer(base64.b64decode(row), TYPE) for row in (self.hashes, self.times)))


def shared_passages(
    files: Sequence[FileResult], sounds: Sequence[Landmarks], library: Mapping[str, Landmarks]
) -> tuple[list[FilePassage], dict[str, int]]:
    """Passages that come in several files, those in most first; and in how many files each of a library comes.

    Copies of a file are compared once.
    """
    kept = [at for at, file in enumerate(files) if file.same_as is None]
    most = MOST_LANDMARKS // max(1, len(kept) + len(library))
    sounds = [_first(sounds[at], most) for at in kept]
    library = {name: _first(each, most) for name, each in library.items()}
    found = passages(sounds, fewest=max(FEWEST, round(RARE * len(kept)))) if len(kept) >= FEWEST else []
    found = in_library(found, sounds, library)
    held = {name: len(set(takes)) for name, takes in takes_in_library(sounds, library).items()}
    return [_told(passage, [files[at] for at in kept]) for passage in found], held


def _first(sound: Landmarks, most: int) -> Landmarks:
    """The first so many, which are in the order of time."""
    return Landmarks(sound.hashes[:most], sound.times[:most])


def _told(passage: Passage, files: Sequence[FileResult]) -> FilePassage:
    places = [
        PassagePlace(name=files[span.take].name, start=round(span.start, 2), end=round(span.end, 2))
        for span in passage.spans
    ]
    prompts = dict.fromkeys(files[span.take].prompt for span in passage.spans)
    return FilePassage(
        seconds=round(passage.seconds, 2),
        share=share(len(places), len(files)),
        places=places,
        prompts=[prompt for prompt in prompts if prompt],
        chance=passage.chance,
        library=list(passage.library),
    )
