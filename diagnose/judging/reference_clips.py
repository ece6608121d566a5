"""Clips that are known to be what was asked for, as they are and through the generator's codec: how often the listener mishears them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.schema import ReferenceClips
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import Generator
from tonescope.models.judges.clap import Judge

ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
MOST_CLIPS = 200
SHORTEST = 0.5  # seconds


@dataclass(frozen=True)
class Clip:
    """One recording, its channels averaged: (samples,) at ``rate`` Hz."""

    waveform: Tensor
    rate: int

    def middle(self, seconds: float, rate: int) -> Tensor:
        """(samples,) at another rate from the middle of the clip: so many seconds, or all there is."""
        size = min(len(self.waveform), round(seconds * self.rate))
        start = (len(self.waveform) - size) // 2
        return torchaudio.functional.resample(self.waveform[start : start + size], self.rate, rate)


def read_clips(folder: Path) -> list[Clip]:
    """Every sound file of a folder, by name. Raises :class:`TonescopeError` when there is none, or one that cannot be used."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError as error:
        raise TonescopeError(
            f"{folder} cannot be read as a folder of clips ({error.strerror}); name one that holds sound files."
        ) from error
    if not paths:
        raise TonescopeError(f"{folder} holds no sound; put clips of the genre asked for there ({', '.join(ENDINGS)}).")
    if len(paths) > MOST_CLIPS:
        raise TonescopeError(
            f"{folder} holds {len(paths)} clips and {MOST_CLIPS} tell enough; name a folder with fewer."
        )
    return [_read(path) for path in paths]


def _read(path: Path) -> Clip:
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise TonescopeError(f"{path.name} is no sound that can be read; take it out of the folder.") from error
    if len(sound) < SHORTEST * rate or not np.isfinite(sound).all():
        raise TonescopeError(
            f"{path.name} is shorter than {SHORTEST:g} s, or broken; take it out of the folder, so that it does not count as misheard."
        )
    return Clip(torch.from_numpy(sound.mean(1)), rate)


@torch.no_grad()
def listen(clips: list[Clip], generator: Generator, judge: Judge, seconds: float) -> ReferenceClips:
    """What the judge hears in the middle of every clip, as it is and after the codec of one channel."""
    clean, reconstructed = Counter[str](), Counter[str]()
    rate = int(generator.sample_rate)
    for clip in clips:
        sound = clip.middle(seconds, rate)[None].to(generator.model.device)
        again = generator.sound(generator.hard_vectors(generator.encode(sound)))
        for counts, heard in ((clean, sound), (reconstructed, again)):
            counts.update(hear(judge.posterior(heard, rate), judge.labels))
    return ReferenceClips(
        clips=len(clips), clean=dict(clean.most_common()), reconstructed=dict(reconstructed.most_common())
    )
