"""Traces: what every unit did while finished takes were played, recorded in one replay and kept in two files.

Values are reduced on the device before they are copied: pooled over time or not, all units or the strongest, half
precision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.mean_activations import places
from tonescope.diagnose.intervene.recording import batches, finite, watch
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.units import Location

OverTime = Literal["all", "mean", "peak"]
LIMIT = 4 * 2**30  # bytes
HALF = 2  # bytes a value


@dataclass(frozen=True)
class TraceSpec:
    """What is kept of each unit.

    Attributes:
        over_time: every position (``all``), the ``mean``, or the ``peak`` (the value farthest from zero).
        top: only so many units at each location and take, those with the largest peak; all of them if absent.
        uncond: whether the unconditional half of guidance is kept beside the conditional one.
        whole_heads: whether all features of a head are kept rather than its length, so that others can be patched
            from it.
    """

    over_time: OverTime = "mean"
    top: int | None = None
    uncond: bool = True
    whole_heads: bool = False

    def __post_init__(self) -> None:
        if self.over_time not in get_args(OverTime):
            raise TonescopeError(
                f"“{self.over_time}” is nothing that can be kept of time; use {', '.join(get_args(OverTime))}."
            )
        if self.top is not None and (self.top < 1 or self.whole_heads):
            raise TonescopeError(
                "the top units are at least 1 at each place, and their heads are kept by length; leave one of the "
                "two out."
            )


@dataclass(frozen=True)
class Trace:
    """A recording.

    Attributes:
        takes: what was replayed.
        tokens: the tokens of each take's prompt.
        values: per location, (takes, branches, steps, along, units), or without ``along`` where pooled over it; the
            conditional branch first. Heads are given by their length (Euclidean norm) unless they were kept whole,
            everything else by its value; past the end of a shorter prompt there are zeros. float16, or bfloat16 where
            float16 would overflow.
        indices: per location, (takes, top): which units ``values`` holds, where not all.
        about: model, precision, rates, guidance, and what was kept.
    """

    takes: Takes
    tokens: tuple[tuple[str, ...], ...]
    values: dict[Location, Tensor]
    indices: dict[Location, Tensor]
    about: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write ``<path>.safetensors`` and ``<path>.json``, each whole or not at all."""
        tensors = {"waveform": self.takes.waveform}
        tensors |= {f"state/{name}": tensor for name, tensor in self.takes.state.items()}
        tensors |= {f"values/{location}": tensor for location, tensor in self.values.items()}
        tensors |= {f"indices/{location}": tensor for location, tensor in self.indices.items()}
        facts = {"prompts": self.takes.prompts, "seeds": self.takes.seeds, "tokens": self.tokens, "about": self.about}
        sound, words, temporary = (path.with_name(path.name + end) for end in (".safetensors", ".json", ".tmp"))
        text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, {"facts": _digest(text)})
        temporary.replace(sound)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(words)

    @classmethod
    def load(cls, path: Path) -> Trace:
        """Read what :meth:`save` wrote, bit for bit. Raises :class:`TonescopeError` when there is no trace."""
        try:
            text = path.with_name(path.name + ".json").read_text(encoding="utf-8")
            sound = path.with_name(path.name + ".safetensors")
            with safe_open(sound, "pt") as file:
                if file.metadata()["facts"] != _digest(text):
                    raise ValueError("the two files are of different traces")
            facts, tensors = json.loads(text), load_file(sound)
            parts = {kind: _named(tensors, kind) for kind in ("state", "values", "indices")}
            takes = Takes(tuple(facts["prompts"]), tuple(facts["seeds"]), parts["state"], tensors["waveform"])
            tokens = tuple(tuple(row) for row in facts["tokens"])
            values, indices = (
                {Location.parse(name): tensor for name, tensor in parts[kind].items()} for kind in ("values", "indices")
            )
            return cls(takes, tokens, values, indices, facts["about"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise TonescopeError(
                f"there is no whole trace at {path}: give the name that both its files share, without an ending."
            ) from error

    def source(self, take: int) -> SourceActivations:
        """What one take did, to patch others from; in half precision, as it was kept.

        Raises :class:`TonescopeError` when the trace does not hold everything that takes: every position of whole
        heads, of every unit.
        """
        kept = self.about["spec"]
        if kept["over_time"] != "all" or not kept["whole_heads"] or self.indices:
            raise TonescopeError(
                "this trace cannot be patched from, because it does not hold every unit at every position; "
                'record it with TraceSpec("all", whole_heads=True).'
            )
        return SourceActivations({location: value[take].float() for location, value in self.values.items()})


def _named(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Tensors whose names begin with a kind and a slash, by the rest of their names."""
    begin = f"{kind}/"
    return {name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- how large ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extent:
    """How much is replayed: takes, and frames and tokens of the longest of them."""

    takes: int
    frames: int
    tokens: int

    @classmethod
    def of(cls, generator: Generator, prompts: Sequence[str], frames: int) -> Extent:
        """One take a prompt."""
        return cls(len(prompts), frames, generator.token_mask(prompts).shape[1])


def steps_of(generator: Generator) -> int:
    """Denoising steps of a generator; 1 where there is no such thing."""
    return max(map(generator.steps, generator.locations()))


def size_of(context: Context, extent: Extent, locations: Sequence[Location], spec: TraceSpec) -> int:
    """Bytes of a trace, before it is made."""
    generator, total = context.generator, 0
    for location in locations:
        branches = len(generator.branches(location, context.guidance)) if spec.uncond else 1
        units = generator.features(location) if spec.whole_heads else min(generator.units(location), spec.top or 2**31)
        along = generator.along(location, extent.frames, extent.tokens) if spec.over_time == "all" else 1
        values = HALF * branches * generator.steps(location) * along * units
        total += extent.takes * (values + (4 * units if spec.top else 0))
    return total


def check_size(
    context: Context, extent: Extent, locations: Sequence[Location], spec: TraceSpec, *, limit: int = LIMIT
) -> int:
    """Bytes of a trace. Raises :class:`TonescopeError` when they are more than ``limit``."""
    size = size_of(context, extent, locations, spec)
    if size > limit:
        raise TonescopeError(
            f"the trace would take {size / 2**30:.3g} GiB and at most {limit / 2**30:.3g} are allowed; make fewer or "
            "shorter "
            "takes, or keep the mean over time or only the top units."
        )
    return size


# --- recording ------------------------------------------------------------------------------------------------------


def record(
    context: Context,
    takes: Takes,
    *,
    sites: Sequence[str] | None = None,
    spec: TraceSpec = TraceSpec(),
    limit: int = LIMIT,
) -> Trace:
    """Replay ``takes`` and record every unit of ``sites``, a few takes at a time.

    Args:
        sites: those of :data:`tonescope.models.sites.ATTRIBUTED` that the model has, if absent.
        limit: the most bytes the trace may take (:func:`size_of` tells beforehand).

    Raises:
        TonescopeError: a site is missing, the trace would be larger than ``limit``, or an activation is not a number.
    """
    generator = context.generator
    locations = places(generator, sites)
    extent = Extent.of(generator, takes.prompts, generator.frames_of(takes))
    check_size(context, extent, locations, spec, limit=limit)
    values: dict[Location, list[Tensor]] = {location: [] for location in locations}
    indices: dict[Location, list[Tensor]] = {location: [] for location in locations if spec.top}
    tokens, order = list[tuple[str, ...]](), list[int]()
    for rows in batches(generator, takes):
        part = takes.pick(rows)
        piece = partial(reduced, generator, spec=spec, mask=generator.token_mask(part.prompts))
        seen, said = watch(context, part, rows, locations, partial(kept, spec=spec), piece=piece)
        for location, (value, chosen) in seen.items():
            values[location].append(value)
            if chosen is not None:
                indices[location].append(chosen)
        tokens, order = [*tokens, *said], [*order, *rows]
    back = torch.tensor(order).argsort()
    return Trace(
        takes,
        tuple(tokens[row] for row in back.tolist()),
        {location: joined(parts)[back] for location, parts in values.items()},
        {location: torch.cat(parts)[back] for location, parts in indices.items()},
        about(context, spec),
    )


def about(context: Context, spec: TraceSpec) -> dict[str, Any]:
    """What a trace says of itself."""
    generator = context.generator
    return {
        "model": generator.name,
        "dtype": str(generator.dtype).removeprefix("torch."),
        "frame_rate": generator.frame_rate,
        "sample_rate": int(generator.sample_rate),
        "guidance": context.guidance,
        "spec": asdict(spec),
    }


def reduced(
    generator: Generator, location: Location, piece: Tensor, spec: TraceSpec, mask: Tensor | None = None
) -> Tensor:
    """What is kept of a piece (takes, branches, steps, along, features) until all of them have passed: every position,
    or the mean and the peak over them as two.

    ``mask`` (takes, tokens) says which positions of the text are no padding; without it all are taken for tokens.
    """
    width = 1 if spec.whole_heads else generator.head_width(location)
    value = piece.unflatten(4, (-1, width)).norm(dim=5) if width > 1 else piece
    value = value if spec.uncond else value[:, :1]
    length: Tensor | int = value.shape[3]
    if mask is not None and location.network == "text":
        real = mask.to(value.device)[:, None, None, :, None]
        value, length = value * real, real.sum(3)
    if spec.over_time == "all":
        return value
    return torch.stack([value.sum(3, dtype=torch.float32) / length, _peak(value).float()], 3)


def kept(location: Location, whole: Tensor, spec: TraceSpec) -> tuple[Tensor, Tensor | None]:
    """What a trace holds of the pieces that :func:`reduced` made, on the CPU in half precision, and which units that
    is. Of a location that runs several times for one take the parts are of one length."""
    mean, peak = (whole, whole) if spec.over_time == "all" else (whole[:, :, :, 0::2], whole[:, :, :, 1::2])
    chosen = None
    value = {"all": lambda: whole, "mean": lambda: mean.mean(3), "peak": lambda: _peak(peak)}[spec.over_time]()
    if spec.top:
        strongest = _peak(peak)[:, 0].abs().amax(1)  # over denoising steps
        chosen = strongest.topk(min(spec.top, value.shape[-1])).indices
        at = chosen[:, None, None, None] if value.ndim == 5 else chosen[:, None, None]
        value = value.gather(-1, at.expand(*value.shape[:-1], -1))
    value = finite(location, value)
    half = value.half()
    if not torch.isfinite(half).all():
        half = value.bfloat16()
    return half.cpu(), chosen.int().cpu() if chosen is not None else None


def _peak(value: Tensor) -> Tensor:
    """The value farthest from zero along time: (takes, branches, steps, units) of (takes, branches, steps, along,
    units)."""
    high, low = value.amax(3), value.amin(3)
    return torch.where(high >= -low, high, low)


def joined(parts: list[Tensor]) -> Tensor:
    """Batches in one tensor; in the wider-ranging type where they differ, and the longest prompt's length."""
    if len({part.dtype for part in parts}) > 1:
        parts = [part.bfloat16() for part in parts]
    if parts[0].ndim == 5 and len({part.shape[3] for part in parts}) > 1:
        longest = max(part.shape[3] for part in parts)
        parts = [torch.nn.functional.pad(part, (0, 0, 0, longest - part.shape[3])) for part in parts]
    return torch.cat(parts)
