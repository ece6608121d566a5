"""The audit as data: one pydantic schema behind terminal, page, HTML, Markdown and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.audit.checklist import ChecklistRow
from tonescope.diagnose.audit.power import Forecast, PowerRow
from tonescope.diagnose.audit.thresholds import ThresholdRow
from tonescope.diagnose.confusion.confusion_schema import (
    AttractorRow,
    ConfusedPair,
    GenreRow,
    JudgeCorrection,
    Work,
)
from tonescope.diagnose.judging.judge_agreement import Agreement
from tonescope.diagnose.schema import Badge, Source, TakeResult
from tonescope.diagnose.stats import Interval, Share

if TYPE_CHECKING:
    from tonescope.diagnose.audit.representation import Estimate

SCHEMA_VERSION = "1.0"

FindingKind = Literal[
    "confusion", "under-represented", "misleading word", "default", "ignored tempo", "absent instrument", "repetition"
]
"""What can be found: a genre played as another; one that is heard too seldom; a word that brings a genre; a genre that
comes when none is asked for; a genre that does not follow tempo words where others do; an instrument that asking for
does not bring; a passage that comes again."""


class Value(BaseModel):
    """A number and its interval."""

    value: float
    interval: Interval

    @classmethod
    def of(cls, found: Estimate | Share) -> Value:
        """A share or an estimate as data."""
        return cls(value=found.value, interval=Interval(low=found.low, high=found.high))


class Finding(BaseModel):
    """Something that is surely not as it should be.

    Attributes:
        kind: what it is; ``where``, the genre, word or passage; ``heard``, the genre that comes instead.
        sentence: in words; ``effect``, its size with the interval; ``q``, after Benjamini and Hochberg in its kind,
            where it was found by a test.
    """

    kind: FindingKind
    where: str
    heard: str = ""
    sentence: str
    effect: Value
    q: float | None = None
    badge: Badge = "observed"


class DesignRecord(BaseModel):
    """What was declared before the run: the whole design as it was read, and its ``hash``.

    ``hash`` is of the design, of every prompt with its takes and of how they are played; ``declared_at``, when.
    ``prompts`` by their kind; ``combinations`` that there are with words, of which so many were ``played``; ``takes``
    in all; ``source``, the file.
    """

    name: str
    hash: str
    source: str
    declared: dict[str, Any]
    prompts: dict[str, int]
    combinations: int
    played: int
    takes: int
    declared_at: str


class AuditSettings(BaseModel):
    """How takes were played; ``seed`` gives every prompt noise of its own, the same in every audit."""

    seconds: float
    seed: int
    guidance: float
    temperature: float
    top_k: int


class ControlRow(BaseModel):
    """What the judge hears in known recordings of a genre after the codec: ``right`` of them, and ``heard`` instead;
    ``source``, whose recordings."""

    genre: str
    right: Share
    heard: dict[str, int]
    source: str


class RepresentationRow(BaseModel):
    """A genre's share of what is clearly heard (``share``), of its ``reference`` share; ``measured``, whether it is
    known how often the judge mishears it."""

    genre: str
    share: Share
    reference: float
    ratio: Value
    q: float
    measured: bool
    flagged: bool


class GapRow(BaseModel):
    """Of groups of takes (``by`` genre or by the levels of a factor): the ``worst`` and ``best`` adherence, and the
    ``gap`` between them."""

    by: str
    worst: str
    worst_share: Share
    best: str
    best_share: Share
    gap: Value


class Defaults(BaseModel):
    """What neutral prompts play: takes by genre, the one that is ``top``, how even they are (0 to 1), and whether
    ``top`` surely has most of them."""

    prompts: list[str]
    heard: dict[str, int]
    unclear: int
    top: str | None
    top_share: Share
    evenness: Value | None
    flagged: bool


class WordRow(BaseModel):
    """What a word does: ``heard`` comes in ``share`` of the takes that name it (and ask for another genre), and in
    ``without`` of the others; ``difference`` is taken genre by genre."""

    factor: str
    word: str
    heard: str
    share: Share
    without: Share
    difference: Value
    q: float
    flagged: bool


class TempoRow(BaseModel):
    """Takes that asked for a tempo: ``meaning`` in beats a minute, those as asked, those as asked where the beat is
    counted half or twice as fast, the others, and those without a beat."""

    word: str
    meaning: str
    as_asked: Share
    counted_otherwise: int
    otherwise: int
    no_beat: int


class FollowRow(BaseModel):
    """How likely a take that asked for a fast tempo is faster than one that asked for a slow one; one half is no
    difference."""

    genre: str
    faster: Value
    q: float
    flagged: bool


class KeyRow(BaseModel):
    """Takes that asked for a key: those whose clear key is the one asked for, of those with a clear key."""

    word: str
    as_asked: Share
    unclear: int


class InstrumentRow(BaseModel):
    """Whether an instrument is heard where it is asked for: how likely such a take is nearer to its name (by the
    ``listener``) than one that does not ask for it; one half is no difference."""

    instrument: str
    listener: str
    nearer: Value
    q: float
    flagged: bool


class DiversityRow(BaseModel):
    """How many different takes a genre has of ``takes``: the Vendi score of the judge's embeddings."""

    genre: str
    takes: int
    vendi: Value


