"""The diagnosis as data: one pydantic schema behind the terminal, the page, the report and JSON.

Every claim carries a badge: *observed* was measured in these takes, *estimated* was computed from gradients, or
predicted in a few parallel passes, *tested* was measured by changing one thing and listening again, in fresh takes
beside the same takes untouched; *verified* is what was tested and is sure (its q-value is below
:data:`.stats.BELIEVED`, of sound that is intact).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.judge_agreement import Agreement
from tonescope.diagnose.judging.verdict import Heard, Verdict
from tonescope.diagnose.search_schema import SearchRecord as SearchRecord
from tonescope.diagnose.search_schema import Tried as Tried
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, Share
from tonescope.diagnose.trial_schema import Badge as Badge
from tonescope.diagnose.trial_schema import SoundChange as SoundChange
from tonescope.diagnose.trial_schema import Trial as Trial
from tonescope.diagnose.trial_schema import badge_of

SCHEMA_VERSION = "4.2"


class TakeResult(BaseModel):
    """One take: what was heard in it.

    ``posterior`` holds the likeliest genres and the one asked for. ``margin`` is the judge's log-odds of
    ``question.label`` over ``question.against``.
    """

    badge: Badge = "observed"
    seed: int
    heard: str
    probability: float
    margin: float
    posterior: dict[str, float]
    audio: str | None = None


class Contrast(BaseModel):
    """The contrast that everything below is about: why ``label`` and not ``foil``, or where that is absent, not
    anything else?"""

    target: str
    foil: str | None = None

    @property
    def other(self) -> str:
        """What the label is held against, in words."""
        return self.foil or "anything else"


Player = Literal["decoder", "denoiser"]
Where = Literal["nowhere", "text encoder", Player, "codec and judge", "unclear"]


class ReferenceClips(BaseModel):
    """What the judge hears in clips that truly are of the genre asked for: counts, as they are and through the
    generator's codec."""

    clips: int
    clean: dict[str, int]
    reconstructed: dict[str, int]


class Blame(BaseModel):
    """Where a confusion is made, and what that rests on: ``location``, where a set of units there was found and muted.

    ``nearest`` is the genre word whose projected text states are closest to the prompt's; ``similarity`` are centred
    cosine similarities to the asked genre and to the heard one; ``misheard`` is how often codec and judge turn known
    audio of the asked genre into the heard one, where that was measured: in the user's ``known`` clips, or beside the
    judge; ``bare`` is what came of the bare genre word in place of the prompt.
    """

    where: Where
    location: str | None = None
    sentence: str
    badge: Badge = "observed"
    nearest: str | None = None
    similarity: tuple[float, float] | None = None
    misheard: Share | None = None
    known: ReferenceClips | None = None
    bare: Trial | None = None


class UnitDriver(BaseModel):
    """A unit that was muted alone.

    ``role``: a ``member`` of the set that does it, an ``alternate`` (it turns takes back in the place of a member), or
    a ``candidate``. ``estimated`` is the change of the margin by its gradient; ``searched`` the measured one in the
    takes that it was chosen by, which flatters the strongest; ``verified`` the measured one in fresh takes. ``control``
    is the same for a random unit of the same place and activity, ``difference`` is effect minus control, take by take,
    and the ``q`` of ``verified`` belongs to it; it is absent where the sound of the control broke. ``set_without`` is
    what the set does without this member, ``in_place`` what it does with this alternate in the place of a member.
    ``brings`` is in how many takes of another prompt the target is heard once its activations are put in: none, and it
    is not what makes the confusion. One that was muted in the search alone is ``observed``, and not ``tested``.
    """

    unit: str
    role: Literal["member", "alternate", "candidate"] = "candidate"
    estimated: Effect | None = None
    searched: Effect | None = None
    verified: Trial | None = None
    control: Trial | None = None
    difference: Effect | None = None
    set_without: Trial | None = None
    in_place: Trial | None = None
    brings: Share | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        if trial := self.in_place or self.verified:
            return trial.badge
        return "observed" if self.searched else "estimated"

    @property
    def needed(self) -> bool | None:
        """Whether the set does less without it: fewer than half of its takes turn back."""
        if self.set_without is None or not self.set_without.flippable:
            return None
        return 2 * self.set_without.flips < self.set_without.flippable


