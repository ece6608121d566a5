"""What a model folder says about itself beyond transformers' own files: ``tonescope.json``."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tonescope.models.errors import TonescopeError

METADATA_FILE = "tonescope.json"


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("a name has to hold something, and no line breaks or control characters")
    return text


def _template(text: str) -> str:
    if "{}" not in text or "{" in text.replace("{}", "") or "}" in text.replace("{}", ""):
        raise ValueError("every template has to say with {} where the label goes, and hold no other braces")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_name)]
Template = Annotated[str, Field(max_length=1_000), AfterValidator(_template)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Counts = tuple[tuple[Count, ...], ...]
TagKind = Literal["genre", "instrument", "vocals", "mood", "tempo", "sound", "era", "other"]


class _Strict(BaseModel):
    """A number is a number, not the text of one; infinities and NaN are none."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class LabelRow(_Strict):
    """A genre that a judge chooses, its family, and other names of it."""

    label: Name
    family: Name
    aliases: list[Name] = []


class TagRow(_Strict):
    """A tag that a tagger may hear: see :class:`tonescope.models.judges.tagger.Tag`."""

    tag: Name
    kind: TagKind
    means: str = ""
    family: str = ""


class ConfusionRecordRow(_Strict):
    """How often clips of a label (rows) were heard as each (columns), as they are and through the codec."""

    clean: Counts
    reconstructed: Counts
    calibration_error: Share


class MeaningRecordRow(_Strict):
    """How many prompts without a genre's name were read as one, how many of those rightly; and how many of those
    (``scenes``) that mean none."""

    read: Count
    right: Count
    scenes: Count
    scenes_read: Count

    @model_validator(mode="after")
    def _fits(self) -> MeaningRecordRow:
        if self.right > self.read or self.scenes_read > self.scenes:
            raise ValueError("of what was read no more can be right than was read")
        return self


class Metadata(_Strict):
    """What tonescope.json says.

    Of a generator: how long it can play, in how many steps, with how much shift and with what guidance it is meant to
    be played, the words it was trained on, and the sounds that it plays (``domain``). Of a judge: its labels, how it is
    asked, how often it was right, and the sounds that it knows. Of a tagger: its tags, and the data set that they are
    from.
    """

    longest_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    denoising_steps: Annotated[int, Field(ge=1, le=1_000)] | None = None
    shift: Annotated[float, Field(ge=0.1, le=100)] | None = None
    guidance: Annotated[float, Field(ge=1, le=20)] | None = None
    words: list[str] = []
    labels: list[LabelRow] = []
    templates: list[Template] = []
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] = 1.0
    bias: list[Annotated[float, Field(ge=-1e4, le=1e4)]] = []
    meaning: Share = 0.8
    meaning_record: MeaningRecordRow | None = None
    domain: str = ""
    record: ConfusionRecordRow | None = None
    tags: list[TagRow] = []
    data_set: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Metadata:
        self._check_names()
        names = [row.label for row in self.labels]
        if self.bias and len(self.bias) != len(names):
            raise ValueError("there has to be one bias for each label")
        square = [len(names)] * (len(names) + 1)
        for field in ("clean", "reconstructed") if self.record else ():
            part = getattr(self.record, field)
            if [len(part), *map(len, part)] != square:
                raise ValueError(f"record.{field} has to have one row and one column for each label")
            if empty := [name for name, row in zip(names, part, strict=True) if not sum(row)]:
                raise ValueError(f"record.{field} counts no clip of “{empty[0]}”, so it was not measured")
        return self

    def _check_names(self) -> None:
        names = [row.label for row in self.labels]
        if len(names) == 1:
            raise ValueError("labels: a judge chooses between two labels or more")
        if twice := [name for name, times in Counter(map(_plain, names)).items() if times > 1]:
            raise ValueError(
                f"labels: “{twice[0]}” is there more than once, and a judge chooses between labels, each of them once"
            )
        tags = Counter(row.tag for row in self.tags)
        if twice := [tag for tag, times in tags.items() if times > 1]:
            raise ValueError(f"tags: “{twice[0]}” is there more than once")
        owners = {_plain(name): name for name in names}
        for row in self.labels:
            for alias in row.aliases:
                if (owner := owners.setdefault(_plain(alias), row.label)) != row.label:
                    raise ValueError(f"labels: “{alias}” is a name of “{owner}” and of “{row.label}”")


def _plain(name: str) -> str:
    """A name as people compare names: capitals, accents' encoding, spaces and hyphens set aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("-", " ").replace("_", " ").split())


def read(folder: Path | None) -> Metadata:
    """What a folder, or that of a file, says about itself; the defaults where it says nothing.

    Raises :class:`TonescopeError`, naming the field, when that makes no sense.
    """
    path = (folder.parent if folder.is_file() else folder) / METADATA_FILE if folder else None
    if not path or not path.is_file():
        return Metadata()
    try:
        return Metadata.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, first["loc"]))
        reason = " ".join((f"{where}: {first['msg']}" if where else str(first["msg"])).split())
        raise TonescopeError(
            f"{path} does not say what it should ({reason.replace('Value error, ', '')}); "
            "save the model again, or delete the file."
        ) from error
