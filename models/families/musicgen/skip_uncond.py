"""Cross-attention without the empty prompt.

The empty prompt of classifier-free guidance is a row of zeros. Where no projection adds a bias, what is read of it is
zero as well, whatever the queries are: that half of the work is left out, and the zeros are put in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from tonescope.models.families.zero_prompts import fewer_rows

_BY_ROW = ("hidden_states", "key_value_states", "attention_mask")


def skip_uncond(attentions: Iterable[nn.Module]) -> AbstractContextManager[None]:
    """Within the block, these modules work on the first half of their rows, the prompted one, and give zeros for the
    second."""
    return fewer_rows(attentions, lambda: (_prompted_half, _with_zeros))


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
