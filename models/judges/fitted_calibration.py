"""What clips of known labels say about a judge, as one file: a safetensors file whose header holds the rest as JSON.

It belongs to one judge: these weights, these labels, asked in these words. For another it is refused.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.metadata import Count, Counts

SCHEMA_VERSION: Literal["1.0"] = "1.0"
FILE = "calibration.safetensors"
HEADER = "tonescope_calibration"
WEIGHT, OFFSET = "probe.weight", "probe.offset"
LARGEST = 2**28  # bytes of a file

Rate = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class JudgeIdentity(_Strict):
    """Which judge a calibration is of: the fingerprint of its ``weights``, its labels, the ``wordings`` around them."""

    name: str
    weights: str
    labels: tuple[str, ...]
    wordings: tuple[str, ...]

    @property
    def key(self) -> str:
        """Tells apart judges that differ in anything but their name."""
        return _digest([self.weights, self.labels, self.wordings])

    def differs_in(self, other: JudgeIdentity) -> str:
        """In what two judges differ, in words; empty where they are the same but for their names."""
        if self.weights != other.weights:
            return f"the weights of {self.name}"
        if self.labels != other.labels:
            return f"{len(self.labels)} labels such as “{self.labels[0]}”"
        return "other words around its labels" if self.wordings != other.wordings else ""


class SkippedClip(_Strict):
    """A file that was not used, and why."""

    name: str
    reason: str


class CalibrationCard(_Strict):
    """A calibration, but for the weights of its probe.

    Attributes:
        judge: what it was fitted to, and is refused without.
        made, versions: when, and with which libraries.
        source: the clips, in words; ``digest``, of the content of all of them with their labels.
        through: the generator whose codec the clips passed as well; absent, where they were heard as they are alone.
        temperature: divides the logits of audio (Guo et al. 2017).
        bias: subtracted from the logits of audio, one a label; empty for none.
        probed: whether logits of audio are those of a probe on embeddings, and not similarities with labels.
        clean, reconstructed: clips of each label (rows) clearly heard as each (columns), as they are and after the
            codec; ``reconstructed`` is empty without one. ``abstained``: clips of each label that were not.
        threshold: how probable a label has to be to count as clearly heard; ``measured_threshold``, the least above
            which no more than ``target_error`` of clips are misheard, where there is one.
        error_before, error_after: expected calibration error without and with all this, in clips not fitted on.
        accuracy_before, accuracy_after: share of clips heard rightly, likewise.
        clips: clips of each label; ``groups``, how many sources they are from; ``skipped``, files that were not used.
    """

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    judge: JudgeIdentity
    made: str
    versions: dict[str, str]
    source: str
    digest: str
    through: str | None = None
    temperature: Annotated[float, Field(gt=0, le=1e6)]
    bias: tuple[float, ...] = ()
    probed: bool = False
    clean: Counts
    reconstructed: Counts = ()
    abstained: tuple[Count, ...]
    threshold: Rate
    measured_threshold: Rate | None = None
    target_error: Rate
    error_before: Rate
    error_after: Rate
    accuracy_before: Rate
    accuracy_after: Rate
    clips: tuple[Count, ...]
    groups: Count
    skipped: tuple[SkippedClip, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> CalibrationCard:
        labels = len(self.judge.labels)
        if len(self.clips) != labels or len(self.abstained) != labels or len(self.bias) not in (0, labels):
            raise ValueError("clips, abstained and bias need one number for each label")
        for table in (self.clean, self.reconstructed):
            if table and [len(table), *map(len, table)] != [labels] * (labels + 1):
                raise ValueError("a confusion table needs one row and one column for each label")
        if labels < 2 or not self.clean:
            raise ValueError("it says nothing of two labels or more")
        return self

    @property
    def key(self) -> str:
        """Its content, the weights of a probe aside (which follow from the clips)."""
        return _digest(self.model_dump(mode="json"))

    @property
    def record(self) -> ConfusionRecord:
        """What it says of how often the judge mishears."""
        return ConfusionRecord(
            self.judge.labels,
            self.clean,
            self.reconstructed,
            self.error_after,
            source=self.source,
            through=self.through or "",
            unclear=sum(self.abstained),
            threshold=self.threshold,
        )


@dataclass(frozen=True)
class Probe:
    """A linear probe on embeddings of audio (rows, width): logits ``embeddings @ weight.T + offset``.

    Labels that it was never shown have a very low offset, and are never heard.
    """

    weight: Tensor
    offset: Tensor

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Logits (rows, labels)."""
        weight, offset = self.weight.to(embeddings), self.offset.to(embeddings)
        logits: Tensor = embeddings @ weight.T + offset
        return logits


