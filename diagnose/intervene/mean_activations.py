"""Mean activations: what each unit does on average over a set of prompts. Mean ablation puts a unit back to this."""

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
from tonescope.models.generator import Generator, Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.sites import ATTRIBUTED, PLAYING
from tonescope.models.units import Location

# Ordinary requests across styles, none of them about any particular diagnosis.
PROMPTS = (
    *("house music", "dark techno", "calm ambient pads", "drum and bass", "lo-fi hip hop beats", "trap beat"),
    *("rock band with electric guitars", "heavy metal", "slow blues", "swing jazz", "smooth jazz with saxophone"),
    *("funk groove", "roots reggae", "cheerful polka", "ragtime piano", "synthwave", "a song", "music"),
)
SEED = 90_000
OVER_WORDS = "over words"  # what the text encoder's means are over


@dataclass(frozen=True)
class MeanActivations:
    """Mean activation at each location: (branches, steps, features), the conditional branch first."""

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
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` when that holds no means."""
        try:
            with safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["about"])
            values = {Location.parse(name): mean.float() for name, mean in load_file(path).items()}
            if any(mean.ndim != 3 for mean in values.values()):
                raise ValueError("means are (branches, steps, features)")
            return cls(values, about)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise TonescopeError(f"{path} holds no reference means; delete it, and they are measured again.") from error

    def suits(self, generator: Generator, guidance: float) -> bool:
        """Whether these are means of this very model, over the words of prompts, with the guidance branches that are
        needed."""
        guided = self.about.get("guidance", 1) > 1
        alike = self.about.get("model") == generator.fingerprint() and guided == (guidance > 1)
        return alike and self.about.get("text") == OVER_WORDS

    def at_steps(self, nearest: Tensor, had: int) -> MeanActivations:
        """Means for a generation in another number of steps: of each location that ``had`` so many, those of the steps
        that are ``nearest`` (steps,) to the new ones."""
        values = {place: mean[:, nearest] if mean.shape[1] == had > 1 else mean for place, mean in self.values.items()}
        return MeanActivations(values, self.about)

    def activity(self, generator: Generator, *keys: str) -> dict[Location, Tensor]:
        """How strong each unit of some sites is: the size of its mean in the conditional branch, (units,) a
        location."""
        return {
            location: self.values[location][0].mean(0).abs().unflatten(0, (-1, generator.head_width(location))).mean(1)
            for location in generator.locations(*keys)
        }


def places(generator: Generator, sites: Sequence[str] | None) -> list[Location]:
    """The locations of sites that were asked for; without any, of :data:`tonescope.models.sites.ATTRIBUTED` that
    there are.

    Raises :class:`TonescopeError` when a site that was asked for is missing.
    """
    return generator.locations(*ATTRIBUTED) if sites is None else generator.asked(sites)


@torch.no_grad()
def measure(
    generator: Generator,
    seconds: float,
    sampling: Sampling,
    *,
    prompts: Sequence[str] = PROMPTS,
    seed: int = SEED,
    rows: int = 6,
    advance: Callable[[float], None] | None = None,
) -> MeanActivations:
    """Generate one take a prompt, replay it, and average every unit over prompts and over time (or the prompt's
    words).

    Args:
        rows: takes that are generated together.
        advance: told the share that is done.

    Raises:
        TonescopeError: an activation is not a number.
    """
    sums: dict[Location, Tensor] = {}

    def note(location: Location, tensor: Tensor) -> None:
        layout = generator.layout(location, sampling.guidance)
        mean = layout.average(layout.split(tensor).float()).mean(1).cpu()
        if not torch.isfinite(mean).all():
            raise TonescopeError(
                f"{location} is not a number in places, so no mean of it can be taken; "
                "load the model in float32 (half precision overflows) or check its weights."
            )
        if location not in sums:
            sums[location] = torch.zeros(len(mean), generator.steps(location), mean.shape[2])
        here = slice(layout.first_step, layout.first_step + layout.steps)
        sums[location][:, here] += mean / layout.parts

    where = generator.locations(*PLAYING)
    hooks = [read(generator.place(location), partial(note, location)) for location in where]
    for start in range(0, len(prompts), rows):
        asked = prompts[start : start + rows]
        seeds = range(seed + start, seed + start + len(asked))
        takes = generator.generate(asked, seeds, seconds, sampling, decode=False)
        with hooked(hooks):
            for row in range(len(takes)):
                generator.run(takes.pick([row]), sampling, where)
        if advance:
            advance(min(1.0, (start + rows) / len(prompts)))
    about = {
        "model": generator.fingerprint(),
        "text": OVER_WORDS,
        "prompts": list(prompts),
        "seed": seed,
        "seconds": seconds,
        "guidance": sampling.guidance,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "negative": sampling.negative,
    }
    return MeanActivations({location: total / len(prompts) for location, total in sums.items()}, about)
