"""What became of takes with one thing changed, as data: what every other result is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, computed_field

from tonescope.diagnose.stats import BELIEVED, Effect, Share, share

Badge = Literal["observed", "estimated", "tested", "verified"]


class SoundChange(BaseModel):
    """How far changed takes are from the clean ones: change of level (dB), distance of long-term spectra (dB), change
    of onsets a second.

    ``broke`` says that half of them or more are no longer usable sound, so that nothing follows from what is heard in
    them.
    """

    level_db: Effect
    spectrum_db: Effect
    onsets: Effect
    broke: bool


class Trial(BaseModel):
    """What became of the tested takes, regenerated on the same noise with one thing changed.

    ``variant`` names what was changed, and ``prompt`` is what was played. ``effect`` is the change of the margin in
    takes of intact sound. ``q`` is its p-value after Benjamini-Hochberg over everything tested in the diagnosis beside
    what its search comes to, the set, or where muting found none the unit that did most: that is one hypothesis, chosen
    before these takes, and has its p-value as it is.
    ``flips`` counts takes of intact sound no longer heard as ``question.label``, among the ``flippable`` ones that
    were.
    """

    variant: str
    prompt: str
    effect: Effect
    q: float | None = None
    flips: int
    flippable: int
    heard: dict[str, int]
    sound: SoundChange
    audio: list[str] = []

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return badge_of(self.q, not self.sound.broke)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def flipped(self) -> Share:
        """``flips`` of ``flippable`` with its interval."""
        return share(self.flips, self.flippable)


def badge_of(q: float | None, intact: bool = True) -> Badge:
    """*Verified* is what was tested and is sure, of intact sound."""
    return "verified" if q is not None and q < BELIEVED and intact else "tested"