class Dose(BaseModel):
    """The group's activations multiplied by ``scale``; 1 would be the clean take.

    ``control`` are the random units of the group test at the same strength, ``difference`` and ``q`` as for a
    :class:`UnitDriver`.
    """

    scale: float
    trial: Trial
    control: Trial | None = None
    difference: Effect | None = None


FoundBy = Literal["alone", "together", "location", "gradients"]


class GroupTest(BaseModel):
    """The set of units that was found, mean-ablated together, beside ``control_units`` random units of the same places
    and activity.

    ``names`` are its units, or one whole location; ``units`` counts them. ``found_by``: one unit that turns takes back
    ``alone``; some that do so only ``together``, none of which can be left out; a whole ``location``; or, where no
    small set does it, the strongest by ``gradients``. ``searched`` is its effect in the takes that it was chosen by,
    where it was measured there. ``muted`` and ``control`` are of fresh takes that are heard as the target, more than
    those that everything is tested in where few of those are; of these as they are where there are too few after all.
    Every take has a random draw of its own, so that intervals cover the draw.
    ``difference`` is effect minus control, take by take, and ``q`` belongs to it: where muting found the
    set, it is the one hypothesis of the search, and tested alone. ``convincing``: the difference is
    below zero with its whole interval, ``q`` is below 0.05, there were as many random units, and the sound of both is
    intact.
    """

    names: list[str]
    found_by: FoundBy
    units: int
    control_units: int
    searched: Effect | None
    muted: Trial
    control: Trial
    difference: Effect
    q: float | None = None
    doses: list[Dose] = []
    convincing: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return "verified" if self.convincing else "tested"

    @property
    def turns(self) -> bool:
        """Whether it turns at least half of the fresh takes back, beyond its control, and that is sure."""
        return self.convincing and 2 * self.muted.flips >= max(1, self.muted.flippable)


class Sufficiency(BaseModel):
    """Whether the set brings the confusion: its activations, put into takes of ``prompt``, which is one that is not
    heard as the target, where such a prompt was found; ``before`` says how it is heard.

    ``before`` is that prompt as it is, ``put_in`` the same takes with the set's activations of the prompt in question,
    ``random`` those with the activations of as many random units of the same places and activity (their trial is
    ``control``), absent where those could not be kept; ``effect`` is the change of the margin beside them, or else
    beside that prompt as it is, take by take. Without a control nothing is sure.
    """

    prompt: str
    before: Share
    put_in: Share
    random: Share | None = None
    effect: Effect
    q: float | None = None
    trial: Trial
    control: Trial | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return badge_of(self.q, not self.trial.sound.broke)

    @property
    def brings(self) -> bool:
        """Whether most takes are then heard as the target, and that is sure."""
        return self.badge == "verified" and 2 * self.put_in.count > self.put_in.total and self.effect.mean > 0


class CutPoint(BaseModel):
    """The set muted only from ``second`` on: before it, the take is as it was."""

    second: float
    trial: Trial


class StepCut(BaseModel):
    """When in the denoising the set matters: muted only from ``step`` on (``from_on``), of ``steps`` from 0, and only
    before it (``until``). Late steps start from what early ones made."""

    step: int
    steps: int
    from_on: Trial
    until: Trial


class Exclusion(BaseModel):
    """Whether a thing that the prompt refuses came because it was named, in the tested takes.

    ``how``: it is a genre that the judge hears (``label``): in ``named`` of the takes as they are, in ``left_out`` of
    the same takes without the words; or the judge compares sound with its name (``likeness``): ``named`` takes are
    nearer to it with the words than without; or the judge cannot tell (``unheard``). ``p`` is that of an exact sign
    test over the pairs of takes, ``q`` the same over all that the prompt refuses (Benjamini and Hochberg 1995); absent
    where the words were not left out. Of fewer than six takes nothing is sure.
    """

    thing: str
    how: Literal["label", "likeness", "unheard"]
    label: str | None = None
    named: Share | None = None
    left_out: Share | None = None
    p: float | None = None
    q: float | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return "observed" if self.p is None else badge_of(self.q)


