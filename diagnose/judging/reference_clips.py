"""The user's clips of a genre: read from a folder, and heard as they are and through the generator's codec.

They tell the mishearing of codec and judge from a drift of the generator. What cannot serve is left out, and said.
"""

from __future__ import annotations

import math
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

from tonescope.diagnose.judging.audio_quality import SILENT_DB, level_db
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.schema import ReferenceClips
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import LOUDEST, finite_takes, posterior

MOST_CLIPS = 200
FEWEST_CLIPS = (
    4  # the least of which a 95 % interval can lie above one half: 4 of 4 is 51 to 100 %, 3 of 3 is 44 to 100 %
)
SHORTEST_SECONDS = 0.5
PART_SECONDS = 30.0  # read of the middle of a longer clip, where the caller does not say how much is heard
LOWEST_RATE = 4000  # Hz
BROKEN = "broken, cut short, or no sound"
UNKNOWN_LENGTH = 2**40  # frames; libsndfile gives a number beyond it for a stream whose end it does not find
LARGEST_FILTER = 4_000_000  # product of two reduced rates; 11,025 to 32,000 Hz is 564,480
SHOWN = 4  # names in a sentence, before "and so many more"

# File endings by the name that libsndfile has for a format. Whether it is built in, libsndfile says.
ENDINGS = {
    "WAV": (".wav", ".wave"),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3",),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "CAF": (".caf",),
    "AU": (".au", ".snd"),
    "RF64": (".rf64",),
    "W64": (".w64",),
}
# Sound that people keep in such folders and libsndfile does not read, so that they are told what to do.
OTHER_SOUND = frozenset(
    (".m4a", ".aac", ".mp4", ".m4b", ".wma", ".alac", ".ape", ".wv", ".mka", ".mkv", ".webm", ".ac3", ".dsf", ".mid")
)
LITTER = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave behind; hidden files are ignored as well


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
        return _resampled(self.waveform[start : start + size], self.rate, rate)


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


class _Unusable(Exception):
    """Why a file cannot serve as a clip, in words that go on from its name."""


# --- reading ----------------------------------------------------------------------------------------------------------


def readable_endings() -> tuple[str, ...]:
    """Endings of the files that the installed libsndfile reads, in the order of :data:`ENDINGS`."""
    formats = soundfile.available_formats()
    return tuple(ending for name, endings in ENDINGS.items() if name in formats for ending in endings)


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
        paths = sorted(path for path in folder.iterdir() if not _is_litter(path.name))
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
            clips.append(_read(path, endings, seconds))
        except _Unusable as reason:
            left_out.append((printable(path.name), str(reason)))
    if not clips:
        why = f": {listed(left_out)}" if left_out else ""
        raise TonescopeError(
            f"{printable(str(folder))} holds no sound that can be used{why}; put clips of the genre asked for there "
            f"({', '.join(endings)})."
        )
    return ClipFolder(tuple(clips), tuple(left_out))


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


_KINDS = {
    stat.S_IFDIR: "a folder, and folders within are not searched",
    stat.S_IFIFO: "a pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


def _read(path: Path, endings: tuple[str, ...], seconds: float) -> Clip:
    """Raises :class:`_Unusable`."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise _Unusable(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(state.st_mode):  # opening one of these may wait for ever
        raise _Unusable(_KINDS.get(stat.S_IFMT(state.st_mode), "not a file"))
    if (ending := path.suffix.lower()) not in endings:
        known = ending in OTHER_SOUND or any(ending in names for names in ENDINGS.values())
        raise _Unusable(
            f"libsndfile does not read {ending}: convert it to .wav or .flac" if known else "by its ending no sound"
        )
    if state.st_size == 0:
        raise _Unusable("empty")
    if not os.access(path, os.R_OK):
        raise _Unusable("may not be read")
    return _mono(*_decoded(path, seconds), name=printable(path.name))


def _decoded(path: Path, seconds: float) -> tuple[Tensor, int]:
    """(samples, channels) of the middle of a file, and its rate in Hz."""
    try:
        # As bytes, for names that are no text.
        with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else str(path)) as file:
            rate = int(file.samplerate)
            if rate < LOWEST_RATE:
                raise _Unusable(f"{rate} samples a second are too few to hold music")
            wanted = round(max(seconds, SHORTEST_SECONDS) * rate)
            if wanted < file.frames < UNKNOWN_LENGTH and file.seekable():
                file.seek((file.frames - wanted) // 2)
            promised, sound = file.frames, file.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, RuntimeError, ValueError) as error:
        raise _Unusable(BROKEN) from error
    shortest = SHORTEST_SECONDS * rate
    if len(sound) < shortest:
        raise _Unusable(f"shorter than {SHORTEST_SECONDS:g} s" if promised < shortest else BROKEN)
    if not np.isfinite(sound).all():
        raise _Unusable("holds samples that are not numbers")
    if (peak := float(np.abs(sound).max())) > LOUDEST:
        raise _Unusable(f"its samples reach {peak:.3g}, where 1 is full scale")
    return torch.from_numpy(sound), rate


def _mono(sound: Tensor, rate: int, name: str) -> Clip:
    """The mean of (samples, channels), or one channel where they cancel. Raises :class:`_Unusable` for silence."""
    channels, mixed, side = sound.shape[1], sound.mean(1), ""
    powers = sound.var(0, correction=0)
    # Unrelated channels leave 1/channels of their mean power; a tenth of that is left only where they cancel.
    if channels > 1 and float(mixed.var(correction=0)) < 0.1 * float(powers.mean()) / channels:
        loudest = int(powers.argmax())
        mixed = sound[:, loudest]
        side = ("left", "right")[loudest] if channels == 2 else f"channel {loudest + 1} of {channels}"
    if is_silent(mixed):
        raise _Unusable(f"silent in the middle {len(mixed) / rate:.3g} s, and silence says nothing")
    return Clip(mixed.clone(), rate, name, side)


def is_silent(waveform: Tensor) -> bool:
    """Whether (samples,) are below :data:`SILENT_DB`; a constant offset is no sound."""
    return float(level_db(waveform - waveform.mean())) < SILENT_DB


def _resampled(waveform: Tensor, rate: int, wanted: int) -> Tensor:
    """(samples,) brought to another rate in Hz.

    The filter of torchaudio grows with the two rates over their greatest common divisor. For rates with hardly one
    in common it would not fit in memory, so the spectrum is cut or filled up instead.
    """
    divisor = math.gcd(rate, wanted)
    if (rate // divisor) * (wanted // divisor) <= LARGEST_FILTER:
        return torchaudio.functional.resample(waveform, rate, wanted)
    length = max(1, round(len(waveform) * wanted / rate))
    spectrum = torch.fft.rfft(waveform)[: length // 2 + 1]
    return torch.fft.irfft(spectrum, n=length) * (length / len(waveform))


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
            counts.update(hear(posterior(judge, heard, rate), judge.labels))
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


# --- words ------------------------------------------------------------------------------------------------------------


def listed(reasons: Sequence[tuple[str, str]]) -> str:
    """Names with their reasons, those of one reason together, and no long list of names."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons:
        by_reason.setdefault(reason, []).append(name)
    parts = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        parts.append(f"{', '.join(names[:SHOWN])}{more} ({reason})")
    return "; ".join(parts)


def printable(name: str) -> str:
    """A file's name with control characters, and bytes that are no text, replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
