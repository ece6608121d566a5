"""What will probably be heard, predicted from a prompt's text states alone: no take is played.

A multinomial logistic regression on the mean over tokens of the states that the generator reads, fitted on takes that
the same generator played (:mod:`tonescope.diagnose.repair.fit_predictor`). It belongs to one generator and one list of
labels, and carries the record of how well it predicted prompts that it was not fitted on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.stats import Share
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator

if TYPE_CHECKING:
    from tonescope.models.judges.judge import Judge

WEIGHTS_FILE = "genre_predictor.safetensors"  # its record is in its header, so that both are always of one fit
RECORD_FILE = "genre_predictor.json"  # beside the weights of those that were shipped before that
RECORD = "record"  # of the header
FORMAT = 1


class PredictorRecord(BaseModel):
    """What a predictor was fitted on, and how well it predicts prompts that were held out.

    Attributes:
        generator: fingerprint of the generator; ``judge``, of who heard; ``judge_name``, what that is called.
        labels: what it chooses between.
        prompts, takes: how many it was fitted on.
        accuracy: prompts whose most heard genre was predicted, each by a fit without that prompt;
            ``baseline_accuracy``, the same by the genre that it names (where it names none, the one heard most).
        calibration_error: expected calibration error over takes of held-out prompts, in ten bins.
        log_loss: nats a take, held out; ``base_log_loss``, of the shares of genres alone.
        temperature: by which logits are divided, fitted on held-out predictions. What is told of those of a fold was
            predicted with the one that is best for the others.
        seconds, guidance: how the takes were played.
    """

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    made: str
    generator: str
    judge: str
    judge_name: str
    labels: tuple[str, ...]
    prompts: int
    takes: int
    accuracy: Share
    baseline_accuracy: Share
    calibration_error: float
    log_loss: float
    base_log_loss: float
    temperature: float
    seconds: float
    guidance: float

    @property
    def sentence(self) -> str:
        """Its record in one sentence."""
        right, named = self.accuracy, self.baseline_accuracy
        return (
            f"On prompts that it was not fitted on, the predictor names the genre that is heard most in {right}, "
            f"“the genre that is named” in {named}; its calibration error is {self.calibration_error:.2f}."
        )

    @property
    def holds_for(self) -> str:
        """Which takes it predicts, in one sentence."""
        return (
            f"It predicts takes of {self.seconds:g} s at guidance {self.guidance:g}; on others, and on prompts "
            "that are worded quite otherwise, it was not measured."
        )


@dataclass(frozen=True)
class GenrePredictor:
    """A fitted predictor: ``weight`` (labels, width), ``bias`` (labels,), and its record."""

    weight: Tensor
    bias: Tensor
    record: PredictorRecord

    @property
    def labels(self) -> tuple[str, ...]:
        """What it chooses between."""
        return self.record.labels

    @torch.no_grad()
    def predict(self, generator: Generator, prompts: Sequence[str], seconds: float | None = None) -> Tensor:
        """Probabilities (prompts, labels), all prompts in as few batches of the text encoder as they may share.

        Raises:
            TonescopeError: a prompt is too long to be read.
        """
        states = pooled(generator, prompts, seconds)
        return ((states @ self.weight.T + self.bias) / self.record.temperature).softmax(-1)

    def save(self, folder: Path) -> None:
        """Write weights and record: one file, which appears whole."""
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{WEIGHTS_FILE}.{os.getpid()}.tmp"
        tensors = {"weight": self.weight.contiguous(), "bias": self.bias.contiguous()}
        try:
            save_file(tensors, temporary, {RECORD: self.record.model_dump_json()})
            temporary.replace(folder / WEIGHTS_FILE)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> GenrePredictor:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` for anything else."""
        try:
            with safe_open(folder / WEIGHTS_FILE, "pt") as file:
                told = (file.metadata() or {}).get(RECORD)
                weight, bias = (file.get_tensor(name).float() for name in ("weight", "bias"))
            record = PredictorRecord.model_validate_json(
                (folder / RECORD_FILE).read_text(encoding="utf-8") if told is None else told
            )
        except (OSError, SafetensorError, ValidationError, UnicodeDecodeError) as error:
            raise TonescopeError(
                f"{folder} holds no genre predictor that can be read; make one with tonescope predictor."
            ) from error
        if record.format != FORMAT or bias.shape != (len(record.labels),) or len(weight) != len(bias):
            raise TonescopeError(
                f"the genre predictor in {folder} does not fit together; make it anew with tonescope predictor."
            )
        return cls(weight, bias, record)


def pooled(generator: Generator, prompts: Sequence[str], seconds: float | None = None) -> Tensor:
    """The mean over tokens of the states of each prompt, as the network that plays reads them: (prompts, width)."""
    rows: dict[int, Tensor] = {}
    with torch.no_grad():
        for group in generator.batches(prompts):
            text = generator.read_text([prompts[row] for row in group], seconds)
            mask = text.mask.to(text.states)[..., None]
            means = (text.states * mask).sum(1) / mask.sum(1).clamp_min(1)
            rows |= dict(zip(group, means.float().cpu(), strict=True))
    return torch.stack([rows[row] for row in range(len(prompts))])


def kept_folder(generator: Generator, labels: Sequence[str]) -> Path:
    """Where the predictor of a generator and some labels is kept, if it is not shipped with the model."""
    told = json.dumps([FORMAT, generator.fingerprint(), list(labels)])
    return cache_folder() / "predictors" / hashlib.sha256(told.encode()).hexdigest()[:24]


def find_predictor(generator: Generator, judge: Judge) -> GenrePredictor | None:
    """The predictor of these models: made here before, or shipped; ``None`` where there is none that can be read.

    It has to be of this very generator and of the judge's labels. Whether this judge heard the takes that it was fitted
    on is in its record.
    """
    return seek_predictor(generator, judge)[0]


def seek_predictor(generator: Generator, judge: Judge) -> tuple[GenrePredictor | None, str]:
    """The same, and what is to be said of one that is there and damaged."""
    shipped = [generator.folder] if generator.folder else []
    damaged = ""
    for folder in (kept_folder(generator, judge.labels), *shipped):
        if not (folder / WEIGHTS_FILE).is_file():
            continue
        try:
            found = GenrePredictor.load(folder)
        except TonescopeError:
            damaged = "the predictor that was made for it is damaged."
            continue
        if found.record.generator == generator.fingerprint() and found.labels == tuple(judge.labels):
            return found, damaged
    return None, damaged
