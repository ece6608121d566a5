"""Clips of known labels: a folder with one folder a label, or with a metadata file, as Hugging Face's ``audiofolder``.

``metadata.csv`` or ``metadata.jsonl`` has a column ``file_name``, one of :data:`LABEL_COLUMNS`, and perhaps one of
:data:`SOURCE_COLUMNS`: the recording, song or artist that a clip is from. Clips of one source are alike, so they stay
together wherever something is fitted on some clips and measured on others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tonescope.diagnose.audio_files.collecting import Collection, SoundFile, collect
from tonescope.diagnose.audio_files.sound_files import Unusable, listed, printable
from tonescope.diagnose.audio_files.sound_recording import digest
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError

TABLES = ("metadata.csv", "metadata.jsonl", "metadata.ndjson")
LABEL_COLUMNS = ("label", "genre", "class")
SOURCE_COLUMNS = ("source", "song", "track", "artist")
_NUMBERED = re.compile(r"^(.*?)[\s._-]*(?:part|clip|segment|take)?[\s._-]*\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class LabelledClip:
    """A file that truly is of a label: where it is, its name in results, what it is from, the hash of its bytes."""

    path: Path
    name: str
    label: str
    source: str
    digest: str = ""


@dataclass(frozen=True)
class LabelledClips:
    """The clips of a folder.

    Attributes:
        folder: its name, as results say it.
        clips: those that are meant; whether they hold sound is seen when they are heard.
        left_out: pairs of a name and a reason.
        sources: how sources are known: by a ``column``, by ``names`` of files, or every file is its ``own``.
    """

    folder: str
    clips: tuple[LabelledClip, ...]
    left_out: tuple[tuple[str, str], ...]
    sources: str

    @property
    def digest(self) -> str:
        """Tells apart sets of clips by content and labels."""
        lines = sorted(f"{clip.digest} {clip.label}" for clip in self.clips)
        return sha256("\n".join(lines).encode()).hexdigest()[:24]

    @property
    def counts(self) -> Counter[str]:
        """Clips by label."""
        return Counter(clip.label for clip in self.clips)


def read_labelled(folder: Path, taxonomy: Taxonomy) -> LabelledClips:
    """The clips of a folder whose labels a judge knows.

    Raises :class:`TonescopeError` for what is no such folder, and where fewer than two labels have clips.
    """
    folder = folder.expanduser()
    shown = printable(folder.name or str(folder))
    try:
        if not folder.is_dir():
            raise NotADirectoryError(20, "no such folder")
        tables = [folder / name for name in TABLES if (folder / name).is_file()]
    except (OSError, ValueError) as error:
        raise TonescopeError(
            f"{printable(str(folder))[:200]} cannot be read as a folder of clips "
            f"({getattr(error, 'strerror', None) or error}); name one with a folder for each label, or with "
            f"{TABLES[0]}."
        ) from error
    if len(tables) > 1:
        raise TonescopeError(
            f"{shown} has {tables[0].name} and {tables[1].name}, and it is unknown which says what the clips are; keep "
            "one."
        )
    found = collect([], tables[0]) if tables else _in_folders(folder)
    labels = _by_column(found, tables[0].name) if tables else _by_folder(found, taxonomy)
    return _labelled(shown, found, labels, taxonomy)


def _in_folders(folder: Path) -> Collection:
    found = collect([folder])
    loose = [(file.name, "in no folder of a label") for file in found.files if "/" not in file.name]
    inside = tuple(file for file in found.files if "/" in file.name)
    return Collection(inside, (*found.left_out, *loose))


def _by_folder(found: Collection, taxonomy: Taxonomy) -> dict[str, str]:
    """The innermost folder that is a label ("train/house/a.wav"), or the outermost, where none is."""
    labels = {}
    for file in found.files:
        *folders, _ = file.name.split("/")
        labels[file.name] = next((name for name in reversed(folders) if taxonomy.find(name)), folders[0])
    return labels


def _by_column(found: Collection, table: str) -> dict[str, str]:
    """The label of every file that has one. Raises :class:`TonescopeError` for a table without a column for labels."""
    columns = {column for file in found.files for column in file.about}
    column = next((name for name in LABEL_COLUMNS if name in columns), None)
    if column is None and found.files:
        raise TonescopeError(
            f"{table} has no column for the label ({', '.join(sorted(columns))[:80]}); call it {LABEL_COLUMNS[0]} or "
            f"{LABEL_COLUMNS[1]}."
        )
    return {file.name: file.about.get(column or "", "") for file in found.files}


def _labelled(shown: str, found: Collection, labels: Mapping[str, str], taxonomy: Taxonomy) -> LabelledClips:
    clips: list[LabelledClip] = []
    left_out = list(found.left_out)
    first: dict[str, LabelledClip] = {}
    unclear: dict[str, str] = {}  # what the same sound is said to be elsewhere, by its hash
    for file in found.files:
        named = labels[file.name]
        label = taxonomy.find(named) if named else None
        if label is None:
            why = f"its label “{printable(named)[:40]}” is none of the judge's" if named else "has no label"
            left_out.append((file.name, why))
            continue
        try:
            clip = LabelledClip(file.path, file.name, label, _told_source(file), digest(file.path))
        except Unusable as reason:
            left_out.append((file.name, str(reason)))
            continue
        known = first.setdefault(clip.digest, clip)
        if known is not clip:
            left_out.append((file.name, f"the same sound as {known.name}"))
            if known.label != label:
                unclear.setdefault(clip.digest, label)
            continue
        clips.append(clip)
    for clip in clips:
        if other := unclear.get(clip.digest):
            left_out.append((clip.name, f"also among the clips of {other}"))
    clips, how = _with_sources([clip for clip in clips if clip.digest not in unclear])
    made = LabelledClips(shown, tuple(clips), tuple(left_out), how)
    check_enough(made)
    return made


def check_enough(clips: LabelledClips) -> None:
    """Raise :class:`TonescopeError` where fewer than two labels have clips."""
    counts = clips.counts
    if len(counts) > 1:
        return
    only = f"clips of {next(iter(counts))} alone" if counts else "no clip of a label that the judge knows"
    why = f" (left out: {listed(clips.left_out)})" if clips.left_out else ""
    raise TonescopeError(
        f"{clips.folder} holds {only}{why}, and a judge is calibrated on two labels or more; name a folder with a "
        "folder for each label, or with a metadata.csv that has file_name and label."
    )


def _told_source(file: SoundFile) -> str:
    """What its table says it is from; empty where it does not."""
    return next((file.about[name] for name in SOURCE_COLUMNS if file.about.get(name)), "")


def _with_sources(clips: Sequence[LabelledClip]) -> tuple[list[LabelledClip], str]:
    """Clips with what they are from, and how that is known.

    The names of files say it where numbered files share a stem ("song_1.wav", "song_2.wav"). A stem that all files of a
    label share says the label, and nothing of sources.
    """
    if any(clip.source for clip in clips):
        return [clip if clip.source else replace(clip, source=clip.name) for clip in clips], "column"
    stems = {clip.name: _stem(clip) for clip in clips}
    of_label: dict[str, list[str]] = {}
    for clip in clips:
        of_label.setdefault(clip.label, []).append(stems[clip.name])
    told = all(len(set(names)) > 1 for names in of_label.values() if len(names) > 1)
    if told and len(set(stems.values())) < len(clips):
        return [replace(clip, source=stems[clip.name]) for clip in clips], "names"
    return [replace(clip, source=clip.name) for clip in clips], "own"


def _stem(clip: LabelledClip) -> str:
    """The name of a file without its ending and number, within its label."""
    stem = Path(clip.name).stem
    numbered = _NUMBERED.match(stem)
    return f"{clip.label}/{numbered[1] or stem if numbered else stem}"
