"""How much memory the parts of a diagnosis take, known before they run, and how many rows fit into what there is.

Generation is dominated by the keys and values it caches, attribution by the tensors that autograd saves for the backward pass. The
first can be computed; the second is counted on three short forward passes and extrapolated.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import psutil
import torch
from torch import Tensor

from tonescope.diagnose.attribution.metrics import Metric, Playback
from tonescope.diagnose.intervene.mean_activations import ATTRIBUTED
from tonescope.diagnose.runtime.out_of_memory import RAN_OUT as RAN_OUT
from tonescope.diagnose.runtime.out_of_memory import ran_out as ran_out
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen import delay
from tonescope.models.families.musicgen.musicgen import DECODE_ROWS, Generator, Sampling
from tonescope.models.hooks import hooked, read

GIB = 2**30
MOST_ROWS = 48
SHARE_OF_FREE = 0.7  # of what is free now; the rest is for everything else on the machine
PROBE_SECONDS = (0.5, 1.0, 2.0)
WORTH_COUNTING = 0.125  # of the budget; smaller runs are not probed
DECODED_LAYERS = 4.85  # full-rate tensors alive at a time: measured on 10 s of musicgen-small's codec
BACKWARD = 1.15  # what the backward pass needs beside the tensors that were saved for it


@dataclass(frozen=True)
class Budget:
    """How many bytes a diagnosis may add to what is in use, and where that number is from."""

    bytes: int
    source: str

    def without(self, taken: int, what: str) -> Budget:
        """What is left beside something that takes so much. Raises :class:`TonescopeError` when that alone is too much."""
        self.rows(taken, 1, what)
        return Budget(self.bytes - taken, self.source)

    def rows(self, each: int, most: int, what: str) -> int:
        """How many rows of ``each`` bytes fit, at most ``most``. Raises :class:`TonescopeError` when not even one does."""
        fitting = int(self.bytes // max(each, 1))
        if fitting < 1:
            raise TonescopeError(
                f"{what} needs about {each / GIB:.3g} GiB and {self.bytes / GIB:.3g} GiB may be used ({self.source}); ask for fewer seconds, or run where there is more memory."
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

    After a backward pass glibc keeps gigabytes that lie below some small thing that still lives; the next stage would come on top.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def generation_bytes(generator: Generator, seconds: float, tokens: int, guidance: float) -> int:
    """Bytes for one row of a generation: cached keys and values of every layer, its share of the step's logits, and an edit of every unit."""
    config = generator.model.config.decoder
    branches = 2 if guidance > 1 else 1
    positions = delay.positions_for(delay.frames_in(seconds, generator.frame_rate), generator.delay)
    # Melody models cache prompt and chroma as positions, the others the prompt's keys and values beside them.
    positions += tokens + (generator.model.config.chroma_length if generator.family.reads == "prefix" else tokens)
    cached = 2 * config.num_hidden_layers * config.hidden_size * positions
    step = config.ffn_dim + 8 * config.hidden_size + 4 * generator.n_codebooks * generator.size
    edit = 2 * sum(generator.features(location) for location in generator.locations(*ATTRIBUTED))
    return branches * (cached + step + edit) * generator.model.dtype.itemsize


def decoding_bytes(generator: Generator, seconds: float) -> int:
    """Bytes while the codec decodes, a few rows at a time: its widest layers run at the full sample rate."""
    filters = generator.model.config.audio_encoder.num_filters
    return int(DECODED_LAYERS * DECODE_ROWS * seconds * generator.sample_rate * filters * 4)


def waveform_bytes(generator: Generator, seconds: float, takes: int) -> int:
    """Bytes of finished takes, which are kept to be compared, and copied once when batches are put together."""
    return int(2 * takes * seconds * generator.sample_rate * 4)


@dataclass(frozen=True)
class Playing:
    """What playing takes: rows at a time, bytes a row, and what is allowed beside decoding and the finished takes."""

    rows: int
    each: int
    allowed: Budget


