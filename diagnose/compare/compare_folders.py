"""Two folders of takes compared: genres and tempo, in pairs where files have the same names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tonescope.diagnose.audio_files.collecting import SoundFile, collect
from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.audio_files.sound_recording import read_recording
from tonescope.diagnose.compare.behaviour import (
    Asking,
    HeardTakes,
    octaves_of,
    paired_behaviour,
    unpaired_behaviour,
)
from tonescope.diagnose.compare.compare_models import CompareEvidence, Listening
from tonescope.diagnose.compare.compare_schema import Comparison, Side
from tonescope.diagnose.elsewhere.hear_file import judged
from tonescope.diagnose.intervene.play import Advance
from tonescope.diagnose.runtime.progress import Clock
from tonescope.diagnose.store import provenance
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch

STAGES = {"hear A": 0.5, "hear B": 0.5}
LONGEST = 60.0  # seconds of a file that are heard
TABLES = ("metadata.csv", "metadata.jsonl", "prompts.csv", "prompts.jsonl")


def compare_folders(
    first: Path, second: Path, listening: Listening, watch: Watch
) -> tuple[Comparison, CompareEvidence]:
    """Compare two folders.

    A table in a folder (one of :data:`TABLES`) says which prompt each file was made from.

    Raises:
        TonescopeError: one of them holds no sound.
    """
    clock, sides = Clock(STAGES, watch.progress), list[_Folder]()
    for name, folder in (("hear A", first), ("hear B", second)):
        with clock.stage(name) as advance:
            sides.append(_heard_folder(folder, listening, advance))
    heard, prompts = [side.takes for side in sides], sides[1].prompts | sides[0].prompts
    caveats = [caveat for side in sides for caveat in side.caveats]
    both = sorted(set(heard[0]) & set(heard[1]))
    if both:
        judge, taxonomy = listening.judge, listening.taxonomy
        asked = [Asking.read(prompts[key], judge, taxonomy) if key in prompts else Asking(key) for key in both]
        behaviour = paired_behaviour(asked, *(HeardTakes.join([side[key] for key in both]) for side in heard))
        if lone := sum(len(side) for side in heard) - 2 * len(both):
            caveats.append(f"{lone} files have none of the same name in the other folder, and were left out.")
        if other := [key for key in both if len({side.prompts[key] for side in sides if key in side.prompts}) > 1]:
            first_told, second_told = (side.prompts[other[0]] for side in sides)
            caveats.append(
                f"The tables give {len(other)} of {len(both)} pairs two prompts ({other[0]}: “{first_told}” in A, "
                f"“{second_told}” in B); such a pair counts as asked in A, and the prompt may be what differs."
            )
    else:
        behaviour = unpaired_behaviour(*(HeardTakes.join(list(side.values())) for side in heard))
        caveats.append(
            "No file has one of the same name in the other folder, so the two were compared as wholes, and no interval "
            "can be told; give takes of one prompt and seed the same name."
        )
    if both and not prompts:
        caveats.append("No table says which prompts the files are of, so each file counts as a prompt of its own.")
    caveats.append("What a folder was made with is not known, so neither units nor weights can be compared.")
    return (
        Comparison(
            made=date.today().isoformat(),
            versions=provenance.versions(),
            judge=provenance.of_judge(listening.judge),
            first=Side(name=str(first), takes=len(heard[0])),
            second=Side(name=str(second), takes=len(heard[1])),
            prompts=sorted(set(prompts.values())),
            seconds=0.0,
            seed=0,
            behaviour=behaviour,
            caveats=caveats,
            timings=clock.timings,
        ),
        CompareEvidence(),
    )


@dataclass
class _Folder:
    """What is heard in a folder: its takes and their prompts by the name of the file, and what was left out."""

    takes: dict[str, HeardTakes]
    prompts: dict[str, str]
    caveats: list[str]


def _heard_folder(folder: Path, listening: Listening, advance: Advance) -> _Folder:
    files, left_out = _files(folder)
    found = _Folder({}, {}, [f"{file} in {folder.name} was left out: {why}." for file, why in left_out])
    for at, file in enumerate(files):
        key = Path(os.path.relpath(file.path, folder)).with_suffix("").as_posix()
        try:
            found.takes[key] = _heard(file, listening)
        except Unusable as error:
            found.caveats.append(f"{file.name} in {folder.name} was left out: {error}")
        if file.prompt:
            found.prompts.setdefault(key, file.prompt)
        advance((at + 1) / len(files))
    if not found.takes:
        why = f" ({found.caveats[0].rstrip('.')})" if found.caveats else ""
        raise TonescopeError(f"no file in {folder} can be heard{why}; name a folder of takes.")
    return found


def _files(folder: Path) -> tuple[tuple[SoundFile, ...], tuple[tuple[str, str], ...]]:
    """The files that are meant, and what was left out, with the reason."""
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    found = collect([folder], table)
    return found.files, found.left_out


def _heard(file: SoundFile, listening: Listening) -> HeardTakes:
    """One file, its windows together."""
    recording = read_recording(file.path)
    wave = recording.waveform[: round(LONGEST * recording.rate)]
    found = judged(listening.judge, wave, recording.rate)
    row = torch.tensor([[float(found.probabilities.get(label, 0.0)) for label in listening.judge.labels]])
    return HeardTakes(row, (found.heard,), (octaves_of(wave, recording.rate),))
