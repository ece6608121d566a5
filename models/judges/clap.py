"""A CLAP model as a judge: audio and labels share an embedding space, and cosine similarities are the logits.

Wu et al. 2023, arXiv 2211.06687.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers import ClapFeatureExtractor, ClapModel, PreTrainedTokenizerBase

from tonescope.models.judges.calibration import Calibration, ConfusionRecord
from tonescope.models.judges.clap_places import ClapPlaces
from tonescope.models.judges.mel import LogMel
from tonescope.models.judges.two_towers import TwoTowers, cut

LONGEST_TEXT = 77  # tokens that a text tower is given, as in training of the usual ones


class Clap(TwoTowers):
    """A CLAP model with a list of labels.

    Args:
        model, tokenizer, extractor: a ``ClapModel`` and its own tokenizer and feature extractor.
        name, labels, calibration, record, domain: see :class:`tonescope.models.judges.two_towers.TwoTowers`.
    """

    longest_text, kind = LONGEST_TEXT, "CLAP"

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
        self.mel, self._fuses = LogMel(extractor), bool(model.config.audio_config.enable_fusion)
        super().__init__(model, tokenizer, name, labels, calibration=calibration, record=record, domain=domain)

    @property
    def window_seconds(self) -> float:
        """Length of the audio that the model hears at once."""
        return self.mel.window_seconds

    @cached_property
    def places(self) -> ClapPlaces:
        """Its units, for who looks into it (:mod:`tonescope.models.judges.judge_places`)."""
        return ClapPlaces(self.model, self.name)

    def windows(self, waveform: Tensor, rate: int) -> list[Tensor]:
        """Windows of (takes, samples); audio shorter than one is made as long."""
        audio, size = self.mel.resample(waveform, rate), self.mel.window_samples
        return [self.mel.fit(audio)] if audio.shape[-1] <= size else cut(audio, size)

    def hear(self, window: Tensor) -> Tensor:
        """Unit-length embeddings (takes, width) of one window."""
        mel = self.mel(window)
        # Models that fuse several crops of long audio are given one crop, and told that it is not long.
        fused = {"is_longer": mel.new_zeros(len(mel), 1, dtype=torch.bool)} if self._fuses else {}
        return normalize(_pooled(self.model.get_audio_features(input_features=mel, **fused)), dim=-1)

    def read(self, texts: Sequence[str]) -> Tensor:
        """Unit-length embeddings (texts, width)."""
        return normalize(_pooled(self.model.get_text_features(**self._tokens(texts))), dim=-1)

    def join(self, embeddings: Tensor) -> Tensor:
        """The direction of the mean."""
        return normalize(embeddings.mean(0), dim=-1)

    def similarity(self, embeddings: Tensor, others: Tensor) -> Tensor:
        """Scaled cosine similarities."""
        logits: Tensor = self.model.logit_scale_a.exp() * embeddings @ others.T
        return logits


def _pooled(features: Any) -> Tensor:
    """transformers 5 returns an object, 4 a tensor."""
    return features if isinstance(features, Tensor) else features.pooler_output
