"""A cache of keys and values that does not copy itself at every step.

The usual cache concatenates: each step of a generation copies everything that was kept so far. On many rows that is
most of the work. This one writes into room that was set aside, and hands out views of it.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicLayer, EncoderDecoderCache

from tonescope.models.errors import TonescopeError

ARGUMENTS = ("cache", "past_key_values")  # what a forward calls it: since transformers 5.24, and before


class PreallocatedLayer(DynamicLayer):
    """Keys and values (rows, heads, positions, width) of one layer, with room for so many positions more, again and
    again."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.positions = positions
        self._room: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append (rows, heads, positions, width) and return everything so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        if (
            start == 0
        ):  # no room yet: generate may play the first step twice, and would hold the first of two rooms to its end
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        end = start + key_states.shape[-2]
        if self._room is None or end > self._room[0].shape[-2]:
            self._room = self._larger(key_states, end)
        keys, values = self._room
        keys[..., start:end, :], values[..., start:end, :] = key_states, value_states
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]
        return self.keys, self.values

    def _larger(self, like: Tensor, needed: int) -> tuple[Tensor, Tensor]:
        start, size = self.get_seq_length(), needed + self.positions
        room = [like.new_empty(*like.shape[:-2], size, like.shape[-1]) for _ in range(2)]
        for whole, kept in zip(room, (self.keys, self.values), strict=True):
            whole[..., :start, :] = kept
        return room[0], room[1]


def preallocated_cache(positions: int) -> EncoderDecoderCache:
    """An empty cache for a decoder that will play so many positions; the prompt's keys and values never grow."""
    layer: Any = partial(PreallocatedLayer, positions)
    return EncoderDecoderCache(Cache(layer_class_to_replicate=layer), Cache(layer_class_to_replicate=DynamicLayer))


def cache_argument(backbone: nn.Module) -> str:
    """The name under which a decoder is handed its keys and values, as its forward states it.

    Raises :class:`TonescopeError` for a decoder that takes none under a name we know.
    """
    stated = inspect.signature(backbone.forward).parameters
    found = next((name for name in ARGUMENTS if name in stated), None)
    if found is None:
        raise TonescopeError(
            f"{type(backbone).__name__} takes no {' or '.join(ARGUMENTS)}, so its steps cannot be followed; "
            "install a version of transformers that Tonescope was tested with."
        )
    return found
