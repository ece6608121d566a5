"""Gradients of codes: what passes forwards is hard, what passes backwards is soft, and neither is computed for the
other (straight-through: Bengio et al. 2013, arXiv 1308.3432)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class _Hard(torch.autograd.Function):
    """Passes what is hard forwards, and the gradient on to what is soft."""

    @staticmethod
    def forward(ctx: Any, soft: Tensor, codes: Tensor) -> Tensor:
        """One-hot vectors of the codes, of the type of the soft ones."""
        return torch.zeros_like(soft).scatter_(-1, codes[..., None], 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """As it came."""
        return gradients[0], None


class _Carried(torch.autograd.Function):
    """Passes an embedding on as it is, and its gradient also to the one-hot vectors that it could have been of."""

    @staticmethod
    def forward(ctx: Any, embedded: Tensor, hot: Tensor, table: Tensor, start: int) -> Tensor:
        """The embedding (rows, positions, width)."""
        ctx.save_for_backward(table)
        ctx.hot, ctx.start = (hot.shape[1], hot.dtype), start
        return embedded.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Of the embedding, and of the vectors: (rows, frames, codes)."""
        gradient, (table,), (frames, kind) = gradients[0], ctx.saved_tensors, ctx.hot
        # The last codes are fed to no position.
        fed = gradient[:, ctx.start : ctx.start + frames] @ table.to(gradient.dtype).T
        return gradient, functional.pad(fed, (0, 0, 0, frames - fed.shape[1])).to(kind), None, None


def hard(soft: Tensor, codes: Tensor) -> Tensor:
    """One-hot vectors (..., codes) of chosen codes (...,), whose gradient goes on to the probabilities of all."""
    found: Tensor = _Hard.apply(soft, codes)  # type: ignore[no-untyped-call]
    return found


def carried(embedded: Tensor, hot: Tensor, table: Tensor, start: int) -> Tensor:
    """Embeddings (rows, positions, width), from position ``start`` on those of one-hot vectors (rows, frames, codes) by
    a table (codes, width), with a gradient to these vectors as if they had been multiplied."""
    found: Tensor = _Carried.apply(embedded, hot, table, start)  # type: ignore[no-untyped-call]
    return found
