"""Cross-attention of the prompted rows alone.

Where unconditional rows are told zeros, and no projection adds a bias, what they read is zero whatever their queries
are: that half of the work is left out, and the zeros are put in place. The unconditional rows come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

STATES, READ = "hidden_states", "encoder_hidden_states"


@contextmanager
def prompted_rows(attentions: Iterable[nn.Module]) -> Iterator[None]:
    """Within the block, these modules work on the second half of their rows, and give zeros for the first.

    A module is called with its states by position or as ``hidden_states``, what it reads as ``encoder_hidden_states``,
    and gives one tensor.
    """
    handles = []
    for attention in attentions:
        handles.append(attention.register_forward_pre_hook(_second_half, with_kwargs=True))
        handles.append(attention.register_forward_hook(_after_zeros))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _half(rows: Tensor) -> Tensor:
    return rows[len(rows) // 2 :]


def _second_half(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    halved = {name: _half(value) if name in (STATES, READ) else value for name, value in named.items()}
    return (_half(positional[0]), *positional[1:]) if positional else (), halved


def _after_zeros(_: nn.Module, __: Any, read: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(read), read])
