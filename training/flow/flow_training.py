"""Trains the denoiser of the flow generator: rectified flow (Liu et al. 2022, arXiv:2209.03003), from noise to latents.

What is denoised at the noisiest moments decides what will be played, so these are learnt most, as they are played most
(:func:`tonescope.models.families.stable_audio_3.stable_audio_3.log_snr_sigmas`). A head that is not kept tells genre,
instruments and tempo from the middle of the denoiser, so that the prompt is read early
(:mod:`training.lookahead_head`). What is played are moving averages of the weights.
"""

from __future__ import annotations

import logging
import math
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.course import Course, half_is_quicker
from training.flow import flow_parts
from training.flow.flow_lessons import FlowLessons
from training.flow.flow_parts import LONGEST_SECONDS, FlowSizes
from training.flow.flow_words import Encoded
from training.lookahead_head import LookaheadHead

log = logging.getLogger(__name__)

BATCH, RATE, WARM_UP, FLOOR = 32, 1e-3, 200, 0.05
STEADY = 0.7  # share of the time before the rate falls
NO_TEXT_SHARE = 0.1  # of the lessons, with the empty prompt, for classifier-free guidance (Ho & Salimans 2022)
WHOLE_SHARE, SHORTEST_FRAMES = 0.6, 13  # of the batches, whole clips; the others are beginnings
LOG_SNR_MEAN, LOG_SNR_SPREAD = -1.2, 2.0
LOOKAHEAD = 0.1
AVERAGE = 0.9995  # of the moving averages
TEXT_NOISE = 0.3  # largest noise on the encoded captions, in their standard deviation (NEFTune, arXiv:2310.05914)


@dataclass(frozen=True)
class FlowBatch:
    """Some lessons.

    Attributes:
        latents: (rows, width, frames).
        states, mask: of the captions, (rows, tokens, width) and (rows, tokens).
        told: which rows have a caption (rows,).
        seconds: (rows,).
        right: what truly plays.
    """

    latents: Tensor
    states: Tensor
    mask: Tensor
    told: Tensor
    seconds: Tensor
    right: dict[str, Tensor]


class FlowBatches:
    """Draws lessons with one of their captions each."""

    def __init__(self, reader: Encoded, data: FlowLessons, seed: list[int], text_noise: float = TEXT_NOISE) -> None:
        self.reader, self.data, self.random = reader, data, np.random.default_rng(seed)
        self.text_noise, self.order = text_noise, np.zeros(0, dtype=np.int64)

    def next(self, count: int) -> FlowBatch:
        """The next lessons of an order that is drawn anew when it is at its end."""
        while len(self.order) < count:
            self.order = np.concatenate([self.order, self.random.permutation(len(self.data))])
        rows, self.order = self.order[:count], self.order[count:]
        frames = self.data.latents.shape[2]
        if self.random.random() > WHOLE_SHARE:
            frames = int(self.random.integers(min(SHORTEST_FRAMES, frames), frames + 1))
        return self.batch(rows, frames, self.random.random(count) >= NO_TEXT_SHARE)

    def batch(self, rows: Any, frames: int, told: Any) -> FlowBatch:
        """The beginnings of these lessons; those that are not ``told`` have the empty prompt."""
        texts = [
            str(self.random.choice(self.data.captions[row])) if has else ""
            for row, has in zip(rows.tolist(), told.tolist(), strict=True)
        ]
        states, mask = self.reader.read(texts)
        if self.text_noise:
            level = self.text_noise * torch.rand(len(rows), 1, 1) * states[mask.bool()].std()
            states = states + level * torch.randn_like(states) * torch.from_numpy(told)[:, None, None]
        latents = torch.from_numpy(self.data.latents[rows, :, :frames].astype(np.float32))
        seconds = torch.full((len(rows),), LONGEST_SECONDS * frames / self.data.latents.shape[2])
        right = {name: values[torch.from_numpy(rows)] for name, values in self.data.right.items()}
        return FlowBatch(latents, states, mask, torch.from_numpy(told), seconds, right)


class Flow(nn.Module):
    """Denoiser and duration embedder: what is learnt and kept."""

    def __init__(self, sizes: FlowSizes) -> None:
        super().__init__()
        self.transformer, self.duration = flow_parts.denoiser(sizes), flow_parts.duration(sizes)

    def forward(self, latents: Tensor, shares: Tensor, batch: FlowBatch) -> Tensor:
        """The velocity (rows, width, frames) of latents with shares of noise (rows,), told what the family tells
        (:meth:`tonescope.models.families.stable_audio_3.stable_audio_3.StableAudio3.told`)."""
        length = self.duration(batch.seconds)
        return self.transformer(
            latents,
            shares,
            encoder_hidden_states=torch.cat([batch.states, length[:, None]], 1),
            encoder_attention_mask=torch.cat([batch.mask, batch.mask.new_ones(len(length), 1)], 1),
            global_hidden_states=length,
            return_dict=False,
        )[0]


def drawn_shares(count: int) -> Tensor:
    """Shares of noise to learn, (count,): normal in the logarithm of signal over noise, one in each part of equal
    probability."""
    places = (torch.randperm(count) + torch.rand(count)) / count
    normal = math.sqrt(2) * torch.erfinv((2 * places - 1).clamp(-0.9999, 0.9999))
    return torch.sigmoid(-(LOG_SNR_MEAN + LOG_SNR_SPREAD * normal))


