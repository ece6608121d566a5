"""What follows from a tagger's probabilities, for any tagger: what is heard, in windows and in all."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.judges.listening import LOUDEST
from tonescope.models.judges.tagger import Tagger
from tonescope.models.metadata import TagKind


@torch.no_grad()
def tag(tagger: Tagger, waveform: Tensor, rate: int) -> Tensor:
    """Probabilities (..., windows, tags) of (..., samples) without gradients, on the CPU.

    Raises :class:`TonescopeError` where samples are no numbers, or in other units than full scale.
    """
    if not torch.isfinite(waveform).all():
        raise TonescopeError(
            "the audio holds samples that are not numbers, so nothing can be heard in it; leave it out, or save it "
            "again."
        )
    if waveform.numel() and float(waveform.abs().max()) > LOUDEST:
        raise TonescopeError(
            f"samples reach {float(waveform.abs().max()):.3g}, where 1 is full scale, so nothing can be heard in them; "
            "bring the audio to between −1 and 1."
        )
    heard = tagger.probabilities(waveform, rate).cpu()
    if not torch.isfinite(heard).all():
        raise TonescopeError(
            f"what {tagger.name} hears is not a number, so it is no tagger; check its weights, or name another."
        )
    return heard


def by_meaning(tagger: Tagger, heard: Tensor, kind: TagKind) -> Mapping[str, Tensor]:
    """What is heard of a kind, by meaning: tags that mean the same are one, as probable as the likeliest of them.

    ``heard`` is (..., tags); each value is (...). Genres without a label in the common genres are left out.
    """
    places: dict[str, list[int]] = {}
    for place, tag in enumerate(tagger.tags):
        if tag.kind == kind and tag.means:
            places.setdefault(tag.means, []).append(place)
    return {meaning: heard[..., rows].amax(-1) for meaning, rows in places.items()}
