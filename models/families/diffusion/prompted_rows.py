"""Cross-attention of the prompted rows alone.

Where unconditional rows are told zeros, and no projection adds a bias, what they read is zero whatever their queries
are: that half of the work is left out, and the zeros are put in place. Where they are told what to steer away from,
they read it aside, so that hooks see the prompted rows alone here too. The unconditional rows come first.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from tonescope.models.families.zero_prompts import After, Before, fewer_rows
from tonescope.models.hooks import aside

STATES, READ = "hidden_states", "encoder_hidden_states"


def prompted_rows(attentions: Iterable[nn.Module], *, others_read: bool = False) -> AbstractContextManager[None]:
    """Within the block, these modules work on the second half of their rows, and give zeros for the first; or, where
    the ``others_read``, what those read.

    A module is called with its states by position or as ``hidden_states``, what it reads as ``encoder_hidden_states``,
    and gives one tensor.
    """

    def around() -> tuple[Before, After]:
        halves = _Halves(others_read)
        return halves.before, halves.after

    return fewer_rows(attentions, around)


class _Halves:
    """One module, and what its first half of rows was given in the call that goes on."""

    def __init__(self, others_read: bool) -> None:
        self.others_read = others_read
        self.first: tuple[tuple[Any, ...], dict[str, Any]] = (), {}

    def before(self, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        halves = []
        for half in (0, 1):
            given = {name: _half(value, half) if name in (STATES, READ) else value for name, value in named.items()}
            halves.append(((_half(positional[0], half), *positional[1:]) if positional else (), given))
        if self.others_read:
            self.first = halves[0]
        return halves[1]

    def after(self, module: nn.Module, _: Any, read: Tensor) -> Tensor:
        if not self.others_read:
            return torch.cat([torch.zeros_like(read), read])
        (positional, named), self.first = self.first, ((), {})
        with aside():
            return torch.cat([module.forward(*positional, **named), read])


def _half(rows: Tensor, half: int) -> Tensor:
    return rows.chunk(2)[half]
