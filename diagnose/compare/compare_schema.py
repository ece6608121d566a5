"""A comparison as data (pydantic)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.compare.paired_statistics import Measured
from tonescope.diagnose.schema import Source

SCHEMA_VERSION = "1.0"


class Side(BaseModel):
    """One of the two: a model, or a folder of takes. ``source`` is the model's."""

    name: str
    source: Source | None = None
    takes: int = 0


class GenreRow(BaseModel):
    """Takes that ask for a genre: how many are heard as it in A and in B, and as what mostly."""

    genre: str
    takes: int
    first: int
    second: int
    first_heard: dict[str, int]
    second_heard: dict[str, int]


class TempoRow(BaseModel):
    """Prompts with one tempo word (or none): median beats a minute in A and in B, and how much faster B is, in
    octaves (1 is twice as fast)."""

    word: str
    takes: int
    first: float | None
    second: float | None
    faster: Measured | None


class Behaviour(BaseModel):
    """What a listener notices.

    Attributes:
        paired: whether every take of A has one of B on the same prompt and noise (or of the same file name).
        hit_first, hit_second: share of takes heard as the genre asked for; ``hit_change``, their difference.
        heard_change: share of pairs that are heard as something else; ``distance``, how far apart what the judge
            hears is, 0 to 1 (total variation).
        obeys_first, obeys_second: how much faster takes of “fast” are than those of “slow”, in octaves;
            ``obeys_change``, their difference.
        faster: how much faster B is on the same prompts, whatever their tempo words, in octaves.
        genres, tempos: the same, row by row.
    """

    paired: bool
    hit_first: Measured | None = None
    hit_second: Measured | None = None
    hit_change: Measured | None = None
    heard_change: Measured | None = None
    distance: Measured | None = None
    obeys_first: Measured | None = None
    obeys_second: Measured | None = None
    obeys_change: Measured | None = None
    faster: Measured | None = None
    genres: list[GenreRow] = []
    tempos: list[TempoRow] = []


class MovedUnit(BaseModel):
    """A unit whose activity on the same codes is no longer what it was: the correlation with the unit of the same
    address, and the unit of B that is most like it."""

    unit: str
    in_place: float | None
    nearest: str
    correlation: float


class LikenessRow(BaseModel):
    """A location on the same codes in both: linear CKA with ``other`` (the same place, or of models of different depth
    the one most like it); of its live units, the mean correlation with the best match (and, ``matched_by_chance``, with
    that of what is out of step), the share whose best match has the same address, and those that moved most."""

    location: str
    other: str
    cka: float
    units: int
    matched: float
    matched_by_chance: float | None = None
    in_place: float | None
    moved: list[MovedUnit] = []


class BookmarkRow(BaseModel):
    """A bookmarked unit: how much it is what it was. ``changed`` is below the threshold of the comparison; one that
    is not ``active`` did nothing in either model on these codes."""

    unit: str
    name: str
    in_place: float | None
    nearest: str
    correlation: float
    changed: bool
    active: bool = True


class PartRow(BaseModel):
    """Weights of one place that differ.

    Attributes:
        part: a location, or the path of what is in no layer.
        change: how far they differ, as a share of their size.
        brings: with B's weights there, A does so much of what B does, on the same codes; ``takes_away``, with A's
            there, B loses so much of it. 1 is all.
    """

    part: str
    change: float
    brings: Measured | None
    takes_away: Measured | None


class GraftRow(BaseModel):
    """Fresh takes of A with B's weights in some places.

    Attributes:
        parts: which; ``control``: whether they are there for comparison alone.
        same: takes that are B's own, of ``takes``, those in which A and B differ.
        brings: the share of the way from A to B that what the judge hears goes, and ``brings_tempo``, the tempo.
        q: that nothing is brought, over all places that were tested.
        carries: whether most takes are B's own, or most of the way is gone; ``verified``, whether that is sure and
            another place does not do as much; ``doubt``, why not, of one that carries.
        beside: the places that it was held against.
    """

    parts: list[str]
    control: bool
    same: int
    takes: int
    brings: Measured | None
    brings_tempo: Measured | None
    q: float | None = None
    carries: bool = False
    verified: bool = False
    doubt: str = ""
    beside: list[str] = []


class Comparison(BaseModel):
    """What was found.

    Attributes:
        first, second: A and B.
        named: the places that carry the change, by what was played; empty where none does. Whether that is sure, its
            graft says (``verified``).
        likeness, bookmarks, parts, grafts: empty where the two cannot be held against each other so, which ``caveats``
            then say.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    judge: Source
    first: Side
    second: Side
    prompts: list[str]
    seconds: float
    seed: int
    behaviour: Behaviour
    likeness: list[LikenessRow] = []
    bookmarks: list[BookmarkRow] = []
    parts: list[PartRow] = []
    grafts: list[GraftRow] = []
    named: list[str] = []
    caveats: list[str] = []
    timings: dict[str, float] = {}
