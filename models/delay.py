"""MusicGen's delay pattern and the clock: the only place that maps decoder steps to frames and seconds.

Codebook k of frame t is *fed* to the decoder at position ``t + k + 1`` and *predicted* at position ``t + k`` (Copet et al. 2023,
arXiv 2306.05284). Position 0 holds only the start token.
"""

from __future__ import annotations

import torch
from torch import Tensor


def delayed(codes: Tensor, pad: int) -> Tensor:
    """Audio codes (batch, codebooks, frames) as decoder inputs (batch, codebooks, frames + codebooks), pads elsewhere."""
    batch, books, frames = codes.shape
    ids = codes.new_full((batch, books, frames + books), pad)
    for book in range(books):
        ids[:, book, 1 + book : 1 + book + frames] = codes[:, book]
    return ids


def undelayed(predicted: Tensor, frames: int) -> Tensor:
    """What positions predicted, (batch, codebooks, positions, ...), lined up by frame: (batch, codebooks, frames, ...).

    Raises ``ValueError`` when there are fewer than ``frames + codebooks - 1`` positions.
    """
    books = predicted.shape[1]
    if predicted.shape[2] < frames + books - 1:
        raise ValueError(f"{predicted.shape[2]} positions predict fewer than {frames} frames of {books} codebooks")
    return torch.stack([predicted[:, book, book : book + frames] for book in range(books)], dim=1)


def positions_for(frames: int, books: int) -> int:
    """Decoder positions that one pass over ``frames`` frames takes."""
    return frames + books - 1


def frames_in(seconds: float, frame_rate: float) -> int:
    """Whole frames closest to a length in seconds, at least one."""
    return max(1, round(seconds * frame_rate))


def seconds_of(position: float, frame_rate: float) -> float:
    """The time in seconds at which a decoder position works on codebook 0: the start of that frame."""
    return position / frame_rate
