"""Hooks on plain modules: what cannot be seen is refused, and what was put on comes off."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tonescope.models.errors import TonescopeError
from tonescope.models.hooks import Place, aside, hooked, read, write


class Doubling(nn.Module):
    """A module whose input may be handed over by name."""

    def forward(self, states: Tensor) -> Tensor:
        return 2 * states


def test_an_input_that_is_handed_over_by_name_is_refused_and_not_missed() -> None:
    module = Doubling()
    look = read(Place(module, "input", "somewhere"), lambda _: None)
    with pytest.raises(TonescopeError, match="somewhere gets its input by name"), hooked([look]):
        module(states=torch.ones(1, 2))


def test_a_hook_that_never_fires_is_told_and_one_that_did_is_off_afterwards() -> None:
    module, seen = Doubling(), list[Any]()
    look = read(Place(module, "output", "somewhere"), seen.append)
    with pytest.raises(TonescopeError, match="nothing passed through somewhere"), hooked([look]):
        pass
    with hooked([look]):
        module(torch.ones(1, 2))
    module(torch.ones(1, 2))
    assert len(seen) == 1


def test_a_write_is_passed_on_and_hooks_set_aside_do_nothing() -> None:
    module = Doubling()
    change = write(Place(module, "input", "somewhere"), lambda tensor: tensor + 1)
    with hooked([change]):
        assert float(module(torch.ones(1, 1))) == 4
        with aside():
            assert float(module(torch.ones(1, 1))) == 2
    assert float(module(torch.ones(1, 1))) == 2
