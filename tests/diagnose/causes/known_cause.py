"""Generators in which the cause is known: neurons that answer to one prompt alone, and a judge that hears what they
do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from torch import Tensor, nn

from tests import tiny
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS, measure
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.schema import Contrast, Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges.calibration import ConfusionRecord, MeaningRecord
from tonescope.models.units import Location, Unit

PROMPT = "fast accordion fusion"  # shares no word with the reference prompts
TARGET, FOIL = "techno", "house"
CONTRAST = Contrast(target=TARGET, foil=FOIL)
PLAYS, READS = Location("decoder", 2, "mlp"), Location("text", 1, "mlp")
FIRST, SECOND, BYSTANDER, OTHER = (Unit(PLAYS, index) for index in (11, 23, 5, 30))
READER = Unit(READS, 7)
SEEDS = (1, 2, 3, 4)
SECONDS = 1.0
CODE, CODEBOOKS = 1, 4
PUSH = {"decoder": 40.0, "text": 10.0}  # of one planted neuron: in the decoder, nothing else of a prompt is heard
ANSWER = (4.5, -5.5)  # input of a planted neuron on the prompt, and elsewhere


@dataclass
class NearestJudge:
    """Hears which spectrum (labels, bands) a take is nearest to; differentiable, without a text tower.

    ``sharpness`` 0 makes a judge that is never sure.
    """

    centres: Tensor
    sharpness: float = 2.0
    labels: tuple[str, ...] = (TARGET, FOIL)
    name: str = "nearest"
    description: str = "the nearest of some spectra"
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
        return f"nearest, {self.sharpness:g}"


@dataclass(frozen=True)
class Known:
    """A context whose cause is known, and untouched takes of :data:`PROMPT` of :data:`SEEDS`, all heard as the
    target."""

    context: Context
    takes: Takes

    def diagnose(self, settings: Settings, intended: str = FOIL) -> Diagnosis:
        """The diagnosis of :data:`PROMPT` by these models."""
        judge = self.context.listener
        taxonomy = from_rows([{"label": label, "family": "electronic", "aliases": []} for label in judge.labels])
        request = Request(PROMPT, settings, intended)
        assert self.context.means is not None
        return diagnose(request, Models(self.context.generator, judge, taxonomy, None), self.context.means)[0]

    def heard_by(self, judge: NearestJudge) -> Known:
        """The same models with another judge."""
        return replace(self, context=replace(self.context, judge=judge))


@cache
def known(units: tuple[Unit, ...] = (FIRST,)) -> Known:
    """Each of ``units`` pushes on :data:`PROMPT` (a neuron of the decoder: the code :data:`CODE`), and is silent
    elsewhere. One push is enough to be heard: two units stand in for one another.
    """
    generator = tiny.generator()
    for name, weight in generator.model.named_parameters():
        if "encoder_attn.out_proj" in name or "enc_to_dec_proj" in name:
            weight.data *= 30  # so that the prompt is heard in what is played
    where = [_neurons(generator, unit.location) for unit in units]
    reads = [_answering(generator, into) for into, _ in where]
    with torch.no_grad():
        for unit, (into, out), weights in zip(units, where, reads, strict=True):
            into.weight[unit.index] = weights
            out.weight[:, unit.index] = PUSH[unit.location.network] * _direction(generator, unit.location)
    means = measure(generator, 0.5, Sampling(), rows=len(PROMPTS))
    context = Context(generator, means=means, seconds=SECONDS)
    takes = play(context, [PROMPT] * len(SEEDS), SEEDS)
    muted = play(context, [PROMPT] * len(SEEDS), SEEDS, [Edit(units)] * len(SEEDS))
    centres = [audio_quality.spectrum(sound.waveform, context.rate).mean(0) for sound in (takes, muted)]
    return Known(Context(generator, NearestJudge(torch.stack(centres)), means, seconds=SECONDS), takes)


def _neurons(generator: MusicGen, location: Location) -> tuple[nn.Linear, nn.Linear]:
    """The linear layers into and out of the neurons of a location."""
    if location.network == "text":
        dense = generator.model.text_encoder.encoder.block[location.layer].layer[-1].DenseReluDense
        return dense.wi, dense.wo
    layer = generator.model.decoder.model.decoder.layers[location.layer]
    return layer.fc1, layer.fc2


def _direction(generator: MusicGen, location: Location) -> Tensor:
    """Where a neuron pushes: to one code in every codebook, or somewhere in the text states."""
    if location.network == "text":
        width = generator.model.text_encoder.config.d_model
        return torch.randn(width, generator=torch.Generator().manual_seed(1)) / width**0.5
    heads = generator.model.decoder.lm_heads[:CODEBOOKS]
    return sum(nn.functional.normalize(head.weight[CODE], dim=0) for head in heads) / CODEBOOKS  # type: ignore[return-value]


def _answering(generator: MusicGen, into: nn.Linear) -> Tensor:
    """Weights of a neuron that answers to :data:`PROMPT` alone (width,)."""
    inputs = torch.stack([_mean_input(generator, into, [PROMPT] * 4), _mean_input(generator, into, PROMPTS)])
    return torch.linalg.pinv(inputs) @ torch.tensor(ANSWER)


def _mean_input(generator: MusicGen, into: nn.Linear, prompts: Sequence[str]) -> Tensor:
    """Of a linear layer, in the prompted half (width,)."""
    seen: list[Tensor] = []
    hook = into.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    try:
        generator.generate(prompts, range(len(prompts)), 0.5, decode=False)
    finally:
        hook.remove()
    rows = [part[: len(prompts)].flatten(0, 1) for part in seen if len(part) in (len(prompts), 2 * len(prompts))]
    return torch.cat(rows).mean(0)
