"""Makes a decoder in training know from the prompt what it is about to play.

The codes alone teach that slowly: whatever was heard so far tells more about the next code than the prompt does. So a head, which is
thrown away afterwards, has to tell genre and instruments from the middle of the decoder, most of all at the first position, which has
heard nothing yet (a deep supervision, Lee et al. 2015, arXiv:1409.5185).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .tables import genres, instrument_groups


class Foresight(nn.Module):
    """Genre and instruments from hidden states (batch, positions, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.genre = nn.Linear(width, len(genres()))
        self.instruments = nn.Linear(width, len(instrument_groups()))

    def loss(self, hidden: Tensor, right: dict[str, Tensor], weights: Tensor) -> Tensor:
        """What telling wrongly costs, where ``right`` is the examiner's :func:`.examiner.truth` and ``weights`` (positions,) are those of
        the first positions; the others are left out."""
        heard = self.norm(hidden[:, : len(weights)].float())
        batch, positions, _ = heard.shape
        genre = right["genre"][:, None].expand(batch, positions)
        playing = right["instruments"][:, None].expand(-1, positions, -1)
        wrong = nn.functional.cross_entropy(self.genre(heard).transpose(1, 2), genre, reduction="none")
        wrong = wrong + 3 * nn.functional.binary_cross_entropy_with_logits(
            self.instruments(heard).float(), playing, reduction="none"
        ).mean(2)
        return torch.mean((wrong * weights).sum(1) / weights.sum())
