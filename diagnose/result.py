"""The diagnosis as data: one pydantic schema behind the terminal, the page, the report and JSON.

Every claim carries a badge: *observed* was measured in these takes, *estimated* is a gradient estimate, *verified* was measured by
intervention against a control.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from .genre import Heard, Intent, Verdict
from .settings import Settings
from .stats import Effect

SCHEMA_VERSION = "1.0"
Badge = Literal["observed", "estimated", "verified"]


class TakeResult(BaseModel):
    """One take: what was heard in it. ``margin`` is the judge's logit of ``question.label`` minus that of ``question.against``."""

    badge: Badge = "observed"
    seed: int
    heard: str
    probability: float
    margin: float
    posterior: dict[str, float]
    audio: str | None = None


class Question(BaseModel):
    """The contrast that everything below is about: why ``label`` and not ``against``?"""

    label: str
    against: str


class UnitDriver(BaseModel):
    """A unit and the estimated change of the margin if it alone is mean-ablated."""

    badge: Badge = "estimated"
    unit: str
    effect: Effect


class GroupTest(BaseModel):
    """What muting a group did to regenerated paired takes, beside the same number of random units.

    ``effect`` and ``control`` are changes of the margin, ``difference`` is effect minus control, take by take. ``flips`` counts
    takes that are no longer heard as ``question.label``, among those that were.
    """

    badge: Badge = "verified"
    units: int
    estimated: Effect
    effect: Effect
    control: Effect
    difference: Effect
    flips: int
    control_flips: int
    flippable: int
    heard: dict[str, int]
    distance: float
    control_distance: float
    sound_broke: bool
    convincing: bool
    audio: list[str] = []
    control_audio: list[str] = []


class WordDriver(BaseModel):
    """A word of the prompt: the estimated change of the margin without it, and the measured one where it was left out."""

    word: str
    start: int
    end: int
    known: bool
    estimated: Effect
    verified: Effect | None = None
    flips: int | None = None

    @property
    def badge(self) -> Badge:
        return "estimated" if self.verified is None else "verified"


class SecondDriver(BaseModel):
    """A stretch of time: the probabilities heard there, and the estimated share of the units' effect that acts there."""

    start: float
    end: float
    badge: Badge = "observed"
    label_probability: float
    against_probability: float
    estimated: Effect


class Drivers(BaseModel):
    """What drove the output."""

    units: list[UnitDriver]
    group: GroupTest | None
    words: list[WordDriver]
    seconds: list[SecondDriver]


class Source(BaseModel):
    """A model or judge as it was used."""

    name: str
    description: str


class Diagnosis(BaseModel):
    """The whole finding about one prompt."""

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    prompt: str
    model: Source
    judge: Source
    settings: Settings
    intended: Intent
    perceived: Heard
    verdict: Verdict
    question: Question
    takes: list[TakeResult]
    drivers: Drivers
    estimated_units: int
    caveats: list[str]
    timings: dict[str, float]
