"""Cross-attention without the empty prompt.

The empty prompt of classifier-free guidance is a row of zeros. Where no projection adds a bias, what is read of it is
zero as well, whatever the queries are: that half of the work is left out, and the zeros are put in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_BY_ROW = ("hidden_states", "key_value_states", "attention_mask")


def reads_nothing(attention: nn.Module) -> bool:
    """Whether attention to a prompt of zeros is exactly zero: no part of it has a bias."""
    return all(getattr(part, "bias", None) is None for part in attention.modules())


@contextmanager
def skip_uncond(attentions: Iterable[nn.Module]) -> Iterator[None]:
    """Within the block, these modules work on the first half of their rows, the prompted one, and give zeros for the
    second."""
    handles = []
    for attention in attentions:
        handles.append(attention.register_forward_pre_hook(_prompted_half, with_kwargs=True))
        handles.append(attention.register_forward_hook(_with_zeros))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _prompted_half(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    states: Tensor = positional[0] if positional else named["hidden_states"]
    rows = len(states)

    def half(value: Any) -> Any:
        return value[: rows // 2] if isinstance(value, Tensor) and len(value) == rows else value

    named = {name: half(value) if name in _BY_ROW else value for name, value in named.items()}
    return (half(states), *positional[1:]) if positional else (), named


def _with_zeros(_: nn.Module, __: Any, output: tuple[Any, ...]) -> tuple[Any, ...]:
    read = output[0]
    return torch.cat([read, torch.zeros_like(read)]), *output[1:]
