"""What tests of the seam share: the families, and what any generator can be asked."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from torch import Tensor

from tests import tiny
from tests.models.families.ace_step import tiny_ace_step
from tests.models.families.stable_audio import tiny_stable_audio
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import activations
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.sites import SITES
from tonescope.models.units import Location

PROMPT = "smooth jazz with piano"
PROMPTS = [PROMPT, "lo fi beats with accordion", PROMPT]
SEEDS = [3, 4, 5]
SECONDS = 0.4
GUIDANCE = Sampling().guidance
PIPELINES: dict[str, Any] = {"stable audio": tiny_stable_audio, "ace-step": tiny_ace_step}
if hasattr(diffusers, "StableAudio3DiTModel"):  # since 0.40
    from tests.models.families.stable_audio_3 import tiny_stable_audio_3

    PIPELINES["stable audio 3"] = tiny_stable_audio_3
FAMILIES = (*tiny.FAMILIES, "diffusion", *PIPELINES)
ORDER = ("self", "cross", "mlp", "residual")  # in which a layer computes


def of_family(family: str) -> Generator:
    if family == "diffusion":
        return ToyDiffusion(ToyModel())
    made: Generator = PIPELINES[family].generator() if family in PIPELINES else tiny.generator(family)
    return made


def playing(generator: Generator) -> list[Location]:
    return [location for location in generator.locations() if location.site.causal]


def last_of_each_site(generator: Generator) -> list[Location]:
    """One place of each kind that is played through, with something before it."""
    return list({location.site: location for location in playing(generator)}.values())


def depth(location: Location) -> tuple[int, int, int]:
    networks = ("text", "decoder", "denoiser", "codec")
    order = ORDER.index(location.name) if location.network != "codec" else 0
    return networks.index(location.network), location.layer, order


def recorded(generator: Generator, takes: Takes, location: Location) -> Tensor:
    """(takes, branches, steps, along, features) as a fresh replay sees them."""
    return torch.stack([one.values[location] for one in activations(Context(generator), takes, [location])])


def counted(generator: Generator, location: Location, tensor: Tensor, prompt: str = PROMPT) -> Tensor:
    """Of (..., along, features) of one take the positions that count: of a text encoder, the words of the prompt."""
    generator.read_text([prompt])
    words = generator.layout(location, GUIDANCE).words
    return tensor if words is None else tensor[..., words[0].cpu(), :]


def sites_of(generator: Generator) -> list[str]:
    return [site.key for site in SITES if site.causal and generator.locations(site.key)]