class WordDriver(BaseModel):
    """A word or phrase of the prompt, and what it refuses ("no drums" negates "drums"): the
    estimated change of the margin without it (predicted, see
    :mod:`tonescope.diagnose.attribution.jacobi_prediction`; its gradient alone where it cannot be left out, or is one
    of very many), and the measured one where it was left out."""

    word: str
    start: int
    end: int
    known: bool
    kind: Literal[
        "genre", "instrument", "tempo", "key", "metre", "negated", "era", "mood", "lyrics", "structure", "other"
    ] = "other"
    negates: str | None = None
    in_pieces: bool = False
    exclusions: list[Exclusion] = []
    estimated: Effect
    verified: Trial | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return self.verified.badge if self.verified else "estimated"


class SecondDriver(BaseModel):
    """A stretch of time: the probabilities heard around it, and the change of the margin when it falls silent in the
    tested takes."""

    start: float
    end: float
    target_probability: float
    foil_probability: float
    estimated: Effect
    verified: Effect
    q: float | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return badge_of(self.q)


class Drivers(BaseModel):
    """What drove the output. ``tested`` are the fresh takes, untouched, that every trial is compared with.

    ``group`` and what follows from it are absent from a quick diagnosis. ``units`` are those that were muted alone,
    by what they were measured to do. ``cut_points`` tell from which second on muting no longer helps,
    ``step_cuts`` in which denoising steps it does.
    """

    tested: list[TakeResult]
    units: list[UnitDriver] = []
    group: GroupTest | None = None
    search: SearchRecord | None = None
    sufficiency: Sufficiency | None = None
    cut_points: list[CutPoint] = []
    step_cuts: list[StepCut] = []
    words: list[WordDriver]
    seconds: list[SecondDriver]


class SettingSuspect(BaseModel):
    """A setting that is not what the checkpoint is made to be played with: the first thing to change."""

    name: Literal["denoising steps", "shift", "guidance"]
    used: float
    recommended: float


class Source(BaseModel):
    """A model or judge as it was used. ``fingerprint`` tells apart those that share a name; ``calibration`` says of a
    judge how it was calibrated, or that it was not, and ``opened_with`` what else was asked for (``labels``,
    ``calibration``)."""

    name: str
    description: str
    device: str
    dtype: str
    fingerprint: str
    calibration: str | None = None
    opened_with: dict[str, str] = {}


class Cost(BaseModel):
    """Memory that was expected beside the models, in GiB (a generous guess where that is little), and the batches
    that follow from it."""

    generation_gib: float
    attribution_gib: float
    rows_generated_together: int
    takes_attributed_together: int


class MetBookmark(BaseModel):
    """A unit among the causes that somebody saved before: what it was called, its notes and tags."""

    unit: str
    name: str
    notes: str = ""
    tags: list[str] = []


class Diagnosis(BaseModel):
    """The whole finding about one prompt: with ``prompt``, ``model``, ``judge``, ``settings`` and what is
    ``intended`` it can be made again.

    ``agreement`` is that with a second judge, where one listened to the takes that were heard first.
    ``recommended`` are the settings that the model is made to be played with, as far as it says, by name, and
    ``suspects`` those that were others. ``bookmarks`` are units among the causes that were saved before. ``made`` is
    the day, ``versions`` those of the libraries that decide what is played.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    prompt: str
    model: Source
    judge: Source
    settings: Settings
    intended: Intent
    perceived: Heard
    verdict: Verdict
    contrast: Contrast
    blame: Blame
    takes: list[TakeResult]
    drivers: Drivers
    agreement: Agreement | None = None
    recommended: dict[str, float] = {}
    suspects: list[SettingSuspect] = []
    estimated_units: int
    bookmarks: list[MetBookmark] = []
    caveats: list[str]
    cost: Cost
    timings: dict[str, float]
