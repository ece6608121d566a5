"""Layout: how the tensor at a location is arranged, and the only place where such a tensor is reshaped.

Every family orders its rows in its own way: guidance halves first or last, denoising steps as rows or one after the
other, units on the last axis or before time. Everything outside the families works on one canonical view, (branches,
takes, steps, along, features), with the conditional branch first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Branch = Literal["cond", "uncond", "shared"]
"""Halves of classifier-free guidance; ``shared`` is what runs once for both, or without guidance."""

_AXES = ("branch", "take", "step")


@dataclass(frozen=True)
class Layout:
    """How the tensor at a location is arranged while something passes through.

    Attributes:
        branches: the branches that are there, in the order of the rows.
        axes: how rows are nested, the outermost first: some order of ``branch``, ``take``, ``step``.
        steps: how many denoising steps the tensor holds; 1 where there is no such thing.
        first_step: which step of the generation its first one is.
        features_axis: -1 for (rows, along, features), or 1 for (rows, features, along).
        prefix: leading positions that are prompt rather than audio; the canonical view leaves them out.
        start: which audio position of the take the first position after the prefix is.
        frames: how many frames of audio the tensor covers, where positions are not frames (in the codec); 0 where
            each position is one frame.
        part: which part of ``along`` this is, from 0, and ``parts``, of how many: more than one where a location runs
            several times for one take (a codec that sounds the sides of a stereo image one after the other).
        takes: indices of the takes that the tensor holds, of those that are generated or replayed (takes,); ``None``
            for all.
        words: which positions are words of the prompt (takes, along); ``None`` where every position counts. What a
            tokenizer adds at the ends is no word, and units do other things there: some are enormously active.
    """

    branches: tuple[Branch, ...] = ("shared",)
    axes: tuple[str, str, str] = _AXES  # type: ignore[assignment]
    steps: int = 1
    first_step: int = 0
    features_axis: int = -1
    prefix: int = 0
    start: int = 0
    frames: int = 0
    part: int = 0
    parts: int = 1
    takes: Tensor | None = None
    words: Tensor | None = None

    def split(self, tensor: Tensor) -> Tensor:
        """The canonical view (branches, takes, steps, along, features) of a tensor (rows, along, features) or (rows,
        features, along): conditional branch first, without the prefix."""
        body = self._body(tensor)[:, self.prefix :]
        sizes = {"branch": len(self.branches), "step": self.steps}
        nested = body.unflatten(0, [sizes.get(axis, -1) for axis in self.axes])
        canonical = nested.permute(*(self.axes.index(axis) for axis in _AXES), 3, 4)
        return canonical.flip(0) if self._reversed else canonical

    def merge(self, canonical: Tensor, tensor: Tensor) -> Tensor:
        """Inverse of :meth:`split`: ``tensor`` with ``canonical`` in place of all but its prefix."""
        ordered = canonical.flip(0) if self._reversed else canonical
        rows = ordered.permute(*(_AXES.index(axis) for axis in self.axes), 3, 4).flatten(0, 2)
        body = torch.cat([self._body(tensor)[:, : self.prefix], rows], 1) if self.prefix else rows
        return body.transpose(1, 2) if self.features_axis == 1 else body

    def rows(self, tensor: Tensor) -> int:
        """How many takes are in a tensor."""
        return len(tensor) // (len(self.branches) * self.steps)

    def times(self, along: int, device: torch.device) -> Tensor:
        """The frame of the take that each of ``along`` positions after the prefix belongs to: (along,) int64."""
        positions = torch.arange(along, device=device)
        return positions * self.frames // along if self.frames else positions + self.start

    def counted(self, canonical: Tensor) -> Tensor:
        """The canonical view with zeros at positions that do not count."""
        return canonical if self.words is None else canonical * self.words[None, :, None, :, None]

    def average(self, canonical: Tensor) -> Tensor:
        """The mean over the positions that count: (branches, takes, steps, features)."""
        if self.words is None:
            return canonical.mean(3)
        return self.counted(canonical).sum(3) / self.words.sum(1)[None, :, None, None]

    @property
    def canonical(self) -> tuple[Branch, ...]:
        """The branches as :meth:`split` orders them."""
        return self.branches[::-1] if self._reversed else self.branches

    @property
    def _reversed(self) -> bool:
        return len(self.branches) == 2 and self.branches[0] == "uncond"

    def _body(self, tensor: Tensor) -> Tensor:
        return tensor.transpose(1, 2) if self.features_axis == 1 else tensor


@dataclass
class Pieces:
    """What passes through a location for one batch, piece by piece: a few denoising steps, or one part, at a time.

    Attributes:
        steps: how many denoising steps pass through the location.
        reduce: what is kept of each piece (takes, branches, steps, along, features), whose first three axes stay; all
            of it, if absent.
    """

    steps: int = 1
    reduce: Callable[[Tensor], Tensor] | None = None
    _whole: Tensor | None = None
    _held: int = 0

    def add(self, layout: Layout, tensor: Tensor) -> Tensor | None:
        """The whole, (takes, branches, steps, along, features), when its last piece is here; ``None`` before. Pieces
        are put into place as they come, so that the whole is held once; the parts of a take are of one length."""
        piece = layout.split(tensor).transpose(0, 1)
        piece = self.reduce(piece) if self.reduce else piece
        if self.steps == layout.steps and layout.parts == 1:
            return piece
        takes, branches, steps, along, width = piece.shape
        if self._whole is None:
            self._whole = piece.new_empty(takes, branches, self.steps, along * layout.parts, width)
        here = (
            slice(layout.first_step, layout.first_step + steps),
            slice(layout.part * along, (layout.part + 1) * along),
        )
        self._whole[:, :, here[0], here[1]] = piece
        self._held += steps
        if self._held < self.steps * layout.parts:
            return None
        whole, self._whole, self._held = self._whole, None, 0
        return whole
