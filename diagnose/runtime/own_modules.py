"""A copy of a model whose modules are its own and whose weights are shared: what another thread may read with.

Hooks are registered on modules: those of a run, which edit, record and stop, are on the modules of the session and not
on these. Tokenizers are copied as well; two threads must not use one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor
from torch.nn import Module

Model = TypeVar("Model")


def with_own_modules(model: Model) -> Model:
    """A copy of a generator or judge, made while no hooks are on it; it takes next to no memory.

    What changes the weights of one changes those of the other.
    """
    shared = {id(tensor): tensor for tensor in _tensors(model, set())}
    return copy.deepcopy(model, memo=shared)


def _tensors(held: Any, seen: set[int]) -> Iterator[Tensor]:
    """Every tensor that an object holds, itself or in what it holds."""
    if id(held) in seen or isinstance(held, type):
        return
    seen.add(id(held))
    if isinstance(held, Tensor):
        yield held
    elif isinstance(held, Module):
        yield from held.parameters()
        yield from held.buffers()
        for part in held.modules():  # what weight norm made of them last, which is made anew in each pass
            yield from (value for value in vars(part).values() if isinstance(value, Tensor))
    elif isinstance(held, Mapping):
        for part in held.values():
            yield from _tensors(part, seen)
    elif isinstance(held, list | tuple | set):
        for part in held:
            yield from _tensors(part, seen)
    elif hasattr(held, "__dict__"):
        yield from _tensors(vars(held), seen)
