"""How much memory the parts of a job take, known before they run, and how many rows fit into what there is.

What playing takes is the generator's to say (:meth:`tonescope.models.generator.Generator.cost`). Attribution is
dominated by the tensors that autograd saves for the backward pass; they are counted on three short forward passes and
extrapolated.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import psutil
import torch
from torch import Tensor

from tonescope.diagnose.attribution.metrics import Metric, Playback
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import source_bytes
from tonescope.diagnose.runtime.out_of_memory import RAN_OUT as RAN_OUT
from tonescope.diagnose.runtime.out_of_memory import ran_out as ran_out
from tonescope.diagnose.runtime.workers import most_workers
from tonescope.models.checkpoints.size import GIB as GIB
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes, read_takes
from tonescope.models.hooks import hooked, read
from tonescope.models.played_with import Denoises
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Location, Unit

MOST_ROWS = 48
SHARE_OF_FREE = 0.7  # of what is free now; the rest is for everything else on the machine
PLAYED_SHARE = 0.6  # of that, for rows; the rest is for activations that are put into other takes
PROBE_SECONDS = (0.5, 1.0, 2.0)
WORTH_COUNTING = 0.125  # of the budget; smaller runs are not probed
KEPT_COPIES = 2  # finished takes are kept to be compared, and copied once when batches are put together
BACKWARD = 1.15  # what the backward pass needs beside the tensors that were saved for it


@dataclass(frozen=True)
class Budget:
    """How many bytes a diagnosis may add to what is in use, and where that number is from."""

    bytes: int
    source: str

    def without(self, taken: int, what: str) -> Budget:
        """What is left beside something that takes so much. Raises :class:`TonescopeError` when that alone is too
        much."""
        self.rows(taken, 1, what)
        return Budget(self.bytes - taken, self.source)

    def rows(self, each: int, most: int, what: str) -> int:
        """How many rows of ``each`` bytes fit, at most ``most``. Raises :class:`TonescopeError` when not even one
        does."""
        fitting = int(self.bytes // max(each, 1))
        if fitting < 1:
            raise TonescopeError(
                f"{what} needs about {each / GIB:.3g} GiB and {self.bytes / GIB:.3g} GiB may be used ({self.source}); "
                "ask for fewer seconds, or run where there is more memory."
            )
        return min(most, fitting)


def budget(device: torch.device, limit_gib: float | None = None) -> Budget:
    """What may be used on a device: a limit that the user set, or a share of what is free now."""
    if limit_gib is not None:
        return Budget(int(limit_gib * GIB), "--memory")
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, and free for us
        return Budget(int(SHARE_OF_FREE * (torch.cuda.mem_get_info(device)[0] + kept)), "free on the GPU")
    return Budget(int(SHARE_OF_FREE * psutil.virtual_memory().available), "free on this machine")


def give_back() -> None:
    """Hand freed memory back to the system, where the C library is one that keeps it.

    After a backward pass glibc keeps gigabytes that lie below some small thing that still lives; the next stage would
    come on top.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@dataclass(frozen=True)
class Playing:
    """What playing takes: rows at a time, bytes a row, what is allowed beside decoding and the finished takes, and by
    how many workers the rows are played."""

    rows: int
    each: int
    allowed: Budget
    workers: int = 1

    @property
    def for_sources(self) -> int:
        """Bytes of activations, to be put into other takes, that may be kept beside what playing takes."""
        return max(1, self.allowed.bytes - self.rows * self.each)