def playing(
    generator: Generator, tokens: int, seconds: float, guidance: float, takes: int, limit_gib: float | None
) -> Playing:
    """How to play so many takes in the memory there is. Raises :class:`TonescopeError` when not even one can be."""
    what = f"{seconds:g} s with {generator.name}"
    allowed = (
        budget(generator.model.device, limit_gib)
        .without(decoding_bytes(generator, seconds), f"decoding {what}")
        .without(waveform_bytes(generator, seconds, takes), f"keeping {takes} takes of {what}")
    )
    each = generation_bytes(generator, seconds, tokens, guidance)
    return Playing(allowed.rows(each, MOST_ROWS, f"generating {what}"), each, allowed)


def _rough_take_bytes(generator: Generator, seconds: float) -> int:
    """A generous guess at :func:`attribution_bytes` that costs nothing."""
    config, codec = generator.model.config.decoder, generator.model.config.audio_encoder
    positions = (
        2 * seconds * generator.frame_rate * config.num_hidden_layers * (6 * config.ffn_dim + 24 * config.hidden_size)
    )
    samples = seconds * generator.sample_rate * codec.num_filters * 60 * generator.channels
    return int(4 * (positions + samples))  # fmt: skip


@contextmanager
def _counting(held: dict[int, Tensor]) -> Iterator[None]:
    """Collect every tensor that autograd saves in the block, weights and views of weights excepted, by the address of its storage.

    The graph keeps these two functions; it would never be freed if it were given its own outputs, or if ``held`` knew their history.
    What the block computes has no backward pass.
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


def _saved_bytes(
    generator: Generator, prompt: str, metric: Metric, frames: int, guidance: float, sites: Sequence[str]
) -> int:
    """Bytes alive at the end of a forward pass of ``metric`` over one take of random codes."""
    codes = torch.randint(generator.size, (1, generator.n_codebooks, frames), device=generator.model.device)
    held: dict[int, Tensor] = {}
    taps = [read(generator.place(location), partial(_hold, held)) for location in generator.locations(*sites)]
    with torch.enable_grad(), _counting(held), hooked(taps):
        text = generator.read_text([prompt])
        states = text.states.detach().requires_grad_()
        value = metric(
            Playback(generator, codes, type(text)(states, text.mask, text.tokens, text.spans), Sampling(guidance))
        )
    del value
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


def attribution_bytes(
    generator: Generator, prompt: str, metric: Metric, seconds: float, guidance: float, sites: Sequence[str] = ATTRIBUTED
) -> int:  # fmt: skip
    """Bytes for one take of an attribution, extrapolated from short takes: a line, or a parabola where attention makes it one.

    ``metric`` listens once: more listens come one after the other and take no more.
    """
    lengths = [delay.frames_in(length, generator.frame_rate) for length in PROBE_SECONDS]
    wanted = delay.frames_in(seconds, generator.frame_rate)
    if wanted <= lengths[-1]:
        return int(BACKWARD * _saved_bytes(generator, prompt, metric, wanted, guidance, sites))
    counted = [_saved_bytes(generator, prompt, metric, frames, guidance, sites) for frames in lengths]
    curve = np.polyfit(lengths, counted, 2)
    line = np.polyfit(lengths, counted, 1)
    expected = max(float(np.polyval(curve, wanted)), float(np.polyval(line, wanted)))
    return int(BACKWARD * expected)


def attribution_rows(
    generator: Generator, prompt: str, metric: Metric, seconds: float, guidance: float, allowed: Budget, most: int
) -> tuple[int, int]:  # fmt: skip
    """How many takes to attribute at a time, and the bytes each is expected to take."""
    each = _rough_take_bytes(generator, seconds)
    if each * most > WORTH_COUNTING * allowed.bytes:
        each = attribution_bytes(generator, prompt, metric, seconds, guidance)
    return allowed.rows(each, most, f"attributing {seconds:g} s of {generator.name}"), each
