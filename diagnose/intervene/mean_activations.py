"""Reference activations: what each unit does on average over a set of prompts. Mean ablation puts a unit back to this."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import Generator, Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.loading import fingerprint
from tonescope.models.units import SITES, Location

# Ordinary requests across styles, none of them about any particular diagnosis.
PROMPTS = (
    "house music", "dark techno", "calm ambient pads", "drum and bass", "lo-fi hip hop beats", "trap beat", "rock band with electric guitars", "heavy metal",
    "slow blues", "swing jazz", "smooth jazz with saxophone", "funk groove", "roots reggae", "cheerful polka", "ragtime piano", "synthwave", "a song", "music",
)  # fmt: skip
ATTRIBUTED = ("decoder.mlp", "decoder.self", "decoder.cross")
MEASURED = tuple(site.key for site in SITES if site.causal)


@dataclass(frozen=True)
class MeanActivations:
    """Mean activation at each location: (branches, features), conditional branch first."""

    values: dict[Location, Tensor]
    about: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        tensors = {str(location): mean.contiguous() for location, mean in self.values.items()}
        temporary = path.with_suffix(f".{os.getpid()}.tmp")  # two runs may measure at a time
        save_file(tensors, temporary, metadata={"about": json.dumps(self.about)})
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> MeanActivations:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` when that is no reference."""
        try:
            with safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["about"])
            return cls({Location.parse(name): mean.float() for name, mean in load_file(path).items()}, about)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise TonescopeError(f"{path} holds no reference means; delete it, and they are measured again.") from error

    def suits(self, generator: Generator, guidance: float) -> bool:
        """Whether these are means of this very model, with the guidance branches that are needed."""
        return self.about.get("model") == fingerprint(generator.model) and (self.about.get("guidance", 1) > 1) == (
            guidance > 1
        )


def places(generator: Generator, sites: Sequence[str] | None) -> list[Location]:
    """The locations of sites that were asked for, or without any, of those of :data:`ATTRIBUTED` that the model has.

    Raises :class:`TonescopeError` when a site that was asked for is missing.
    """
    return generator.locations(*ATTRIBUTED) if sites is None else generator.asked(sites)


@torch.no_grad()
def measure(
    generator: Generator,
    seconds: float,
    sampling: Sampling,
    prompts: Sequence[str] = PROMPTS,
    seed: int = 90_000,
    batch: int = 6,
    advance: Callable[[float], None] | None = None,
) -> MeanActivations:
    """Generate one take a prompt, replay it, and average every unit over prompts and over time (or over the prompt's tokens).

    ``advance`` is told the share that is done.
    """
    sums: dict[Location, Tensor] = {}

    def note(location: Location, tensor: Tensor) -> None:
        body = tensor.transpose(1, 2) if location.site.axis == 1 else tensor
        prefix = generator.clock.prefix if location.network == "decoder" else 0
        branches = generator.branches(location, sampling.guidance)
        mean = body[:, prefix:].float().unflatten(0, (branches, -1)).mean((1, 2)).cpu()
        if not torch.isfinite(mean).all():
            raise TonescopeError(
                f"{location} is not a number in places, so no mean of it can be taken; load the model in float32 (half precision overflows) or check its weights."
            )
        sums[location] = sums.get(location, 0) + mean / generator.channels ** (location.network == "codec")

    hooks = [read(generator.place(location), partial(note, location)) for location in generator.locations(*MEASURED)]
    for start in range(0, len(prompts), batch):
        asked = prompts[start : start + batch]
        takes = generator.generate(
            asked, range(seed + start, seed + start + len(asked)), seconds, sampling, decode=False
        )
        with hooked(hooks):
            for row, prompt in enumerate(asked):
                codes = takes.codes[row : row + 1]
                generator.replay(codes, generator.read_text([prompt]), sampling.guidance)
                generator.decode(codes)
        if advance:
            advance(min(1.0, (start + batch) / len(prompts)))
    about = {
        "model": fingerprint(generator.model),
        "prompts": list(prompts),
        "seed": seed,
        "seconds": seconds,
        "guidance": sampling.guidance,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
    }
    return MeanActivations({location: total / len(prompts) for location, total in sums.items()}, about)