def _groups(model: nn.Module) -> list[dict[str, object]]:
    """Weight decay for matrices, none for the rest."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    matrices = [weight for weight in weights if weight.ndim == 2]
    return [
        {"params": matrices, "weight_decay": 0.02},
        {"params": [weight for weight in weights if weight.ndim != 2], "weight_decay": 0.0},
    ]


class FlowTraining:
    """The denoiser in training."""

    def __init__(self, folder: Path, sizes: FlowSizes, minutes: float, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.sizes, self.flow, self.head = sizes, Flow(sizes), LookaheadHead(sizes.width)
        self.average = deepcopy(self.flow).requires_grad_(False)
        self.trained = nn.ModuleList([self.flow, self.head])
        for block in self.flow.transformer.transformer_blocks:  # inpainting is not learnt
            block.to_local_embed.requires_grad_(False)  # nor is it in states of the optimiser that are gone on with
        self.half = False
        self.optimiser = torch.optim.AdamW(_groups(self.trained), lr=RATE, betas=(0.9, 0.98), fused=True)
        self.course = Course(
            folder / "flow-state.pt",
            minutes,
            WARM_UP,
            clock=time.process_time,
            trained=self.trained,
            average=self.average,
            optimiser=self.optimiser,
        )
        self.middle = torch.empty(0)
        block = self.flow.transformer.transformer_blocks[sizes.depth // 2 - 1]
        block.register_forward_hook(self._look)
        if self.course.resume():
            log.info("flow: at step %d, %.1f min", self.course.step, self.course.spent / 60)

    def _look(self, _: nn.Module, __: Any, output: Tensor) -> None:
        self.middle = output

    @property
    def rate(self) -> float:
        """Share of the full learning rate: it warms up, stays, and falls at the end."""
        falling = max(0.0, (self.course.share - STEADY) / (1 - STEADY))
        return min(1.0, (self.course.step + 1) / WARM_UP) * (1 - (1 - FLOOR) * falling)

    def loss(self, batch: FlowBatch) -> tuple[Tensor, Tensor]:
        """The mean squared error of the velocity, and how wrong the middle of the denoiser is."""
        share = drawn_shares(len(batch.latents))
        noise = torch.randn_like(batch.latents)
        mixed = torch.lerp(batch.latents, noise, share[:, None, None])
        # The other kernels of attention take twice as long backwards on CPUs.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half), sdpa_kernel(SDPBackend.MATH):
            velocity = self.flow(mixed, share, batch)
        wrong = (velocity.float() - (noise - batch.latents)).square().mean()
        heard = self.middle[batch.told, self.sizes.memory :]
        right = {name: values[batch.told] for name, values in batch.right.items()}
        return wrong, self.head.loss(heard, right, torch.ones(heard.shape[1])) if len(heard) else wrong.new_zeros(())

    def _in_half(self, batch: FlowBatch) -> Tensor:
        """The loss, in whatever precision this is called."""
        self.half = torch.is_autocast_enabled("cpu")
        return self.loss(batch)[0]

    def lesson(self, batch: FlowBatch) -> tuple[float, float]:
        """One step; returns both losses."""
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * self.rate
        wrong, beside = self.loss(batch)
        self.optimiser.zero_grad()
        (wrong + LOOKAHEAD * beside).backward()
        nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        self.optimiser.step()
        self._follow()
        return wrong.item(), beside.item()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averages, faster at first."""
        decay = min(AVERAGE, (self.course.step + 1) / (self.course.step + 10))
        averages: list[Tensor] = list(self.average.parameters())
        weights: list[Tensor] = list(self.flow.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay)

    @torch.no_grad()
    def held_out(self, batch: FlowBatch) -> float:
        """The error of the averages on lessons that are not learnt, at the same noise every time."""
        noise = torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(0))
        found = []
        for place in (0.3, 0.6, 0.8, 0.95):
            share = torch.full((len(noise),), place)
            mixed = torch.lerp(batch.latents, noise, share[:, None, None])
            found.append((self.average(mixed, share, batch) - (noise - batch.latents)).square().mean())
        return float(torch.stack(found).mean())

    def run(self, batches: FlowBatches, fixed: FlowBatch, seconds: float) -> float:
        """Train for at most so many seconds of computing; returns those that were used."""
        course, sums, sample = self.course, np.zeros(3), batches.next(BATCH)
        before = course.spent
        self.half = half_is_quicker(self.trained, lambda: self._in_half(sample))
        log.info("flow: training in %s, which is quicker here", "bfloat16" if self.half else "float32")
        while not course.over and course.spent - before < seconds:
            with course.lesson():
                sums += (*self.lesson(batches.next(BATCH)), 1)
            if course.saved():
                shown, beside = sums[:2] / sums[2]
                pace = BATCH * course.step / course.spent
                held = f"held-out {self.held_out(fixed):.4f}"
                at = f"{course.spent / 60:.1f} min, step {course.step} ({pace:.1f} lessons/s)"
                log.info("flow: %s: loss %.4f, middle %.3f, %s", at, shown, beside, held)
                sums[:] = 0
        course.save()
        return course.spent - before
