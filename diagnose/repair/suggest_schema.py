"""A repair as data: what was tried, what was heard of it in fresh takes, and what follows."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.repair.rewrites import Change
from tonescope.diagnose.repair.side_effects import SideEffects
from tonescope.diagnose.repair.steering import Steering
from tonescope.diagnose.schema import Badge, SettingSuspect, Source
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, Share

SCHEMA_VERSION = "1.2"
FIXED = 0.75  # of fresh takes heard as meant: the prompt plays what was meant

Conclusion = Literal["plays as meant", "fixed", "better", "no better", "genre missing"]
"""Of the prompt as it is; of the best rewrite in fresh takes; and where none helps: whether even the bare genre word
fails."""


def surely_more(after: Share, before: Share, change: Effect | None) -> bool:
    """Whether more takes are heard as meant, and surely so: by the judge's log-odds take by take, or because the
    intervals of both shares lie apart."""
    nearer = change is not None and change.interval is not None and change.interval.low > 0
    return after.count > before.count and (nearer or after.low > before.high)


class Tried(BaseModel):
    """A candidate that was played in the race.

    Attributes:
        change, told, prompt: what it is; ``guidance``, ``temperature``, ``top_k``, ``negative``, how it was played.
        predicted: probability of the genre meant, before playing; absent where nothing predicts it.
        takes: how many were played; ``heard``, how many of them were heard as meant. They flatter the winner.
    """

    change: Change
    told: str
    prompt: str
    guidance: float
    temperature: float
    top_k: int
    negative: str
    predicted: float | None
    takes: int
    heard: int


class Verified(BaseModel):
    """A candidate, or the prompt as it is, in fresh takes.

    Attributes:
        matched: takes heard as meant, with the Wilson interval; takes whose sound is ruined count as missed.
        heard: takes by what they are heard as; ``ruined``, of how many the sound is.
        effect: change of the log-odds of the genre meant, against the prompt as it is, take by take.
        side_effects: what else changed.
    """

    badge: Badge = "tested"
    told: str
    prompt: str
    change: Change
    guidance: float
    temperature: float
    top_k: int
    negative: str
    predicted: float | None
    matched: Share
    heard: dict[str, int]
    ruined: int
    effect: Effect | None = None
    side_effects: SideEffects | None = None

    def fixes(self, original: Verified) -> bool:
        """Whether it plays what was meant, and surely more often than the prompt as it is."""
        return self.matched.value >= FIXED and self.surely_better(original)

    def surely_better(self, original: Verified) -> bool:
        """Whether it plays what was meant more often, and surely so."""
        return surely_more(self.matched, original.matched, self.effect)


class SteeringTrial(BaseModel):
    """Steering: units found as causes, their activations multiplied by a factor while takes are played.

    Attributes:
        steering: what can be applied; ``None`` where no dose surely brought the genre, or no cause was found: ``told``
            why.
        doses: takes heard as meant by factor, in those that the factor was chosen by.
        factor: the one that was chosen.
        before, after, random: in other, fresh takes: as it is, steered by that, and with as many random units
            multiplied alike.
        effect: change of the log-odds of the genre meant from ``before`` to ``after``, take by take.
        takes: that were played for it, those of the diagnosis not counted.
    """

    told: str
    steering: Steering | None = None
    doses: dict[str, Share] = {}
    factor: float | None = None
    before: Share | None = None
    after: Share | None = None
    random: Share | None = None
    effect: Effect | None = None
    takes: int = 0


class Suggestion(BaseModel):
    """What was found for a prompt.

    Attributes:
        intended: the genre that is meant; ``instead``, what is mostly heard of the prompt as it is.
        conclusion: what follows; ``sentence``, in words.
        original, best, bare: in the same fresh takes: the prompt as it is, the winner of the race, and the genre word
            alone, where that is not the winner.
        complete: where the winner leaves something out that was asked for: the best rewrite that does not.
        tried: all candidates that were played, the best first; ``candidates``, how many there were.
        takes: that were played in all, in so many ``seconds``; ``seeds``, the first and last of the fresh ones.
        screened: whether a predictor chose which candidates are played.
        suspects: settings that the model is not made for; ``recommended``, what it is made for.
        judge_error: how often the judge mishears the genre meant; absent where that was not measured.
        sung: the lyrics of the prompt, which all rewrites keep.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    settings: Settings
    prompt: str
    intended: str
    instead: str | None
    conclusion: Conclusion
    sentence: str
    original: Verified
    best: Verified | None
    bare: Verified | None
    complete: Verified | None = None
    tried: list[Tried]
    candidates: int
    takes: int
    seconds: float = 0.0
    budget: int
    seeds: tuple[int, int]
    screened: bool
    suspects: list[SettingSuspect] = []
    recommended: dict[str, float] = {}
    judge_error: Share | None = None
    sung: str = ""
    steering: SteeringTrial | None = None
    caveats: list[str]
    timings: dict[str, float] = {}
