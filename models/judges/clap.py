"""A CLAP model as a judge: audio and labels share an embedding space, and cosine similarities are the logits.

Wu et al. 2023, arXiv 2211.06687.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers import ClapFeatureExtractor, ClapModel, PreTrainedTokenizerBase

from tonescope.models.fingerprint import fingerprint
from tonescope.models.judges.calibration import Calibration, ConfusionRecord, MeaningRecord
from tonescope.models.judges.mel import LogMel

LONGEST_TEXT = 77  # tokens that a text tower is given, as in training of the usual ones


class Clap:
    """A CLAP model with a list of labels: a :class:`tonescope.models.judges.judge.Judge` with a text tower.

    Args:
        model, tokenizer, extractor: a ``ClapModel`` and its own tokenizer and feature extractor.
        name: what the user called it.
        labels: what it chooses between.
        calibration: how the labels are worded, and how logits become probabilities.
        record: how often it mishears, where that was measured.
        domain: the sounds it knows, or empty for music at large.
    """

    def __init__(
        self,
        model: ClapModel,
        tokenizer: PreTrainedTokenizerBase,
        extractor: ClapFeatureExtractor,
        name: str,
        labels: Sequence[str],
        *,
        calibration: Calibration = Calibration(),
        record: ConfusionRecord | None = None,
        domain: str = "",
    ) -> None:
        self.model, self.tokenizer, self.name = model.eval(), tokenizer, name
        model.requires_grad_(False)
        self.mel, self._fuses = LogMel(extractor), bool(model.config.audio_config.enable_fusion)
        self.labels, self.calibration, self.record, self.domain = tuple(labels), calibration, record, domain
        self._label_embeddings = self._embed_labels()

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def description(self) -> str:
        """The kind of model, and between how many labels it chooses."""
        return f"CLAP choosing between {len(self.labels)} genres"

    @property
    def window_seconds(self) -> float:
        """Length of the audio that the model hears at once."""
        return self.mel.window_seconds

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

    def fingerprint(self) -> str:
        """Tells apart models that share a name, by a stretch of every weight."""
        return fingerprint(self.model)

    # --- opinions -----------------------------------------------------------------------------------------------------

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        """Calibrated logits (takes, labels) of (takes, samples) at ``rate`` Hz; differentiable."""
        return self.scores(self.embed_audio(waveform, rate))

    def read_prompt(self, text: str) -> Tensor:
        """How probable it is that a text means each label (labels,)."""
        return torch.softmax(self.scores(self.embed_text([text])), dim=-1)[0]

    @torch.no_grad()
    def likeness(self, waveform: Tensor, rate: int, text: str) -> Tensor:
        """Cosine similarity (takes,) of takes with a text."""
        return self.embed_audio(waveform, rate) @ self.embed_text([text])[0]

    def reads_all_of(self, text: str) -> bool:
        """Whether no end of a text is cut off before it is read."""
        return len(self.tokenizer(text)["input_ids"]) <= LONGEST_TEXT

    def scores(self, embeddings: Tensor) -> Tensor:
        """Calibrated logits (rows, labels) of embeddings (rows, width) of audio or text."""
        logits = self.model.logit_scale_a.exp() * embeddings @ self._label_embeddings.T
        if self.calibration.bias:
            logits = logits - logits.new_tensor(self.calibration.bias)
        return logits / self.calibration.temperature

    # --- embeddings ---------------------------------------------------------------------------------------------------

    def embed_audio(self, waveform: Tensor, rate: int) -> Tensor:
        """Unit-length embeddings (takes, width) of (takes, samples) at ``rate`` Hz; differentiable.

        Of audio longer than a window it is the mean over windows.
        """
        waveform = waveform.to(self.device, self.dtype)
        pieces = [self._embed(window) for window in self.windows(waveform, rate)]
        return normalize(torch.stack(pieces).mean(0), dim=-1)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Unit-length embeddings (texts, width)."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=LONGEST_TEXT, return_tensors="pt"
        ).to(self.device)
        return normalize(_pooled(self.model.get_text_features(**batch)), dim=-1)

    def windows(self, waveform: Tensor, rate: int) -> list[Tensor]:
        """Cut (takes, samples) into windows the model can hear; the last one ends with the audio."""
        audio, size = self.mel.resample(waveform, rate), self.mel.window_samples
        if audio.shape[-1] <= size:
            return [self.mel.fit(audio)]
        starts = [*range(0, audio.shape[-1] - size, size), audio.shape[-1] - size]
        return [audio[:, start : start + size] for start in starts]

    def _embed(self, window: Tensor) -> Tensor:
        mel = self.mel(window)
        # Models that fuse several crops of long audio are given one crop, and told that it is not long.
        fused = {"is_longer": mel.new_zeros(len(mel), 1, dtype=torch.bool)} if self._fuses else {}
        features = self.model.get_audio_features(input_features=mel, **fused)
        return normalize(_pooled(features), dim=-1)

    def _embed_labels(self) -> Tensor:
        rows = [
            self.embed_text([template.format(label) for template in self.calibration.templates]).mean(0)
            for label in self.labels
        ]
        return normalize(torch.stack(rows), dim=-1)


def _pooled(features: Any) -> Tensor:
    """transformers 5 returns an object, 4 a tensor."""
    return features if isinstance(features, Tensor) else features.pooler_output
