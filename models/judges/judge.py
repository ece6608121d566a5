"""What a judge is: a listener that chooses between labels and never sees the generator.

A judge implements the few members of :class:`Judge`. What follows from them, for every judge alike (margins,
probabilities, a timeline), is in :mod:`tonescope.models.judges.listening`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from tonescope.models.judges.calibration import ConfusionRecord, MeaningRecord


class Judge(Protocol):
    """A model that hears audio and gives a logit for each of its labels.

    Attributes:
        name: what the user called it.
        labels: what it chooses between.
        domain: the sounds it knows ("the composer's pieces"); empty for music at large.
        record: how often it mishears, where that was measured.
    """

    name: str
    labels: tuple[str, ...]
    domain: str
    record: ConfusionRecord | None

    @property
    def description(self) -> str:
        """What kind of model it is, in a few words."""
        ...

    @property
    def window_seconds(self) -> float:
        """Length of the audio that it hears at once, in seconds; longer audio is heard in several windows."""
        ...

    @property
    def meaning_threshold(self) -> float:
        """How probable :meth:`read_prompt` has to find a label for a prompt to count as asking for it."""
        ...

    @property
    def meaning_record(self) -> MeaningRecord | None:
        """How often a genre was rightly read from prompts that name none; ``None`` where that was not measured."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The precision it computes in."""
        ...

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        """Calibrated logits (takes, labels) of a mono waveform (takes, samples) at ``rate`` Hz; differentiable.

        Takes are independent of one another. The waveform may be on any device and of any precision.
        """
        ...

    def read_prompt(self, text: str) -> Tensor | None:
        """How probable it is that a text means each label (labels,); ``None`` for a judge without a text tower."""
        ...

    def reads_all_of(self, text: str) -> bool:
        """Whether :meth:`read_prompt` reads a text to its end."""
        ...

    def likeness(self, waveform: Tensor, rate: int, text: str) -> Tensor | None:
        """How near takes are to what a text names, −1 to 1 (takes,), to be compared between takes; ``None`` for a judge
        without a text tower."""
        ...

    def fingerprint(self) -> str:
        """Tells apart judges that share a name."""
        ...
