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
from tonescope.diagnose.judging.verdict import Heard, Verdict
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import BELIEVED, Effect, Share, share

SCHEMA_VERSION = "3.1"
Badge = Literal["observed", "estimated", "tested", "verified"]


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
    takes of intact sound. ``q`` is its p-value after Benjamini-Hochberg over everything tested in the diagnosis.
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
        return _badge(self.q, not self.sound.broke)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def flipped(self) -> Share:
        """``flips`` of ``flippable`` with its interval."""
        return share(self.flips, self.flippable)


def _badge(q: float | None, intact: bool = True) -> Badge:
    return "verified" if q is not None and q < BELIEVED and intact else "tested"


Player = Literal["decoder", "denoiser"]
Where = Literal["nowhere", "text encoder", Player, "codec and judge", "unclear"]


class ReferenceClips(BaseModel):
    """What the judge hears in clips that truly are of the genre asked for: counts, as they are and through the
    generator's codec."""

    clips: int
    clean: dict[str, int]
    reconstructed: dict[str, int]


class Blame(BaseModel):
    """Where a confusion is made, and what that rests on.

    ``nearest`` is the genre word whose projected text states are closest to the prompt's; ``similarity`` are centred
    cosine similarities to the asked genre and to the heard one; ``misheard`` is how often codec and judge turn known
    audio of the asked genre into the heard one, where that was measured: in the user's ``known`` clips, or beside the
    judge; ``bare`` is what came of the bare genre word in place of the prompt.
    """

    where: Where
    sentence: str
    badge: Badge = "observed"
    nearest: str | None = None
    similarity: tuple[float, float] | None = None
    misheard: Share | None = None
    known: ReferenceClips | None = None
    bare: Trial | None = None


class UnitDriver(BaseModel):
    """A unit: the estimated change of the margin if it alone is mean-ablated, and the measured one where that was done.

    ``control`` is the same for a random unit of the same place and activity, ``difference`` is effect minus control,
    take by take, and the ``q`` of ``verified`` belongs to it; it is absent where the sound of the control broke.
    """

    unit: str
    estimated: Effect
    verified: Trial | None = None
    control: Trial | None = None
    difference: Effect | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        return self.verified.badge if self.verified else "estimated"


class Dose(BaseModel):
    """The group's activations multiplied by ``scale``; 1 would be the clean take.

    ``control`` are the random units of the group test at the same strength, ``difference`` and ``q`` as for a
    :class:`UnitDriver`.
    """

    scale: float
    trial: Trial
    control: Trial | None = None
    difference: Effect | None = None


class GroupTest(BaseModel):
    """The strongest units mean-ablated together, beside ``control_units`` random units of the same places and activity.

    ``estimated`` is what a few parallel passes predict in the takes that the units were chosen by (see
    :mod:`tonescope.diagnose.attribution.jacobi_prediction`). Every take has a random draw of its own, so that
    intervals cover the draw. ``difference`` is effect minus control, take by take, and ``q`` belongs to it.
    ``convincing``: the difference is below zero with its whole interval, ``q`` is below 0.05, there were as many
    random units, and the sound of both is intact.
    """

    units: int
    control_units: int
    estimated: Effect
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


class Exclusion(BaseModel):
    """Whether a thing that the prompt refuses came because it was named, in the tested takes.

    ``how``: it is a genre that the judge hears (``label``): in ``named`` of the takes as they are, in ``left_out`` of
    the same takes without the words; or the judge compares sound with its name (``likeness``): ``named`` takes are
    nearer to it with the words than without; or the judge cannot tell (``unheard``). ``p`` is that of an exact sign
    test over the pairs of takes; absent where the words were not left out.
    """

    thing: str
    how: Literal["label", "likeness", "unheard"]
    label: str | None = None
    named: Share | None = None
    left_out: Share | None = None
    p: float | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def badge(self) -> Badge:
        if self.p is None:
            return "observed"
        return "verified" if self.p < BELIEVED else "tested"


class WordDriver(BaseModel):
    """A word or phrase of the prompt, and what it refuses ("no drums" negates "drums"): the
    estimated change of the margin without it (predicted, see
    :mod:`tonescope.diagnose.attribution.jacobi_prediction`; its gradient alone where it cannot be left out, or is one
    of very many), and the measured one where it was left out."""

    word: str
    start: int
    end: int
    known: bool
    kind: Literal["genre", "instrument", "tempo", "key", "metre", "negated", "era", "mood", "other"] = "other"
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
        return _badge(self.q)


class Drivers(BaseModel):
    """What drove the output. ``tested`` are the fresh takes, untouched, that every trial is compared with."""

    tested: list[TakeResult]
    units: list[UnitDriver]
    group: GroupTest | None
    words: list[WordDriver]
    seconds: list[SecondDriver]


class Source(BaseModel):
    """A model or judge as it was used. ``fingerprint`` tells apart weights that share a name."""

    name: str
    description: str
    device: str
    dtype: str
    fingerprint: str


class Cost(BaseModel):
    """Memory that was expected beside the models, in GiB (a generous guess where that is little), and the batches
    that follow from it."""

    generation_gib: float
    attribution_gib: float
    rows_generated_together: int
    takes_attributed_together: int


class Diagnosis(BaseModel):
    """The whole finding about one prompt: with ``prompt``, ``model``, ``judge``, ``settings`` and what is
    ``intended`` it can be made again.

    ``made`` is the day, ``versions`` those of the libraries that decide what is played.
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
    estimated_units: int
    caveats: list[str]
    cost: Cost
    timings: dict[str, float]
