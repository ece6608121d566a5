"""Generators in which the cause is known: neurons that answer to one prompt alone push one code, and a judge that
hears the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from tests import tiny
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS, MeanActivations, measure
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.schema import Contrast
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges.calibration import ConfusionRecord, MeaningRecord
from tonescope.models.units import Location, Unit

PROMPT = "fast accordion fusion"  # shares no word with the reference prompts
CONTRAST = Contrast(target="techno", foil="house")
LAYER = Location("decoder", 2, "mlp")
FIRST, SECOND, BYSTANDER, OTHER = (Unit(LAYER, index) for index in (11, 23, 5, 30))
SEEDS = (1, 2, 3, 4)
SECONDS = 1.0
CODE, CODEBOOKS = 1, 4
HEIGHT = 10.0  # activation of a planted neuron where it answers, about half of it


@dataclass
class NearestJudge:
    """Hears which of two spectra (labels, bands) a take is nearer to; differentiable, without a text tower.

    ``sharpness`` 0 makes a judge that is never sure.
    """

    centres: Tensor
    sharpness: float = 2.0
    labels: tuple[str, ...] = ("techno", "house")
    name: str = "nearest"
    description: str = "the nearer of two spectra"
    domain: str = ""
    record: ConfusionRecord | None = None
    window_seconds: float = SECONDS
    meaning_threshold: float = 1.0
    meaning_record: MeaningRecord | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32

    def logits(self, waveform: Tensor, rate: int) -> Tensor:
        heard = audio_quality.spectrum(waveform, rate)[:, None]
        return -self.sharpness * (heard - self.centres).square().mean(-1)

    def read_prompt(self, text: str) -> Tensor | None:
        return None

    def likeness(self, waveform: Tensor, rate: int, text: str) -> Tensor | None:
        return None

    def reads_all_of(self, text: str) -> bool:
        return True

    def fingerprint(self) -> str:
        return "nearest"


@dataclass(frozen=True)
class Planted:
    """A context whose cause is known, and untouched takes of :data:`PROMPT` of :data:`SEEDS`, all heard as techno."""

    context: Context
    takes: Takes


@cache
def planted(units: tuple[Unit, ...] = (FIRST,), push: float = 10.0) -> Planted:
    """Each of ``units`` pushes :data:`CODE` on :data:`PROMPT`, and is silent elsewhere.

    One push is enough to be heard; so two units stand in for one another.
    """
    generator = tiny.generator()
    for name, weight in generator.model.named_parameters():
        if "encoder_attn.out_proj" in name or "enc_to_dec_proj" in name:
            weight.data *= 30  # so that the prompt is heard in what is played
    layer = generator.model.decoder.model.decoder.layers[LAYER.layer]
    here = _inputs(generator, [PROMPT] * 4)
    elsewhere = _inputs(generator, PROMPTS)
    wanted = torch.tensor([0.45, -0.55]) * HEIGHT
    heads = generator.model.decoder.lm_heads
    direction = sum(torch.nn.functional.normalize(heads[book].weight[CODE], dim=0) for book in range(CODEBOOKS))
    with torch.no_grad():
        for unit in units:
            layer.fc1.weight[unit.index] = torch.linalg.pinv(torch.stack([here, elsewhere])) @ wanted
            layer.fc2.weight[:, unit.index] = push * direction / CODEBOOKS
    means = measure(generator, 0.5, Sampling(), rows=len(PROMPTS))
    context = Context(generator, means=means, seconds=SECONDS)
    takes = play(context, [PROMPT] * len(SEEDS), SEEDS)
    muted = play(context, [PROMPT] * len(SEEDS), SEEDS, [Edit(units)] * len(SEEDS))
    centres = [audio_quality.spectrum(sound.waveform, context.rate).mean(0) for sound in (takes, muted)]
    return Planted(Context(generator, NearestJudge(torch.stack(centres)), means, seconds=SECONDS), takes)


def _inputs(generator: MusicGen, prompts: Sequence[str]) -> Tensor:
    """Mean input of the planted layer's MLP in the prompted half, before any neuron is planted (width,)."""
    layer, seen = generator.model.decoder.model.decoder.layers[LAYER.layer], list[Tensor]()
    hook = layer.fc1.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    try:
        generator.generate(prompts, range(len(prompts)), 0.5, decode=False)
    finally:
        hook.remove()
    rows = [part[: len(prompts)].flatten(0, 1) for part in seen if len(part) == 2 * len(prompts)]
    return torch.cat(rows).mean(0)
