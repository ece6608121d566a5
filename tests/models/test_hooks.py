"""Hooks on plain modules: what cannot be seen is refused, and what was put on comes off."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tonescope.models.errors import TonescopeError
from tonescope.models.hooks import Place, aside, hooked, read, run_until, write


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


def test_a_pass_ends_where_enough_was_seen() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    seen, later = list[torch.Tensor](), list[torch.Tensor]()
    second.register_forward_hook(lambda *_: later.append(torch.ones(1)))

    def run() -> str:
        second(first(torch.ones(1, 2)))
        return "the end"

    look = read(Place(first, "output", "first"), seen.append)
    assert run_until([look], run, lambda: bool(seen)) is None
    assert len(seen) == 1 and not later
    assert run_until([look], run, lambda: False) == "the end" and len(later) == 1
    first(torch.ones(1, 2))
    assert len(seen) == 2


def test_a_pass_that_was_ended_leaves_its_gradient() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    seen: list[torch.Tensor] = []
    inputs = torch.ones(1, 2, requires_grad=True)
    look = read(Place(first, "output", "first"), seen.append)
    run_until([look], lambda: second(first(inputs)), lambda: bool(seen))
    seen[0].sum().backward()
    assert inputs.grad is not None


def test_a_pass_that_sees_nothing_is_refused() -> None:
    look = read(Place(nn.Linear(2, 2), "output", "elsewhere"), lambda _: None)
    with pytest.raises(TonescopeError, match="nothing passed through elsewhere"):
        run_until([look], lambda: None, lambda: True)