def playing(context: Context, tokens: int, takes: int, limit_gib: float | None) -> Playing:
    """How to play so many takes in the memory there is. Raises :class:`TonescopeError` when not even one can be."""
    generator, seconds = context.generator, context.seconds
    what, cost = f"{seconds:g} s with {generator.name}", generator.cost(seconds, tokens, context.guidance)
    beside = budget(generator.device, limit_gib).without(
        KEPT_COPIES * takes * cost.waveform, f"keeping {takes} takes of {what}"
    )
    # Each worker decodes on its own; where that is too tight, fewer are at work.
    fitting = int(beside.bytes // max(1, cost.decoding + cost.row / PLAYED_SHARE))
    workers = max(1, min(most_workers(generator), fitting))
    allowed = beside.without(workers * cost.decoding, f"decoding {what}")
    rows = allowed.rows(cost.row, MOST_ROWS, f"generating {what}")
    return Playing(max(1, min(rows, int(PLAYED_SHARE * allowed.bytes // max(cost.row, 1)))), cost.row, allowed, workers)


def check_sources(context: Context, takes: Takes, targets: Sequence[Unit | Location]) -> None:
    """Raise :class:`TonescopeError` when activations of all ``takes``, to be put into others, are more than may be
    kept."""
    generator = context.generator
    each = source_bytes(generator, targets, context.guidance, generator.frames_of(takes))
    if each * len(takes) > context.batches.source_bytes:
        raise TonescopeError(
            f"what is to be put in is {each / GIB:.3g} GiB a take, and {context.batches.source_bytes / GIB:.3g} GiB "
            f"may be kept of {len(takes)} takes; name units instead of whole places, or ask for fewer takes."
        )


@contextmanager
def _counting(held: dict[int, Tensor]) -> Iterator[None]:
    """Collect every tensor that autograd saves in the block, weights and views of weights excepted, by the address of
    its storage.

    The graph keeps these two functions; it would never be freed if it were given its own outputs, or if ``held`` knew
    their history. What the block computes has no backward pass.
    """

    def pack(tensor: Tensor) -> None:
        owner = tensor if tensor._base is None else tensor._base
        if not isinstance(owner, torch.nn.Parameter):
            _hold(held, tensor)

    def unpack(packed: None) -> Tensor:
        raise RuntimeError("what is only counted has no backward pass")

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield


def _hold(held: dict[int, Tensor], tensor: Tensor) -> None:
    held.setdefault(tensor.untyped_storage().data_ptr(), tensor.detach())


def _tapped(held: dict[int, Tensor], tensor: Tensor) -> None:
    """Hold what an attribution keeps of a place; what is computed again in the backward pass is not kept."""
    if torch.is_grad_enabled():
        _hold(held, tensor)


def saved_bytes(context: Context, prompt: str, metric: Metric, sites: Sequence[str] = ATTRIBUTED) -> int:
    """Bytes alive at the end of a forward pass of ``metric`` over one take of a random state."""
    generator = context.generator
    takes, held = generator.random_takes(prompt, context.seconds), dict[int, Tensor]()
    taps = [read(generator.place(location), partial(_tapped, held)) for location in generator.locations(*sites)]
    with torch.enable_grad(), _counting(held), hooked(taps):
        text = read_takes(generator, takes)
        text = replace(text, states=text.states.detach().requires_grad_())
        value = metric(Playback(generator, generator.replay(takes, text, context.sampling)))
    del value
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


def attribution_bytes(context: Context, prompt: str, metric: Metric, sites: Sequence[str] = ATTRIBUTED) -> int:
    """Bytes for one take of an attribution, extrapolated from short takes: a line, or a parabola where attention
    makes it one.

    ``metric`` has one SmoothGrad sample: more come one after the other and take no more.
    """
    frames = context.generator.frames
    if frames(context.seconds) <= frames(PROBE_SECONDS[-1]):
        return int(BACKWARD * saved_bytes(context, prompt, metric, sites))
    probes = [replace(context, seconds=seconds) for seconds in PROBE_SECONDS]
    counted = [saved_bytes(probe, prompt, metric, sites) for probe in probes]
    lengths, wanted = [frames(seconds) for seconds in PROBE_SECONDS], frames(context.seconds)
    expected = max(float(np.polyval(np.polyfit(lengths, counted, degree), wanted)) for degree in (1, 2))
    return int(BACKWARD * expected)


def attribution_rows(context: Context, prompt: str, metric: Metric, *, allowed: Budget, most: int) -> tuple[int, int]:
    """How many takes to attribute at a time, and the bytes each is expected to take."""
    generator, seconds = context.generator, context.seconds
    each = generator.cost(seconds, 0, context.guidance).attribution
    # Of steps that are computed again in the backward pass, short passes would count nothing.
    if each * most > WORTH_COUNTING * allowed.bytes and not isinstance(generator, Denoises):
        each = attribution_bytes(context, prompt, metric)
    return allowed.rows(each, most, f"attributing {seconds:g} s of {generator.name}"), each
