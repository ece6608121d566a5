"""MusicGen's delay pattern and the clock: the only place that maps decoder positions to frames and seconds.

Codebook k of frame t is *fed* to the decoder at position ``t + delay[k] + 1`` and *predicted* at position ``t +
delay[k]`` (Copet et al. 2023, arXiv 2306.05284); position 0 holds only the start token. A mono model delays codebook
k by k frames; a stereo model interleaves left and right, and both sides of a pair share their delay.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def delays(n_codebooks: int, channels: int = 1) -> tuple[int, ...]:
    """The delay of each codebook in frames."""
    return tuple(book // channels for book in range(n_codebooks))


def delayed(codes: Tensor, delay: Sequence[int], pad: int) -> Tensor:
    """Audio codes (batch, codebooks, frames) as decoder inputs (batch, codebooks, positions + 1), pads elsewhere."""
    batch, n_codebooks, frames = codes.shape
    ids = codes.new_full((batch, n_codebooks, positions_for(frames, delay) + 1), pad)
    for book in range(n_codebooks):
        ids[:, book, 1 + delay[book] : 1 + delay[book] + frames] = codes[:, book]
    return ids


def undelayed(predicted: Tensor, delay: Sequence[int], frames: int) -> Tensor:
    """What positions predicted, (batch, codebooks, positions, ...), lined up by frame: (batch, codebooks, frames, ...).

    Raises ``ValueError`` when there are too few positions for so many frames.
    """
    if predicted.shape[2] < positions_for(frames, delay):
        raise ValueError(f"{predicted.shape[2]} positions predict fewer than {frames} frames")
    return torch.stack([predicted[:, book, start : start + frames] for book, start in enumerate(delay)], dim=1)


def positions_for(frames: int, delay: Sequence[int]) -> int:
    """Decoder positions that one pass over ``frames`` frames takes."""
    return frames + max(delay)


def frames_in(seconds: float, frame_rate: float) -> int:
    """Whole frames closest to a length in seconds, at least one."""
    return max(1, round(seconds * frame_rate))


def shortest(delay: Sequence[int]) -> int:
    """The fewest frames that transformers plays with the delay pattern in force (shorter ones it plays without)."""
    return max(1, max(delay))
