"""What was heard in files as data: one pydantic schema behind terminal, report, page and JSON.

What is heard and measured in a file is *observed*. What the words of a prompt do is *tested* where takes are paired by
a seed that was seen to hold, else observed as well.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.audit.audit_schema import RepresentationRow
from tonescope.diagnose.confusion.confusion_schema import AttractorRow, ConfusedPair, GenreRow, JudgeCorrection
from tonescope.diagnose.judging.judge_agreement import Agreement
from tonescope.diagnose.schema import Badge, Source
from tonescope.diagnose.stats import Effect, Share

SCHEMA_VERSION = "1.0"

Obeyed = Literal["as asked", "counted otherwise", "related", "not as asked", "cannot be told"]
Aspect = Literal["genre", "tempo", "key"]


class Strict(BaseModel):
    """Nothing unknown is accepted, so that what was kept by another version is not taken for this one's."""

    model_config = ConfigDict(extra="forbid")


class WindowRow(Strict):
    """What a judge hears in one window, in seconds."""

    start: float
    end: float
    heard: str
    probability: float


class Judged(Strict):
    """What a judge hears in a file.

    ``probabilities`` are means over windows, ``median`` the median of what is heard most; ``steady`` is the share of
    windows that are heard as ``heard``. Where a judge does not know such sounds, nothing is claimed by them.
    """

    judge: str
    heard: str
    probability: float
    median: float
    steady: Share
    probabilities: dict[str, float]
    windows: list[WindowRow]


class TagRow(Strict):
    """A tag and how probable it is: the mean over windows."""

    name: str
    kind: str
    probability: float


class Tagged(Strict):
    """What a tagger hears in a file: its likeliest tags, and all of its genres, by their common names where they have
    one. Tags do not exclude one another."""

    tagger: str
    domain: str
    tags: list[TagRow]
    genres: dict[str, float] = {}


class TempoRow(Strict):
    """Beats a minute, what they may be counted as instead (each with its strength), how clear and steady they are."""

    bpm: float | None
    alternatives: list[tuple[float, float]]
    clarity: float
    steady: float | None
    confidence: Literal["clear", "weak", "none"]


class KeyRow(Strict):
    """Key: the best, its correlation, its margin over the next, the next ones, and whether it can be told."""

    key: str | None
    tonic: int | None
    mode: int | None
    correlation: float
    margin: float
    others: list[tuple[str, float]]
    clear: bool


class LoudnessRow(Strict):
    """Integrated loudness in LUFS, peak in dBFS, share of clipped samples, seconds of silence at the end."""

    integrated: float | None
    peak: float
    clipped: float
    silent_end: float


class RepetitionRow(Strict):
    """The time after which a file is most like itself, how much, in which share of it; or one sound throughout."""

    period: float | None
    similarity: float
    share: float
    steady: bool


class SecondRow(Strict):
    """One second: the mean log-probability of a code (nats), and how much more probable the prompt makes it than a
    neutral one, where a prompt is known."""

    second: float
    log_probability: float
    by_prompt: float | None


class ResponseRow(Strict):
    """A unit: how far it is from its mean, in what units there usually are from zero; and when it is farthest."""

    unit: str
    response: float
    active: float
    usual: float
    peak_second: float


class SurrogateTrace(Strict):
    """What an open generator makes of a file that it did not play: never a trace of the model that did.

    ``codec_db`` is how far its codec's version of the sound is from the sound (long-term spectrum); ``chance`` the
    log-probability of a code drawn blindly.
    """

    surrogate: str
    start: float
    end: float
    prompt: str
    neutral: str
    codec_db: float
    chance: float
    log_probability: float
    seconds: list[SecondRow]
    units: list[ResponseRow]


class Heard(Strict):
    """What is heard and measured in one file, whatever it is called and whatever was asked: kept by its content."""

    seconds: float
    rate: int
    channels: int
    notes: list[str]
    judged: list[Judged]
    tags: list[Tagged]
    tempo: TempoRow
    key: KeyRow
    loudness: LoudnessRow
    repetition: RepetitionRow


