"""The judge: a CLAP model that says what a listener would hear. It never sees the generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import ClapFeatureExtractor, ClapModel, PreTrainedTokenizerBase

from tonescope.models.errors import TonescopeError
from tonescope.models.judges.mel import LogMel

ROWS = 8
LONGEST_TEXT = 77  # tokens that a text tower is given, as in training of the usual ones
DEFAULT_TEMPLATE = "This audio is a {} song."


@dataclass(frozen=True)
class ConfusionRecord:
    """Record of how good a judge is at a set of labels, measured on audio whose genre is known.

    ``confusion[i][j]`` counts clips of label i heard as j, on clean audio and on codec reconstructions.
    """

    labels: tuple[str, ...]
    clean: tuple[tuple[int, ...], ...]
    reconstructed: tuple[tuple[int, ...], ...]
    calibration_error: float


@dataclass(frozen=True)
class Calibration:
    """How a judge is asked.

    Attributes:
        templates: sentences around a label.
        temperature: divides the logits.
        bias: subtracted from each label's logit.
        meaning: how sure its text tower must be to read a genre out of a prompt that names none.
    """

    templates: tuple[str, ...] = (DEFAULT_TEMPLATE,)
    temperature: float = 1.0
    bias: tuple[float, ...] = ()
    meaning: float = 0.8


class Judge:
    """A CLAP model with a list of labels.

    Args:
        model, tokenizer, extractor: a ``ClapModel`` and its own tokenizer and feature extractor.
        name: what the user called it.
        labels: what it chooses between.
        hearing: how it is asked.
        track: how good it is, where that was measured.
        world: the sounds it knows ("the composer's pieces"), or empty for music at large.
    """

    def __init__(
        self, model: ClapModel, tokenizer: PreTrainedTokenizerBase, extractor: ClapFeatureExtractor, name: str, labels: Sequence[str],
        calibration: Calibration = Calibration(), record: ConfusionRecord | None = None, domain: str = "",
    ) -> None:  # fmt: skip
        self.model, self.tokenizer, self.name = model.eval(), tokenizer, name
        model.requires_grad_(False)
        self.mel, self._fuses = LogMel(extractor), bool(model.config.audio_config.enable_fusion)
        self.labels, self.calibration, self.record, self.domain = tuple(labels), calibration, record, domain
        self._label_embeddings = self._embed_labels()

    # --- embeddings --------------------------------------------------------------------------------------------------

    def embed_audio(self, waveform: Tensor, rate: int) -> Tensor:
        """Unit-length embeddings (takes, width) of (takes, samples) at ``rate`` Hz, the mean over windows; differentiable."""
        waveform = waveform.to(self.model.device, self.model.dtype)
        pieces = [self._embed(window) for window in self.windows(waveform, rate)]
        return torch.nn.functional.normalize(torch.stack(pieces).mean(0), dim=-1)

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
        return torch.nn.functional.normalize(_pooled(features), dim=-1)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Unit-length embeddings (texts, width)."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=LONGEST_TEXT, return_tensors="pt"
        ).to(self.model.device)
        return torch.nn.functional.normalize(_pooled(self.model.get_text_features(**batch)), dim=-1)

    def reads_all_of(self, text: str) -> bool:
        """Whether no end of a text is cut off before it is read."""
        return len(self.tokenizer(text)["input_ids"]) <= LONGEST_TEXT

    def _embed_labels(self) -> Tensor:
        rows = [
            self.embed_text([template.format(label) for template in self.calibration.templates]).mean(0)
            for label in self.labels
        ]
        return torch.nn.functional.normalize(torch.stack(rows), dim=-1)

    # --- opinions ----------------------------------------------------------------------------------------------------

    def scores(self, embeddings: Tensor) -> Tensor:
        """Calibrated logits (rows, labels) of audio embeddings."""
        logits = self.model.logit_scale_a.exp() * embeddings @ self._label_embeddings.T
        if self.calibration.bias:
            logits = logits - logits.new_tensor(self.calibration.bias)
        return logits / self.calibration.temperature

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        """Calibrated logits (takes, labels) of (takes, samples); differentiable."""
        return self.scores(self.embed_audio(waveform, rate))

    def contrast(self, logits: Tensor, label: str, foil: str | None) -> Tensor:
        """Log-odds (takes,), in logits (takes, labels), of one label over another, or over all others together."""
        index = self.labels.index(label)
        others = [self.labels.index(foil)] if foil else [*range(index), *range(index + 1, len(self.labels))]
        return logits[:, index] - logits[:, others].logsumexp(1)

    def margin(self, waveform: Tensor, rate: int, label: str, foil: str | None) -> Tensor:
        """The :meth:`contrast` in what is heard (takes,); differentiable."""
        return self.contrast(self.logits(waveform, rate), label, foil)

    @torch.no_grad()
    def listen(self, waveform: Tensor, rate: int) -> Tensor:
        """Calibrated logits (takes, labels) without gradients, a few takes at a time, on the CPU.

        Raises :class:`TonescopeError` when they are not numbers.
        """
        logits = torch.cat([self.logits(part, rate).cpu() for part in waveform.split(ROWS)])
        if not torch.isfinite(logits).all():
            raise TonescopeError(
                f"what {self.name} hears is not a number, so it is no judge; check its weights, or name another with --judge."
            )
        return logits

    def posterior(self, waveform: Tensor, rate: int) -> Tensor:
        """Probabilities (takes, labels)."""
        return torch.softmax(self.listen(waveform, rate), dim=-1)

    @torch.no_grad()
    def timeline(self, waveform: Tensor, rate: int, window: float, hop: float) -> tuple[list[float], Tensor]:
        """Probabilities over time: start times in seconds, and (times, takes, labels)."""
        size, step = int(window * rate), int(hop * rate)
        last = max(0, waveform.shape[-1] - size)
        starts = sorted({*range(0, last + 1, step), last})
        rows = torch.stack([self.posterior(waveform[:, start : start + size], rate) for start in starts])
        return [start / rate for start in starts], rows


def _pooled(features: Any) -> Tensor:
    """transformers 5 returns an object, 4 a tensor."""
    return features if isinstance(features, Tensor) else features.pooler_output
