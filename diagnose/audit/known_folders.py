"""Recordings of known genres, a folder each, and the sound files of a library: read, with what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.overused.landmarks import Landmarks
    from tonescope.diagnose.taxonomy import Taxonomy
    from tonescope.models.generator import Generator
    from tonescope.models.judges.judge import Judge

MOST_LIBRARY_FILES = 500


def check_folder(folder: Path, option: str) -> None:
    """Refuse what is no folder. Raises :class:`TonescopeError`."""
    if not str(folder).strip() or str(folder) == ".":
        raise TonescopeError(f"{option} names no folder; name one, or leave it out.")
    try:
        there = folder.expanduser().is_dir()
    except (OSError, ValueError):
        there = False
    if not there:
        raise TonescopeError(f"{option} {str(folder)[:200]} is no folder; name one that holds sound files.")


@dataclass(frozen=True)
class Known:
    """What the judge hears in known recordings: counts by genre and label heard, and notes on what was left out."""

    heard: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...] = ()


def hear_known(folder: Path, taxonomy: Taxonomy, generator: Generator, judge: Judge, seconds: float) -> Known:
    """The recordings of a folder with one folder a genre, as the judge hears them after the generator's codec.

    Raises:
        TonescopeError: no folder in it is called as a genre that the judge knows.
    """
    from tonescope.diagnose.judging.intent import choose_label
    from tonescope.diagnose.judging.reference_clips import hear_clips, read_clips

    heard, notes = dict[str, dict[str, int]](), list[str]()
    for inner in sorted(path for path in folder.expanduser().iterdir() if path.is_dir()):
        try:
            label = choose_label(inner.name, taxonomy, judge.labels)
            clips = read_clips(inner, seconds=seconds)
        except TonescopeError as error:
            notes.append(f"Left out of the known recordings: {inner.name[:80]} ({error})")
            continue
        found = hear_clips(clips, generator, judge, seconds)
        counted = Counter(heard.get(label, {}))
        counted.update(found.reconstructed)
        heard[label] = dict(counted)
        notes += clips.notes
    if not heard:
        why = f" ({notes[0].partition(': ')[2]})" if notes else ""
        raise TonescopeError(
            f"{str(folder)[:200]} holds no recordings of genres that the judge knows{why}; put those of each genre "
            f"into a folder that is called as it, such as “{judge.labels[0]}”."
        )
    return Known(heard, tuple(notes))


def read_library(folder: Path) -> tuple[dict[str, Landmarks], list[str]]:
    """The fingerprints of the sound files of a folder by their names, and notes on what was left out.

    Raises:
        TonescopeError: it holds none that can be heard, or too many.
    """
    from tonescope.diagnose.audio_files.collecting import collect
    from tonescope.diagnose.audio_files.sound_files import Unusable, listed
    from tonescope.diagnose.audio_files.sound_recording import read_recording
    from tonescope.diagnose.overused.landmarks import landmarks

    collection = collect([folder.expanduser()])
    if len(collection.files) > MOST_LIBRARY_FILES:
        raise TonescopeError(
            f"{str(folder)[:200]} holds {len(collection.files)} sound files, and {MOST_LIBRARY_FILES} are compared in "
            "one run; name a folder with fewer."
        )
    found, left_out = dict[str, "Landmarks"](), list(collection.left_out)
    for file in collection.files:
        try:
            recording = read_recording(file.path)
        except Unusable as reason:
            left_out.append((file.name, str(reason)))
            continue
        found[file.name] = landmarks(recording.waveform.numpy(), recording.rate)
    if not found:
        raise TonescopeError(
            f"{str(folder)[:200]} holds no sound that can be heard{': ' + listed(left_out) if left_out else ''}; name "
            "a folder of sound files."
        )
    return found, _told(left_out)


def _told(left_out: Sequence[tuple[str, str]]) -> list[str]:
    from tonescope.diagnose.audio_files.sound_files import listed

    return [f"Left out of the library: {listed(left_out)}."] if left_out else []
