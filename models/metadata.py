"""What a model folder says about itself beyond transformers' own files: ``tonescope.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError, model_validator

from tonescope.models.errors import TonescopeError

METADATA_FILE = "tonescope.json"
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Counts = tuple[tuple[int, ...], ...]


class LabelRow(BaseModel):
    """A genre that a judge chooses, its family, and other names of it."""

    label: str = Field(min_length=1)
    family: str
    aliases: list[str] = []


class ConfusionRecordRow(BaseModel):
    """How often clips of a label (rows) were heard as each (columns), as they are and through the codec."""

    clean: Counts
    reconstructed: Counts
    calibration_error: float


class Metadata(BaseModel):
    """Of a generator: how long it can play, and the words it was trained on. Of a judge: see :class:`tonescope.models.judges.clap.Calibration` and
    :class:`tonescope.models.judges.clap.ConfusionRecord`."""

    longest_seconds: Positive = 30.0
    words: list[str] = []
    labels: list[LabelRow] = []
    templates: list[str] = []
    temperature: Positive = 1.0
    bias: list[Annotated[float, Field(allow_inf_nan=False)]] = []
    meaning: float = 0.8
    domain: str = ""
    record: ConfusionRecordRow | None = None

    @model_validator(mode="after")
    def _fits(self) -> Metadata:
        names = [row.label for row in self.labels]
        if len(names) == 1 or len(set(names)) < len(names):
            raise ValueError("a judge chooses between two labels or more, each of them once")
        if self.bias and len(self.bias) != len(names):
            raise ValueError("there has to be one bias for each label")
        if any(template.replace("{}", "").count("{") or "{}" not in template for template in self.templates):
            raise ValueError("every template has to say with {} where the label goes")
        square = [len(names)] * (len(names) + 1)
        if self.record and any(
            [len(part), *map(len, part)] != square for part in (self.record.clean, self.record.reconstructed)
        ):
            raise ValueError("the record has to have one row and one column for each label")
        return self


def read(folder: Path | None) -> Metadata:
    """What a folder says about itself; the defaults where it says nothing. Raises :class:`TonescopeError` when that makes no sense."""
    path = folder / METADATA_FILE if folder else None
    if not path or not path.is_file():
        return Metadata()
    try:
        return Metadata.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else str(first["msg"])
        raise TonescopeError(
            f"{path} does not say what it should ({reason.removeprefix('Value error, ')}); save the model again, or delete the file."
        ) from error
