"""A PE-Audio model (Perception Encoder) as a judge: audio and labels share an embedding space.

Vyas et al. 2025, "Pushing the Frontier of Audiovisual Perception with Large-Scale Multimodal Correspondence Learning",
arXiv 2512.19687. Audio and text were brought together pair by pair (a sigmoid loss): a logit is a scaled inner product,
and between labels their softmax is taken here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedTokenizerBase

from tonescope.models.judges.resampling import resample
from tonescope.models.judges.two_towers import TwoTowers, cut

WINDOW_SECONDS = 10.0  # the model hears clips of any length; those of its training are about as long
LONGEST_TEXT = 512


class PeAudio(TwoTowers):
    """A PE-Audio model with a list of labels.

    Args:
        model, tokenizer: a ``PeAudioModel`` and its own tokenizer.
        rate, hop: sampling rate in Hz, and samples of one frame of its codec.
        name, settings: see :class:`tonescope.models.judges.two_towers.TwoTowers`.
    """

    longest_text, kind = LONGEST_TEXT, "PE-Audio"

    def __init__(
        self, model: Any, tokenizer: PreTrainedTokenizerBase, rate: int, hop: int, name: str, **settings: Any
    ) -> None:
        self.rate, self._hop = rate, hop
        model.audio_encoder.embedder.register_forward_hook(_with_gradients)
        super().__init__(model, tokenizer, name, **settings)

    @property
    def window_seconds(self) -> float:
        """Length of the audio that is heard at once."""
        return WINDOW_SECONDS

    def windows(self, waveform: Tensor, rate: int) -> list[Tensor]:
        """Windows of (takes, samples); the whole of shorter audio, made whole frames as the model's extractor does."""
        audio, size = resample(waveform, rate, self.rate), round(WINDOW_SECONDS * self.rate)
        size -= size % self._hop
        return [_whole_frames(audio, self._hop)] if audio.shape[-1] <= size else cut(audio, size)

    def hear(self, window: Tensor) -> Tensor:
        """Embeddings (takes, width) of one window."""
        embeddings: Tensor = self.model.get_audio_embeds(window[:, None])
        return embeddings

    def read(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (texts, width)."""
        tokens = self._tokens(texts)
        # The library's own get_text_audio_embeds does not ask for the hidden states that it needs (transformers 5.23).
        found = self.model.text_model(**tokens, output_hidden_states=True, return_dict=True)
        embeddings: Tensor = self.model.text_audio_head(found.hidden_states[-1][:, 0])
        return embeddings

    def join(self, embeddings: Tensor) -> Tensor:
        """The mean."""
        return embeddings.mean(0)

    def similarity(self, embeddings: Tensor, others: Tensor) -> Tensor:
        """Scaled inner products."""
        logits: Tensor = embeddings @ others.T * self.model.text_audio_logit_scale + self.model.text_audio_logit_bias
        return logits


def _with_gradients(embedder: Any, given: tuple[Tensor, ...], heard: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
    """What the codec makes of audio, so that gradients reach the audio: the library's own pass through it has none."""
    audio = given[0]
    if not (torch.is_grad_enabled() and audio.requires_grad):
        return heard
    codes = embedder.bottleneck(embedder.dac_encoder(audio)).transpose(1, 2)
    return embedder.data_proj(codes), heard[1]


def _whole_frames(audio: Tensor, hop: int) -> Tensor:
    """Audio (takes, samples) of a whole number of frames: mirrored at its end, or silence where it is too short."""
    missing = -audio.shape[-1] % hop
    if not missing:
        return audio
    return pad(audio[:, None], (0, missing), mode="reflect" if missing < audio.shape[-1] else "constant")[:, 0]
