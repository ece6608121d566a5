"""The lookahead head: an auxiliary loss that makes a decoder in training plan from the prompt what it will play.

The codes alone teach that slowly: the music so far says more about the next code than the prompt does. So a head, which
is not kept, predicts genre, instruments and tempo from the hidden states in the middle of the decoder. The first
positions, which have no music to go by, weigh most (deep supervision, Lee et al. 2015, arXiv:1409.5185).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.classifier import TEMPO_BINS
from training.tables import genres, instrument_groups

_absent = nn.functional.binary_cross_entropy_with_logits


def _wrong(logits: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy (batch, positions) of logits (batch, positions, classes)."""
    return nn.functional.cross_entropy(logits.transpose(1, 2), right, reduction="none")


class LookaheadHead(nn.Module):
    """Logits of genre, instruments and tempo from hidden states (batch, positions, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.genre = nn.Linear(width, len(genres()))
        self.instruments = nn.Linear(width, len(instrument_groups()))
        self.tempo = nn.Linear(width, len(TEMPO_BINS) - 1)

    def loss(self, hidden: Tensor, right: dict[str, Tensor], weights: Tensor) -> Tensor:
        """Weighted mean of the cross-entropies in nats.

        Args:
            hidden: (batch, positions, width).
            right: the targets of :func:`training.classifier.truth`.
            weights: those of the first positions, (positions,); later ones are left out.
        """
        heard = self.norm(hidden[:, : len(weights)].float())
        batch, positions, _ = heard.shape
        genre, tempo = (right[name][:, None].expand(batch, positions) for name in ("genre", "tempo"))
        playing = right["instruments"][:, None].expand(-1, positions, -1)
        wrong = (
            _wrong(self.genre(heard), genre)
            + 3 * _absent(self.instruments(heard).float(), playing, reduction="none").mean(2)
            + 0.5 * _wrong(self.tempo(heard), tempo)
        )
        return torch.mean((wrong * weights).sum(1) / weights.sum())
