"""The confusion report as data: one pydantic schema behind terminal, page, HTML, Markdown and JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.genre_statistics.corrected_verdicts import CorrectedKind
from tonescope.diagnose.judging.judge_agreement import Agreement
from tonescope.diagnose.judging.verdict import Kind
from tonescope.diagnose.schema import Badge, Source, TakeResult
from tonescope.diagnose.stats import Interval, Share

SCHEMA_VERSION = "1.0"
Relation = Literal["sibling", "family"]
"""Of two genres that are confused: of one family, or of two."""


class ConfusionSettings(BaseModel):
    """How takes were asked for and played: ``takes`` for each of the ``wordings`` of each genre; ``seed`` gives every
    prompt noise of its own, the same in every report."""

    takes: int
    wordings: int
    seconds: float
    seed: int
    guidance: float
    temperature: float
    top_k: int
    explain: int


class CorrectedShare(BaseModel):
    """A share of the takes that are clearly heard, corrected for what the judge is known to mishear."""

    value: float
    interval: Interval


class GenreRow(BaseModel):
    """What came of one genre.

    Attributes:
        asked: the judge's label; ``typed``, the genre as the prompts name it; ``prompts``, all of them.
        heard: takes by label, the most heard first; ``unsure``, those without a clear genre; ``excluded``, those in
            which nothing could be heard, by reason.
        matched: takes heard as asked, of all that could be heard; ``corrected``, for the judge's mishearing, of those
            that are clearly heard; ``corrected_family``, those of its whole family likewise.
        corrected_verdict: what follows from these two with their intervals; absent where nothing was corrected.
        verdict: as a diagnosis of these takes gives it; ``relation``, of the genre most heard instead.
        judge_error: how often the judge mishears known clips of the genre.
    """

    asked: str
    typed: str
    family: str
    prompts: list[str]
    heard: dict[str, int]
    unsure: int
    excluded: dict[str, int]
    matched: Share
    corrected: CorrectedShare | None
    corrected_family: CorrectedShare | None = None
    corrected_verdict: CorrectedKind | None = None
    verdict: Kind
    sentence: str
    instead: str | None
    relation: Relation | None
    judge_error: Share | None
    badge: Badge = "observed"


class Explanation(BaseModel):
    """Why one prompt of a pair is heard as it is: what a diagnosis of it found.

    Attributes:
        prompt: what was diagnosed, with the takes from ``seed`` on; ``command``, the line that makes it again.
        about_pair: whether its takes were heard as the pair says; if not, it explains something else.
        told: what it found, in sentences with their badges.
        units: the set that does it, where one was verified; ``words``, those without which takes turn back.
        problem: why there is no diagnosis.
        seconds: what it took.
    """

    prompt: str
    seed: int
    command: str = ""
    about_pair: bool = False
    told: list[tuple[str, Badge | None]] = []
    units: list[str] = []
    words: list[str] = []
    problem: str | None = None
    seconds: float = 0.0


class ConfusedPair(BaseModel):
    """A genre asked for, and another that is heard.

    Attributes:
        share: takes heard so, of those that are clearly heard; ``corrected``, for the judge's mishearing.
        judge: how often the judge hears known clips of ``asked`` as ``heard``; absent where that was not measured.
        p: that the judge's own mishearing gives as many; ``q``, after Benjamini and Hochberg over all pairs.
        flagged: whether it is sure and often enough to be met.
        second: in how many of these takes a second judge hears the same, where one listens that knows the label.
    """

    asked: str
    heard: str
    relation: Relation
    share: Share
    corrected: CorrectedShare | None
    judge: Share | None
    p: float
    q: float
    flagged: bool
    second: Share | None = None
    why: Explanation | None = None
    badge: Badge = "observed"


class AttractorRow(BaseModel):
    """A label that takes are heard as whatever was asked for: its ``share`` of the takes that asked for something else,
    with the interval over genres; ``chance``, what it would be if misses went anywhere; ``judge``, how often the judge
    itself hears it in known clips of the others that were asked for, and ``judge_q``, that it is no rarer there;
    ``genres``, how many of those asked for have such takes. ``doubt``: why one that draws more than chance is still not
    ``sure``."""

    label: str
    share: Share
    interval: Interval
    genres: int
    chance: float
    judge: Share | None
    judge_q: float | None = None
    p: float
    q: float
    sure: bool
    doubt: str = ""
    badge: Badge = "observed"


class JudgeCorrection(BaseModel):
    """Whether what is heard was corrected for the judge's own confusion, and what that rests on: the ``condition``
    number of its matrix and the ``fewest_clips`` of a label; or ``reason``, why it was not. ``unmeasured``: so many
    labels have no clips, and no take is assumed to be of them."""

    used: bool
    reason: str | None = None
    condition: float | None = None
    fewest_clips: int | None = None
    unmeasured: int = 0


class CellExample(TakeResult):
    """A take of one cell of the matrix, to listen to; ``posterior`` holds the likeliest genre alone."""

    asked: str
    prompt: str


class Work(BaseModel):
    """How the takes were made: by which ``engine``; how many were there from an earlier run (``before``) of how many in
    all; takes a minute of the others; where they are kept; shards that were damaged and played again."""

    engine: str
    takes: int
    before: int
    per_minute: float
    folder: str
    damaged: int = 0


class SharedUnits(BaseModel):
    """Units that are in the verified sets of two ``pairs``, and how many would be ``by_chance``: of two sets of so many
    of all units at their sites."""

    pairs: tuple[str, str]
    units: list[str]
    by_chance: float


class ConfusionReport(BaseModel):
    """Which genres a generator confuses: with ``model``, ``judge`` and ``settings`` it can be made again.

    ``rows`` are the genres asked for; ``heard_labels`` all that the judge could have heard; ``pairs`` every pair that
    takes fell into, the surest first; ``examples`` a take of every cell; ``second`` another judge, and ``agreement``
    how far it hears the same.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    settings: ConfusionSettings
    rows: list[GenreRow]
    heard_labels: list[str]
    correction: JudgeCorrection
    pairs: list[ConfusedPair]
    agreement: Agreement | None = None
    second: Source | None = None
    attractors: list[AttractorRow]
    shared_units: list[SharedUnits]
    examples: list[CellExample]
    work: Work
    caveats: list[str]
    timings: dict[str, float] = {}

    @property
    def flagged(self) -> list[ConfusedPair]:
        """The pairs that are sure."""
        return [pair for pair in self.pairs if pair.flagged]
