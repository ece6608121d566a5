"""A judge of two towers, one for audio and one for text, whose embeddings of what belongs together are alike.

What such models share: labels are read once, logits are similarities with them, prompts are read by the same text
tower, and long audio is heard in windows. A model is a subclass that says how a window is heard and a text is read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import PreTrainedTokenizerBase

from tonescope.models.errors import TonescopeError
from tonescope.models.fingerprint import fingerprint
from tonescope.models.judges.calibration import Calibration, ConfusionRecord, MeaningRecord
from tonescope.models.judges.fitted_calibration import FittedCalibration, JudgeIdentity, identity_of


class TwoTowers(ABC):
    """Audio and labels in one space: a :class:`tonescope.models.judges.judge.Judge` with a text tower.

    Args:
        model, tokenizer: a model of transformers and its own tokenizer.
        name: what the user called it.
        labels: what it chooses between.
        calibration: how the labels are worded, and how logits become probabilities.
        record: how often it mishears, where that was measured.
        domain: the sounds it knows, or empty for music at large.

    Attributes:
        fitted: what clips of known labels say about how it hears; ``None`` for what it was made with. How it reads
            texts stays as it is.
        opened_with: what was asked for beside its name (``labels``, ``calibration``), so that it can be opened again.
    """

    longest_text: int  # tokens that the text tower is given
    kind: str  # what people call the model

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        labels: Sequence[str],
        *,
        calibration: Calibration = Calibration(),
        record: ConfusionRecord | None = None,
        domain: str = "",
    ) -> None:
        self.model, self.tokenizer, self.name = model.eval(), tokenizer, name
        model.requires_grad_(False)
        self.labels, self.calibration, self.record, self.domain = tuple(labels), calibration, record, domain
        self.fitted: FittedCalibration | None = None
        self.opened_with: dict[str, str] = {}
        self._label_embeddings = self._embed_labels()

    # --- what a model says of itself ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def window_seconds(self) -> float:
        """Length of the audio that the model hears at once."""

    @abstractmethod
    def windows(self, waveform: Tensor, rate: int) -> list[Tensor]:
        """Windows that the model can hear, of (takes, samples) at ``rate`` Hz; the last one ends with the audio."""

    @abstractmethod
    def hear(self, window: Tensor) -> Tensor:
        """Embeddings (takes, width) of one window; differentiable."""

    @abstractmethod
    def read(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (texts, width)."""

    @abstractmethod
    def join(self, embeddings: Tensor) -> Tensor:
        """One embedding (..., width) of several (several, ..., width): of windows, or of wordings of a label."""

    @abstractmethod
    def similarity(self, embeddings: Tensor, others: Tensor) -> Tensor:
        """The model's own logits (rows, others) of embeddings (rows, width) and (others, width)."""

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def description(self) -> str:
        """The kind of model, and between how many labels it chooses."""
        return f"{self.kind} choosing between {len(self.labels)} genres"

    @property
    def meaning_threshold(self) -> float:
        """How probable a genre has to be for a prompt that names none to be read as asking for it."""
        return self.calibration.meaning_threshold

    @property
    def meaning_record(self) -> MeaningRecord | None:
        """How often such a reading was right; ``None`` where it was not measured."""
        return self.calibration.meaning_record

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        device: torch.device = self.model.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        dtype: torch.dtype = self.model.dtype
        return dtype

    @property
    def identity(self) -> JudgeIdentity:
        """Which judge a calibration would be of: its weights, its labels, and the words around them."""
        return identity_of(self.name, fingerprint(self.model), self.labels, self.calibration.templates)

    def fingerprint(self) -> str:
        """Tells apart judges that share a name: by a stretch of every weight, labels, wordings and calibration."""
        fitted = self.fitted.card.key if self.fitted else ""
        return sha256(f"{self.identity.key} {self.calibration!r} {fitted}".encode()).hexdigest()[:16]

    @property
    def width(self) -> int:
        """Of its embeddings."""
        return int(self._label_embeddings.shape[-1])

    # --- what it can be told ------------------------------------------------------------------------------------------

    def choose_between(self, labels: Sequence[str], templates: Sequence[str] = ()) -> None:
        """Choose between other labels, asked in the words of ``templates``, or in its own.

        What was measured with the labels that it had is put aside: bias, temperature, records. Raises
        :class:`TonescopeError` for fewer than two labels.
        """
        if len(set(labels)) < max(2, len(labels)):
            raise TonescopeError("a judge chooses between two labels or more, each of them once; name others.")
        had = self.calibration
        wordings = tuple(templates) or had.templates
        self.labels, self.record, self.fitted = tuple(labels), None, None
        self.calibration = Calibration(wordings, meaning_threshold=had.meaning_threshold)
        self._label_embeddings = self._embed_labels()

    def calibrate(self, fitted: FittedCalibration) -> None:
        """Hear as a calibration says. Raises :class:`TonescopeError` for one of another judge."""
        fitted.check(self.identity)
        self.fitted, self.record = fitted, fitted.card.record

    def forget_fitted(self) -> None:
        """Hear as it was made to again; what was measured of it is put aside."""
        self.fitted, self.record = None, None

    # --- opinions -----------------------------------------------------------------------------------------------------

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        """Calibrated logits (takes, labels) of (takes, samples) at ``rate`` Hz; differentiable."""
        return self.audio_scores(self.embed_audio(waveform, rate))

    def read_prompt(self, text: str) -> Tensor:
        """How probable it is that a text means each label (labels,)."""
        return torch.softmax(self.scores(self.embed_text([text])), dim=-1)[0]

    @torch.no_grad()
    def likeness(self, waveform: Tensor, rate: int, text: str) -> Tensor:
        """Cosine similarity (takes,) of takes with a text."""
        return cosine_similarity(self.embed_audio(waveform, rate), self.embed_text([text]), dim=-1)

    def reads_all_of(self, text: str) -> bool:
        """Whether no end of a text is cut off before it is read."""
        return len(self.tokenizer(text)["input_ids"]) <= self.longest_text

    def audio_scores(self, embeddings: Tensor) -> Tensor:
        """Calibrated logits (rows, labels) of embeddings (rows, width) of audio."""
        if self.fitted is None:
            return self.scores(embeddings)
        return self.fitted.logits(embeddings, self.label_similarity(embeddings))

    def label_similarity(self, embeddings: Tensor) -> Tensor:
        """Similarities (rows, labels) of embeddings (rows, width) with the labels, without any calibration."""
        return self.similarity(embeddings, self._label_embeddings)

    def scores(self, embeddings: Tensor) -> Tensor:
        """Logits (rows, labels) of embeddings (rows, width), with the calibration that the judge was made with."""
        logits = self.label_similarity(embeddings)
        if self.calibration.bias:
            logits = logits - logits.new_tensor(self.calibration.bias)
        return logits / self.calibration.temperature

    # --- embeddings ---------------------------------------------------------------------------------------------------

    def embed_audio(self, waveform: Tensor, rate: int) -> Tensor:
        """Embeddings (takes, width) of (takes, samples) at ``rate`` Hz; differentiable."""
        waveform = waveform.to(self.device, self.dtype)
        return self.join(torch.stack([self.hear(window) for window in self.windows(waveform, rate)]))

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (texts, width)."""
        return self.read(texts)

    def _embed_labels(self) -> Tensor:
        wordings = ([template.format(label) for template in self.calibration.templates] for label in self.labels)
        return torch.stack([self.join(self.embed_text(worded)) for worded in wordings])

    def _tokens(self, texts: Sequence[str]) -> Any:
        return self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.longest_text, return_tensors="pt"
        ).to(self.device)


def cut(audio: Tensor, size: int) -> list[Tensor]:
    """Windows (takes, size) of (takes, samples), of one window at least; the last one ends with the audio."""
    starts = [*range(0, audio.shape[-1] - size, size), audio.shape[-1] - size]
    return [audio[:, start : start + size] for start in starts]