class Adherence(Strict):
    """One thing that the prompt asks for, beside what is heard."""

    aspect: Aspect
    asked: str
    heard: str
    obeyed: Obeyed
    sentence: str


class FileResult(Strict):
    """One file. ``same_as`` names an earlier file of the same content. ``unchecked`` are the parts of its prompt that
    nothing here can hold against the sound; ``asked``, the label of the judge that it asks for."""

    badge: Badge = "observed"
    name: str
    digest: str
    prompt: str | None
    heard: Heard
    adherence: list[Adherence]
    unchecked: list[str] = []
    surrogate: SurrogateTrace | None = None
    same_as: str | None = None
    asked: str | None = None


class AskedGenres(Strict):
    """Files by the genre that their prompt asks for and the genre heard, as a confusion report counts takes: ``rows``
    by genre, ``heard_labels`` all that could be heard, confused ``pairs``, ``attractors``, and whether that is
    corrected for the judge's own mistakes; and how much of each genre is heard (``representation``)."""

    rows: list[GenreRow]
    heard_labels: list[str]
    correction: JudgeCorrection
    pairs: list[ConfusedPair]
    attractors: list[AttractorRow]
    representation: list[RepresentationRow]

    @property
    def flagged(self) -> list[ConfusedPair]:
        """The pairs that are sure."""
        return [pair for pair in self.pairs if pair.flagged]


class PassagePlace(Strict):
    """A part of a file: from which second on and up to which."""

    name: str
    start: float
    end: float


class FilePassage(Strict):
    """A passage that comes again in several files, by their sound: where, and in how many of those that were compared;
    the prompts of these; the most landmarks that shuffled files share by ``chance``; files of the user's own that hold
    it."""

    badge: Badge = "observed"
    seconds: float
    share: Share
    places: list[PassagePlace]
    prompts: list[str]
    chance: int
    library: list[str]


class LeftOut(Strict):
    """A file that was not heard, and why."""

    name: str
    reason: str


class WordFromOutside(Strict):
    """What leaving out a phrase, or all but the genre, does to files made elsewhere.

    ``paired``: take by take on one seed. ``margin`` is the change of the listener's log-odds of ``target`` when the
    phrase is left out, absent where nobody knows such sounds; ``sound_db`` how far the long-term spectrum moves, beside
    ``other_seeds_db``, how far takes of one prompt are from one another.
    """

    variant: str
    left_out: str
    prompt: str
    takes: int
    paired: bool
    badge: Badge
    target: str | None
    margin: Effect | None
    q: float | None
    with_it: Share | None
    without_it: Share | None
    tempo: Effect | None
    sound_db: float | None
    other_seeds_db: float | None
    sentence: str


class WordsFromOutside(Strict):
    """The test of a prompt's words on files made elsewhere. ``seeds_hold`` says whether one request that was made twice
    gave the same sound twice; ``None``, where none was. ``listener`` is who says what is heard."""

    prompt: str
    service: str
    listener: str | None
    seeds_hold: bool | None
    words: list[WordFromOutside]
    missing: list[str]


class Listening(Strict):
    """What was heard in files that were made elsewhere.

    ``genres`` is there where prompts of several files name one; ``passages``, where files were compared with one
    another; ``library``, in how many of them each file of the user's comes.
    """

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    judges: list[Source]
    domains: dict[str, str]
    summary: str
    files: list[FileResult]
    left_out: list[LeftOut]
    heard: dict[str, Share]
    obeyed: dict[Aspect, Share]
    agreement: Agreement | None
    words: WordsFromOutside | None
    genres: AskedGenres | None = None
    passages: list[FilePassage] | None = None
    library: dict[str, int] = {}
    surrogate: Source | None
    caveats: list[str]
    timings: dict[str, float] = {}
