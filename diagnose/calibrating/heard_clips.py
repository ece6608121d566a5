"""Clips of known labels as a judge hears them: embeddings, as they are and after a generator's codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.audio_files.sound_files import Unusable, readable_endings
from tonescope.diagnose.calibrating.labelled_clips import LabelledClip
from tonescope.diagnose.calibrating.neutral_audio import RATE, neutral_clips
from tonescope.diagnose.judging.reference_clips import PART_SECONDS, usable_clip
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.two_towers import TwoTowers

NO_NUMBERS = "no numbers come of it"
LOST = "nothing is left of it after the codec"


@dataclass(frozen=True)
class HeardClips:
    """What was heard.

    Attributes:
        clips: those that could be heard.
        clean: (clips, width) embeddings of them as they are; ``coded``, after the codec, where there is one.
        left_out: pairs of a name and a reason.
    """

    clips: tuple[LabelledClip, ...]
    clean: Tensor
    coded: Tensor | None
    left_out: tuple[tuple[str, str], ...]


def two_towers(judge: Judge) -> TwoTowers:
    """A judge that can be calibrated. Raises :class:`TonescopeError` for one that embeds nothing."""
    if not isinstance(judge, TwoTowers):
        raise TonescopeError(
            f"{judge.name} ({judge.description}) embeds no audio, so it cannot be calibrated; name a CLAP or PE-Audio "
            "model with --judge."
        )
    return judge


@torch.no_grad()
def hear_labelled(
    judge: TwoTowers,
    clips: Sequence[LabelledClip],
    through: Generator | None,
    told: Callable[[str, int], None] = lambda name, place: None,
) -> HeardClips:
    """Hear the middle of every clip. Those that cannot be heard are left out, with the reason.

    Args:
        through: the generator whose codec they pass as well.
        told: what is heard next, and its place among all.
    """
    endings = readable_endings()
    heard: list[LabelledClip] = []
    clean: list[Tensor] = []
    coded: list[Tensor] = []
    left_out: list[tuple[str, str]] = []
    for place, clip in enumerate(clips):
        told(clip.name, place)
        try:
            found = usable_clip(clip.path, endings)
            one = _embedded(judge, found.waveform[None], found.rate, NO_NUMBERS)
            if through is not None:
                rate = int(through.sample_rate)
                again = through.round_trip(found.middle(PART_SECONDS, rate)[None].to(through.device))
                coded.append(_embedded(judge, again, rate, LOST))
        except Unusable as reason:
            left_out.append((clip.name, str(reason)))
            continue
        heard.append(clip)
        clean.append(one)
    width = (0, 0) if not clean else clean[0].shape
    whole = torch.cat(clean) if clean else torch.zeros(width)
    return HeardClips(tuple(heard), whole, torch.cat(coded) if coded else None, tuple(left_out))


def _embedded(judge: TwoTowers, waveform: Tensor, rate: int, refused: str) -> Tensor:
    """(1, width), on the CPU.

    Raises :class:`tonescope.diagnose.audio_files.sound_files.Unusable` where that is no number.
    """
    if not bool(torch.isfinite(waveform).all()):
        raise Unusable(refused)
    found = judge.embed_audio(waveform, rate).float().cpu()
    if not bool(torch.isfinite(found).all()):
        raise Unusable(refused)
    return found


@torch.no_grad()
def hear_neutral(judge: TwoTowers) -> Tensor:
    """(clips, width) embeddings of sound that is of no genre, on the CPU."""
    clips = neutral_clips(judge.window_seconds)
    return torch.cat([judge.embed_audio(clip[None], RATE).float().cpu() for clip in clips])