class DepthRow(BaseModel):
    """What a probe of a layer tells of the genre that is heard, on prompts that it has not seen."""

    layer: int
    right: Share


class DepthResult(BaseModel):
    """Probes of all layers; ``decided``, the first whose probe comes near the best; ``chance``, without any."""

    layers: list[DepthRow]
    chance: float
    decided: int | None


class PassageRow(BaseModel):
    """A passage that comes again: in ``share`` of the takes that were compared, for which ``prompts`` and ``genres``.

    ``by`` says by what it was found; ``confirmed``, how many pairs of takes sound alike there as well; ``most_of``, the
    genre in whose takes it comes most, with ``most_share``; ``library``, files of the user's that hold it.
    """

    seconds: float
    share: Share
    prompts: list[str]
    genres: list[str]
    most_of: str
    most_share: Share
    by: Literal["symbols and sound", "sound"]
    confirmed: float
    chance: int
    library: list[str]
    flagged: bool


class AuditExample(TakeResult):
    """A take to listen to: what it asked for, in which words, and what it is an example of (``about``)."""

    asked: str
    prompt: str
    about: str


class Signature(BaseModel):
    """Who answers for a report: a ``name``, the day, and hashes of what it rests on. It is a statement and no
    cryptographic signature."""

    name: str
    date: str
    design: str
    model: str
    judge: str
    takes: str


class AuditReport(BaseModel):
    """What a generator plays over a design, with everything that a release team signs.

    ``planned_only`` is the result of a dry run: design, power and forecast, and nothing that was heard. ``second`` is
    another judge, and ``agreement`` how far it hears the same; ``unread``, levels of tempos and keys that cannot be
    held against the sound.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    second: Source | None = None
    design: DesignRecord
    settings: AuditSettings
    power: list[PowerRow]
    forecast: Forecast | None
    planned_only: bool
    command: str
    findings: list[Finding] = []
    rows: list[GenreRow] = []
    heard_labels: list[str] = []
    control: list[ControlRow] = []
    control_source: str = ""
    correction: JudgeCorrection | None = None
    pairs: list[ConfusedPair] = []
    agreement: Agreement | None = None
    attractors: list[AttractorRow] = []
    representation: list[RepresentationRow] = []
    gaps: list[GapRow] = []
    defaults: Defaults | None = None
    words: list[WordRow] = []
    tempo: list[TempoRow] = []
    follows: list[FollowRow] = []
    keys: list[KeyRow] = []
    unread: list[str] = []
    instruments: list[InstrumentRow] = []
    diversity: list[DiversityRow] = []
    depth: DepthResult | None = None
    passages: list[PassageRow] = []
    library: dict[str, int] = {}
    exclusions: dict[str, int] = {}
    unclear: int = 0
    thresholds: list[ThresholdRow] = []
    checklist: list[ChecklistRow] = []
    limits: list[str] = []
    signature: Signature | None = None
    examples: list[AuditExample] = []
    passage_examples: list[AuditExample] = []
    work: Work | None = None
    caveats: list[str] = []
    timings: dict[str, float] = {}

    @property
    def passed(self) -> bool | None:
        """Whether every threshold was shown to be kept; ``None`` where there are none."""
        return all(row.outcome == "passed" for row in self.thresholds) if self.thresholds else None

    @property
    def flagged_pairs(self) -> list[ConfusedPair]:
        """The confusions that are sure."""
        return [pair for pair in self.pairs if pair.flagged]
