"""Traces: what every unit did while finished takes were played, recorded in one replay and kept in two files.

Values are reduced on the device before they are copied: pooled over time or not, all units or the strongest, half precision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.diagnose.intervene.interventions import SourceActivations
from tonescope.diagnose.intervene.mean_activations import places
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import Generator, Takes
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location

OverTime = Literal["all", "mean", "peak"]
T = TypeVar("T")
LIMIT = 4 * 2**30
ROWS = 4


@dataclass(frozen=True)
class TraceSpec:
    """What is kept of each unit.

    Attributes:
        over_time: every position (``all``), the ``mean``, or the ``peak`` (the value farthest from zero).
        top: only so many units at each location and take, those with the largest peak; all of them if absent.
        null_branch: whether the unconditional half of guidance is kept beside the prompted one.
        whole_heads: whether all features of a head are kept rather than its length, so that others can be patched from it.
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
                "the top units are at least 1 at each place, and their heads are kept by length; leave one of the two out."
            )


@dataclass(frozen=True)
class Trace:
    """A recording.

    Attributes:
        takes: what was replayed.
        tokens: the tokens of each take's prompt.
        values: per location, (takes, branches, along, units), or without ``along`` where pooled; branches as in
            :meth:`tonescope.models.anatomy.Anatomy.branches`. Heads are given by their length (Euclidean norm) unless they were kept whole, everything else
            by its value; past the end of a shorter prompt there are zeros. float16, or bfloat16 where float16 would overflow.
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
        tensors = {"codes": self.takes.codes, "waveform": self.takes.waveform}
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
            text, sound = (
                path.with_name(path.name + ".json").read_text(encoding="utf-8"),
                path.with_name(path.name + ".safetensors"),
            )
            with safe_open(sound, "pt") as file:
                if file.metadata()["facts"] != _digest(text):
                    raise ValueError("the two files are of different traces")
            facts, tensors = json.loads(text), load_file(sound)
            takes = Takes(tuple(facts["prompts"]), tuple(facts["seeds"]), tensors["codes"], tensors["waveform"])
            tokens = tuple(tuple(row) for row in facts["tokens"])
            values, indices = (
                {Location.parse(name.removeprefix(part)): tensor for name, tensor in tensors.items() if name.startswith(part)}
                for part in ("values/", "indices/")
            )  # fmt: skip
            return cls(takes, tokens, values, indices, facts["about"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise TonescopeError(
                f"there is no whole trace at {path}: give the name that both its files share, without an ending."
            ) from error

    def source(self, take: int) -> SourceActivations:
        """What one take did, to patch others from; in half precision, as it was kept.

        Raises :class:`TonescopeError` when the trace does not hold everything that takes: every position of whole heads, of every unit.
        """
        kept = self.about["keep"]
        if kept["over_time"] != "all" or not kept["whole_heads"] or self.indices:
            raise TonescopeError(
                'this trace cannot be patched from, because it does not hold every unit at every position; record it with Keep("all", whole_heads=True).'
            )
        return SourceActivations({location: value[take].float() for location, value in self.values.items()})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def size_of(
    generator: Generator, takes: int, frames: int, tokens: int, locations: Sequence[Location], keep: TraceSpec, guidance: float
) -> int:  # fmt: skip
    """Bytes of a trace, before it is made."""
    total = 0
    for location in locations:
        branches = generator.branches(location, guidance) if keep.uncond else 1
        units = generator.features(location) if keep.whole_heads else min(generator.units(location), keep.top or 2**31)
        along = generator.along(location, frames, tokens) if keep.over_time == "all" else 1
        total += takes * (2 * branches * along * units + (4 * units if keep.top else 0))
    return total


def check_size(
    generator: Generator, prompts: Sequence[str], frames: int, locations: Sequence[Location], keep: TraceSpec, guidance: float, limit: int = LIMIT,
) -> int:  # fmt: skip
    """Bytes of a trace of one take a prompt. Raises :class:`TonescopeError` when they are more than ``limit``."""
    longest = generator.token_mask(prompts).shape[1]
    size = size_of(generator, len(prompts), frames, longest, locations, keep, guidance)
    if size > limit:
        raise TonescopeError(
            f"the trace would take {size / 2**30:.3g} GiB and at most {limit / 2**30:.3g} are allowed; make fewer or shorter takes, or keep the mean over time or only the top units."
        )
    return size


def record(
    generator: Generator,
    takes: Takes,
    sites: Sequence[str] | None = None,
    keep: TraceSpec = TraceSpec(),
    guidance: float = 3.0,
    limit: int = LIMIT,
) -> Trace:
    """Replay ``takes`` and record every unit of ``sites``, a few takes at a time.

    Args:
        sites: those of :data:`tonescope.diagnose.intervene.mean_activations.ATTRIBUTED` that the model has, if absent.
        limit: the most bytes the trace may take (:func:`size_of` tells beforehand).

    Raises:
        TonescopeError: a site is missing, the trace would be larger than ``limit``, or an activation is not a number.
    """
    locations = places(generator, sites)
    check_size(generator, takes.prompts, takes.codes.shape[2], locations, keep, guidance, limit)
    values: dict[Location, list[Tensor]] = {location: [] for location in locations}
    indices: dict[Location, list[Tensor]] = {location: [] for location in locations if keep.top}
    tokens: list[tuple[str, ...]] = []
    for order, rows in zip(_orders(generator, takes), _batches(generator, takes), strict=True):
        mask = generator.token_mask(rows.prompts)
        seen, said = _watch(
            generator, rows, order, locations, guidance, partial(reduced, generator, keep=keep, mask=mask)
        )
        for location, (kept, chosen) in seen.items():
            values[location].append(kept)
            if chosen is not None:
                indices[location].append(chosen)
        tokens += said
    order = [row for rows in _orders(generator, takes) for row in rows]
    back = torch.tensor(order).argsort()
    return Trace(
        takes,
        tuple(tokens[row] for row in back.tolist()),
        {location: joined(parts)[back] for location, parts in values.items()},
        {location: torch.cat(parts)[back] for location, parts in indices.items()},
        about(generator, guidance, keep),
    )


def about(generator: Generator, guidance: float, keep: TraceSpec) -> dict[str, Any]:
    """What a trace says of itself."""
    return {
        "model": generator.name, "dtype": str(generator.model.dtype).removeprefix("torch."), "frame_rate": generator.frame_rate,
        "sample_rate": int(generator.sample_rate), "guidance": guidance, "keep": asdict(keep),
    }  # fmt: skip


def activations(
    generator: Generator, takes: Takes, locations: Sequence[Location], guidance: float = 3.0
) -> list[SourceActivations]:
    """Everything at some locations, one source a take, to patch from.

    Raises:
        TonescopeError: that would take more than :data:`LIMIT` bytes, or an activation is not a number.
    """
    check_size(
        generator,
        takes.prompts,
        takes.codes.shape[2],
        locations,
        TraceSpec("all", whole_heads=True),
        guidance,
        LIMIT // 2,
    )
    sources: list[SourceActivations | None] = [None] * len(takes)
    for order, rows in zip(_orders(generator, takes), _batches(generator, takes), strict=True):
        seen, _ = _watch(
            generator, rows, order, locations, guidance, lambda location, tensor: _finite(location, tensor).cpu()
        )
        for position, row in enumerate(order):
            sources[row] = SourceActivations({location: tensor[position] for location, tensor in seen.items()})
    return [source for source in sources if source]


def _orders(generator: Generator, takes: Takes) -> list[list[int]]:
    """Rows of takes that are replayed together."""
    return [part.tolist() for group in generator.together(takes.prompts) for part in torch.tensor(group).split(ROWS)]


def _batches(generator: Generator, takes: Takes) -> list[Takes]:
    return [
        Takes(
            tuple(takes.prompts[row] for row in rows), tuple(takes.seeds[row] for row in rows), takes.codes[rows], takes.waveform[rows],
        )
        for rows in _orders(generator, takes)
    ]  # fmt: skip


@torch.no_grad()
def _watch(
    generator: Generator, takes: Takes, order: Sequence[int], locations: Sequence[Location], guidance: float,
    reduce: Callable[[Location, Tensor], T],
) -> tuple[dict[Location, T], tuple[tuple[str, ...], ...]]:  # fmt: skip
    """What ``reduce`` makes of the activations (takes, branches, along, features) of one batch, audio positions only; and its tokens.

    ``order`` says which rows of the whole these takes are, so that an edit in force around this call finds its own.
    """
    seen: dict[Location, T] = {}
    sides: dict[Location, list[Tensor]] = {}

    def look(location: Location) -> Callable[[Tensor], None]:
        def keep(tensor: Tensor) -> None:
            body = tensor.transpose(1, 2) if location.site.axis == 1 else tensor
            prefix = generator.clock.prefix if location.network == "decoder" else 0
            branches = generator.branches(location, guidance)
            value = body[:, prefix:].unflatten(0, (branches, -1)).transpose(0, 1)
            parts = sides.setdefault(location, [])
            parts.append(value)
            if len(parts) == (generator.channels if location.network == "codec" else 1):
                sides.pop(location)
                seen[location] = reduce(location, torch.cat(parts, 2) if len(parts) > 1 else value)

        return keep

    networks = {location.network for location in locations}
    hooks = [read(generator.place(location), look(location)) for location in locations]
    with hooked(hooks), generator.clocked(torch.tensor(order)):
        text = generator.read_text(takes.prompts)
        if "decoder" in networks:
            generator.replayed(takes.codes, text, guidance)
        if "codec" in networks:
            codes = takes.codes.to(generator.model.device)
            for side in range(generator.channels):
                vectors = generator.hard_vectors(codes[:, side :: generator.channels])
                made = generator.sound(vectors, side)
                if any(location.name == "encoder" for location in locations):
                    generator.model.audio_encoder.encoder(made[:, None])
    return seen, text.tokens


def _finite(location: Location, tensor: Tensor) -> Tensor:
    """The tensor, or the refusal of one that is not a number in places."""
    if not torch.isfinite(tensor).all():
        raise TonescopeError(
            f"{location} is not a number in places, so the recording would mean nothing; load the model in float32 (half precision overflows) or check its weights."
        )
    return tensor


def reduced(
    generator: Generator, location: Location, tensor: Tensor, keep: TraceSpec, mask: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """What is kept of (takes, branches, along, features), on the CPU in half precision, and which units that is.

    ``mask`` (takes, tokens) says which positions of the text are no padding; without it all are taken for tokens.
    """
    width = 1 if keep.whole_heads else generator.head_width(location)
    value = tensor.unflatten(3, (-1, width)).norm(dim=4) if width > 1 else tensor
    value = value if keep.uncond else value[:, :1]
    length: Tensor | int = value.shape[2]
    if mask is not None and location.network == "text":
        real = mask.to(value.device)[:, None, :, None]
        value, length = value * real, real.sum(2)
    chosen = None
    if keep.top:
        chosen = _peak(value)[:, 0].abs().topk(min(keep.top, value.shape[3])).indices
        value = value.gather(3, chosen[:, None, None].expand(-1, value.shape[1], value.shape[2], -1))
    kept = {
        "all": lambda: value,
        "mean": lambda: value.sum(2, dtype=torch.float32) / length,
        "peak": lambda: _peak(value),
    }[keep.over_time]()
    reduced = _finite(location, kept)
    half = reduced.half()
    if not torch.isfinite(half).all():
        half = reduced.bfloat16()
    return half.cpu(), chosen.int().cpu() if chosen is not None else None


def _peak(value: Tensor) -> Tensor:
    """The value farthest from zero along time: (takes, branches, units) of (takes, branches, along, units)."""
    high, low = value.amax(2), value.amin(2)
    return torch.where(high >= -low, high, low)


def joined(parts: list[Tensor]) -> Tensor:
    """Batches in one tensor; in the wider-ranging type where they differ, and the longest prompt's length."""
    if len({part.dtype for part in parts}) > 1:
        parts = [part.bfloat16() for part in parts]
    if parts[0].ndim == 4 and len({part.shape[2] for part in parts}) > 1:
        longest = max(part.shape[2] for part in parts)
        parts = [torch.nn.functional.pad(part, (0, 0, 0, longest - part.shape[2])) for part in parts]
    return torch.cat(parts)
