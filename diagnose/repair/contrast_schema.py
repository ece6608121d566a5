"""A comparison of two prompts as data: what is heard of both, and which phrases and layers make the difference."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.repair.side_effects import SideEffects
from tonescope.diagnose.schema import Contrast, SettingSuspect, Source
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import BELIEVED, Effect, Interval, Share

SCHEMA_VERSION = "1.1"
Side = Literal["first", "second"]


class DifferenceShare(BaseModel):
    """What makes a part of the difference.

    Attributes:
        effect: change of the margin toward the second prompt that it makes, take by take; ``q`` over all phrases and
            layers; ``part``, as a share of the whole difference in the same takes, and ``part_interval``, absent where
            the difference itself may be none.
    """

    effect: Effect
    q: float | None
    part: float | None
    part_interval: Interval | None = None

    @property
    def sure(self) -> bool:
        """Whether it is believed."""
        return self.q is not None and self.q < BELIEVED


class PhraseShare(DifferenceShare):
    """A phrase that only one of the prompts has.

    Attributes:
        side: whose it is; ``prompt``, what was played: that prompt without it, or the other with it.
        added: whether it was added to the other prompt.
    """

    side: Side
    phrase: str
    prompt: str
    added: bool


class LayerShare(DifferenceShare):
    """Layers whose reading of the second prompt was put into takes of the first: ``part`` of the difference comes."""

    layers: str
    locations: list[str]


class PromptContrast(BaseModel):
    """What was found.

    Attributes:
        first, second: the prompts; ``heard_first``, ``heard_second``, fresh takes by what is heard.
        contrast: the genres that are held against each other; ``matched``, fresh takes of either prompt heard as the
            target, whose sound is intact.
        difference: margin of the second minus that of the first, take by take.
        phrases, layers: what makes it, the most first; layers in order.
        listener: what else changes from the first to the second.
        lyrics_differ: whether what is sung differs; that is not tested line by line.
        suspects: settings that the model is not made for; ``recommended``, what it is made for.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    settings: Settings
    first: str
    second: str
    heard_first: dict[str, int]
    heard_second: dict[str, int]
    contrast: Contrast
    matched: tuple[Share, Share]
    difference: Effect
    phrases: list[PhraseShare]
    layers: list[LayerShare]
    listener: SideEffects
    lyrics_differ: bool = False
    suspects: list[SettingSuspect] = []
    recommended: dict[str, float] = {}
    caveats: list[str]
    timings: dict[str, float] = {}
