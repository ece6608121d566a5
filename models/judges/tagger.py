"""What a tagger is: a listener that says of many tags, each on its own, how probable they are.

A tagger is no judge. A judge chooses between the genres of its labels; a tagger was trained on other music, with words
of its own, and several of them may be true. So the two are never compared number by number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tonescope.models.metadata import TagKind


@dataclass(frozen=True)
class Tag:
    """One thing that a tagger may hear.

    Attributes:
        name: the tag as its data set spells it.
        kind: what it is about.
        means: of a genre, the label of the common genres that it is, or empty where they have none; of anything else,
            the name that tags of one meaning share.
        family: of a genre, the family of the common genres; empty where it belongs to several.
    """

    name: str
    kind: TagKind
    means: str = ""
    family: str = ""


class Tagger(Protocol):
    """A model that hears audio and gives a probability for each of its tags.

    Attributes:
        name: what the user called it.
        tags: what it may hear.
        domain: the sounds it knows.
        rate: the sampling rate that it hears at, in Hz; audio of another rate is resampled.
    """

    name: str
    tags: tuple[Tag, ...]
    domain: str
    rate: int

    @property
    def description(self) -> str:
        """What kind of model it is, in a few words."""
        ...

    @property
    def window_seconds(self) -> float:
        """Length of the audio that it hears at once, in seconds; longer audio is heard in several windows."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def starts(self, seconds: float) -> list[float]:
        """When the windows of audio of this length begin, in seconds. The last one ends with the audio."""
        ...

    def probabilities(self, waveform: Tensor, rate: int) -> Tensor:
        """How probable each tag is (..., windows, tags) in mono waveforms (..., samples) at ``rate`` Hz.

        Differentiable. Tags do not exclude one another: a row does not sum to one.
        """
        ...

    def fingerprint(self) -> str:
        """Tells apart taggers that share a name."""
        ...
