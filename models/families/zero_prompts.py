"""Cross-attention to a prompt of zeros, as unconditional rows are told: whether nothing is read of it, and how that
half of the work is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

Before = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], tuple[Any, dict[str, Any]]]
After = Callable[[nn.Module, Any, Any], Any]


def reads_nothing(*parts: nn.Module) -> bool:
    """Whether what these make of zeros is exactly zero: no part of them has a bias."""
    return all(getattr(module, "bias", None) is None for part in parts for module in part.modules())


@contextmanager
def fewer_rows(attentions: Iterable[nn.Module], around: Callable[[], tuple[Before, After]]) -> Iterator[None]:
    """Within the block, ``around`` a call of each module, its rows become fewer before and as many again after.

    Args:
        attentions: the modules.
        around: gives the two hooks of a module, anew for each.
    """
    handles = []
    for attention in attentions:
        before, after = around()
        handles.append(attention.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(attention.register_forward_hook(after))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