@dataclass(frozen=True)
class FittedCalibration:
    """A calibration: its card, and its probe where it has one."""

    card: CalibrationCard
    probe: Probe | None = None

    def check(self, judge: JudgeIdentity) -> None:
        """Raise :class:`TonescopeError` where it was fitted to another judge."""
        if other := self.card.judge.differs_in(judge):
            raise TonescopeError(
                f"this calibration was fitted to {other}, and {judge.name} is another judge, so it says nothing of it; "
                "leave --calibration out, or run tonescope judge calibrate with this judge."
            )

    def logits(self, embeddings: Tensor, similarity: Tensor) -> Tensor:
        """Calibrated logits (rows, labels) of embeddings of audio (rows, width), of which ``similarity`` are the
        judge's own."""
        logits = similarity if self.probe is None else self.probe(embeddings)
        if self.card.bias:
            logits = logits - logits.new_tensor(self.card.bias)
        return logits / self.card.temperature

    def save(self, path: Path) -> None:
        """Write it whole. Raises :class:`TonescopeError` where the disk refuses."""
        tensors = {} if self.probe is None else {WEIGHT: self.probe.weight, OFFSET: self.probe.offset}
        whole = {name: tensor.detach().float().contiguous().cpu() for name, tensor in tensors.items()}
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(safetensors.torch.save(whole, {HEADER: self.card.model_dump_json()}))
            part.replace(path)
        except OSError as error:
            raise TonescopeError(
                f"the calibration cannot be kept in {path.parent} ({error.strerror or error}); free some space, or "
                "give another folder with --out."
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> FittedCalibration:
        """Read a file. Raises :class:`TonescopeError` for what is none."""
        shown = str(path)[:200]
        try:
            if not path.is_file():
                raise FileNotFoundError(2, "no such file")
            if path.stat().st_size > LARGEST:
                raise ValueError("it is far too large")
            with safe_open(path, framework="pt") as file:
                told = (file.metadata() or {}).get(HEADER)
                if told is None:
                    raise ValueError("it holds no calibration")
                version = str(json.loads(told).get("schema_version"))
                if version != SCHEMA_VERSION:
                    raise ValueError(f"it is of version {version[:20]}, and {SCHEMA_VERSION} is read")
                card = CalibrationCard.model_validate_json(told)
                probe = _probe(card, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (OSError, ValueError, AttributeError, SafetensorError) as error:
            raise TonescopeError(
                f"{shown} cannot be used as a calibration ({_reason(error)}); give a file that tonescope judge "
                "calibrate wrote."
            ) from error
        return cls(card, probe)


def _probe(card: CalibrationCard, tensors: dict[str, Tensor]) -> Probe | None:
    if not card.probed:
        return None
    weight, offset, labels = tensors.get(WEIGHT), tensors.get(OFFSET), len(card.judge.labels)
    if weight is None or offset is None or weight.shape[:1] != offset.shape or offset.shape != (labels,):
        raise ValueError("its probe does not fit its labels")
    if weight.dim() != 2 or not bool(torch.isfinite(weight).all() and torch.isfinite(offset).all()):
        raise ValueError("its probe is no table of numbers")
    return Probe(weight, offset)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else str(first["msg"])
    if isinstance(error, SafetensorError):
        return "it is cut off, or no safetensors file"
    return " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]


def _digest(parts: object) -> str:
    return sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:24]


def identity_of(name: str, weights: str, labels: Sequence[str], wordings: Sequence[str]) -> JudgeIdentity:
    """Which judge this is."""
    return JudgeIdentity(name=name, weights=weights, labels=tuple(labels), wordings=tuple(wordings))
