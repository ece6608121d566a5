"""The user's clips of a genre: read from a folder, and heard as they are and through the generator's codec.

They tell the mishearing of codec and judge from a drift of the generator. What cannot serve is left out, and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import soundfile
import torch
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import BROKEN, check_samples, frames_promised, opened, resampled
from tonescope.diagnose.audio_files.sound_files import (
    Unusable,
    check_file,
    is_litter,
    listed,
    printable,
    readable_endings,
)
from tonescope.diagnose.audio_files.sound_recording import (
    SHORTEST_SECONDS,
    is_silent,
    loudest_if_cancelling,
    side_name,
)
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.schema import ReferenceClips
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import finite_takes, posterior

MOST_CLIPS = 200
FEWEST_CLIPS = (
    4  # the least of which a 95 % interval can lie above one half: 4 of 4 is 51 to 100 %, 3 of 3 is 44 to 100 %
)
PART_SECONDS = 30.0  # read of the middle of a longer clip, where the caller does not say how much is heard


@dataclass(frozen=True)
class Clip:
    """One recording in mono: (samples,) at ``rate`` Hz. ``side`` is the one that was taken, where its sides cancel."""

    waveform: Tensor
    rate: int
    name: str = ""
    side: str = ""

    def middle(self, seconds: float, rate: int) -> Tensor:
        """(samples,) at another rate from the middle of the clip: so many seconds, or all there is."""
        size = min(len(self.waveform), round(seconds * self.rate))
        start = (len(self.waveform) - size) // 2
        return resampled(self.waveform[start : start + size], self.rate, rate)


@dataclass(frozen=True)
class ClipFolder(Sequence[Clip]):
    """The clips of a folder by name, and what was left out of it: pairs of a name and a reason."""

    clips: tuple[Clip, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Clip, ...]: ...
    def __getitem__(self, index: int | slice) -> Clip | tuple[Clip, ...]:
        return self.clips[index]

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    @property
    def notes(self) -> list[str]:
        """What a reader has to know of the reading, as sentences."""
        sentences = [f"Left out of the known clips: {listed(self.left_out)}."] if self.left_out else []
        if sides := [(clip.name, clip.side) for clip in self.clips if clip.side]:
            sentences.append(
                "The sides of some known clips cancel when they are mixed, so one side alone was heard: "
                f"{listed(sides)}."
            )
        return sentences


# --- reading ----------------------------------------------------------------------------------------------------------


def read_clips(folder: str | Path, *, seconds: float = PART_SECONDS) -> ClipFolder:
    """The sound files of a folder by name; of each the middle, so many ``seconds`` of it or all there is.

    Hidden files and what systems leave behind are ignored; whatever else is no usable sound is left out with a reason.
    Nothing but regular files is opened.

    Raises:
        TonescopeError: the folder cannot be read, or holds no clip that can be used, or too many.
    """
    if not str(folder).strip():
        raise TonescopeError(
            "the folder of known clips is an empty name, as of a shell variable that is not set; name a folder, "
            "or leave the option out."
        )
    folder = Path(folder)
    try:
        paths = sorted(path for path in folder.iterdir() if not is_litter(path.name))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TonescopeError(
            f"{printable(str(folder))} cannot be read as a folder of clips ({reason}); name one that holds sound files."
        ) from error
    endings = readable_endings()
    sounds = [path for path in paths if path.suffix.lower() in endings]
    if len(sounds) > MOST_CLIPS:
        raise TonescopeError(
            f"{printable(str(folder))} holds {len(sounds)} clips and {MOST_CLIPS} tell enough; "
            "name a folder with fewer."
        )
    clips, left_out = [], []
    for path in paths:
        try:
            clips.append(usable_clip(path, endings, seconds))
        except Unusable as reason:
            left_out.append((printable(path.name), str(reason)))
    if not clips:
        why = f": {listed(left_out)}" if left_out else ""
        raise TonescopeError(
            f"{printable(str(folder))} holds no sound that can be used{why}; put clips of the genre asked for there "
            f"({', '.join(endings)})."
        )
    return ClipFolder(tuple(clips), tuple(left_out))


def read_clip(path: str | Path, *, seconds: float = PART_SECONDS) -> Clip:
    """One sound file: the middle of it, so many ``seconds`` or all there is. Raises :class:`TonescopeError` for what
    cannot be heard."""
    if not str(path).strip():
        raise TonescopeError(
            "the clip is an empty name, as of a shell variable that is not set; name a sound file, or leave it out."
        )
    endings = readable_endings()
    try:
        return usable_clip(Path(path).expanduser(), endings, seconds)
    except Unusable as reason:
        raise TonescopeError(
            f"{printable(str(path))} cannot be used as a clip ({reason}); name a sound file ({', '.join(endings)})."
        ) from reason


def usable_clip(path: Path, endings: tuple[str, ...], seconds: float = PART_SECONDS) -> Clip:
    """The middle of a file, so many ``seconds`` or all there is.

    Raises :class:`~tonescope.diagnose.audio_files.sound_files.Unusable` for what cannot be heard.
    """
    check_file(path, endings)
    return _mono(*_decoded(path, seconds), name=printable(path.name))


def _decoded(path: Path, seconds: float) -> tuple[Tensor, int]:
    """(samples, channels) of the middle of a file, and its rate in Hz."""
    with opened(path) as file:
        rate, promised = int(file.samplerate), frames_promised(file)
        wanted = round(max(seconds, SHORTEST_SECONDS) * rate)
        try:
            if promised is not None and wanted < promised and file.seekable():
                file.seek((promised - wanted) // 2)
            sound = file.read(wanted, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError, RuntimeError, ValueError) as error:
            raise Unusable(BROKEN) from error
    shortest = SHORTEST_SECONDS * rate
    if len(sound) < shortest:
        short = promised is not None and promised < shortest
        raise Unusable(f"shorter than {SHORTEST_SECONDS:g} s" if short else BROKEN)
    check_samples(sound)
    return torch.from_numpy(sound), rate


def _mono(sound: Tensor, rate: int, name: str) -> Clip:
    """The mean of (samples, channels), or one channel where they cancel.

    Raises :class:`~tonescope.diagnose.audio_files.sound_files.Unusable` for silence.
    """
    mixed = sound.mean(1)
    powers = sound.var(0, correction=0).double().numpy()
    channel = loudest_if_cancelling(float(mixed.var(correction=0)), powers)
    if channel is not None:
        mixed = sound[:, channel]
    if is_silent(mixed):
        raise Unusable(f"silent in the middle {len(mixed) / rate:.3g} s, and silence says nothing")
    return Clip(mixed.clone(), rate, name, "" if channel is None else side_name(channel, sound.shape[1]))


# --- hearing ----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def hear_clips(clips: Sequence[Clip], generator: Generator, judge: Judge, seconds: float) -> ReferenceClips:
    """What the judge hears in the middle of every clip, as it is and after the codec of one channel.

    Clips that are silent there, or that the codec makes no numbers of, are not counted.
    """
    clean, reconstructed = Counter[str](), Counter[str]()
    rate, counted = int(generator.sample_rate), 0
    for clip in clips:
        part = clip.middle(seconds, rate)
        if is_silent(part):
            continue
        sound = part[None].to(generator.device)
        again = generator.round_trip(sound)
        if not bool(finite_takes(again).all()):
            continue
        counted += 1
        for counts, heard in ((clean, sound), (reconstructed, again)):
            counts.update(hear(posterior(judge, heard, rate), judge.labels, sure_enough(judge)))
    return ReferenceClips(
        clips=counted, clean=dict(clean.most_common()), reconstructed=dict(reconstructed.most_common())
    )


def clip_caveats(clips: Sequence[Clip], heard: ReferenceClips, asked: str | None) -> list[str]:
    """What a reader has to know of known clips and what was heard in them, as sentences.

    Args:
        asked: the genre the prompt asks for, of which the clips are said to be.
    """
    caveats = list(clips.notes) if isinstance(clips, ClipFolder) else []
    if lost := len(clips) - heard.clips:
        caveats.append(
            f"{lost} of {len(clips)} known clips {'is' if lost == 1 else 'are'} silent where they would be heard, or "
            "came out of the codec as no sound; silence says nothing, so they were not counted."
        )
    if asked is None:
        caveats.append(
            "The prompt names no genre, so there is nothing to compare the known clips with, and nothing follows from "
            "them; say which genre was meant."
        )
    elif heard.clips < FEWEST_CLIPS:
        caveats.append(
            f"With {heard.clips} known clip{'' if heard.clips == 1 else 's'}, nothing can be shown of how often "
            f"{asked} is misheard; give {FEWEST_CLIPS} or more."
        )
    return caveats
