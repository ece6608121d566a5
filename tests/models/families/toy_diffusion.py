"""A family as somebody would add one: a toy that denoises latents; this file, and a row in the registry.

It has what diffusion models have and MusicGen has not: several denoising steps, latents, unconditional rows first,
guidance with a memory, a leading position that is no audio, and a codec that sounds both sides in one run.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tonescope.models.anatomy import Anatomy
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Cost, Replay, Sampling, Takes, Text
from tonescope.models.hooks import Hook, Place, hooked, read
from tonescope.models.layout import Branch, Layout
from tonescope.models.units import Location

MODEL_TYPE = "toy_diffusion"
SAMPLE_RATE, HOP, SIDES = 1600, 32, 2
LATENT, WIDTH, HEADS, INNER, LAYERS = 6, 16, 2, 24, 2
TEXT_WIDTH, TEXT_INNER, VOCABULARY, LONGEST_PROMPT = 12, 20, 512, 64
CHANNELS, RATES = (8, 6, 4, SIDES), (1, 4, 32, 32)  # width, and samples a frame, of the codec's layers
SIGMAS = (1.0, 0.75, 0.5, 0.25, 0.0)  # how much noise is left before each step, and after the last
STEPS, STRIDES = len(SIGMAS) - 1, tuple(after - before for before, after in pairwise(SIGMAS))
FRESH_NOISE = (0.2, 0.2, 0.2, 0.0)  # what each step adds
STEPS_TOGETHER = 3  # rows of so many steps are replayed at a time
MOMENTUM, LONGEST_PUSH = -0.5, 12.0  # of guidance
GAIN, NEIGHBOURHOOD = 0.8, 0.1  # of random weights, so that nothing saturates; how far a neighbour of a take is
PATHS = {
    ("text", "mlp"): "text.{}.fc2",
    ("denoiser", "mlp"): "denoiser.{}.fc2",
    ("denoiser", "self"): "denoiser.{}.self_attention.out",
    ("denoiser", "cross"): "denoiser.{}.cross_attention.out",
    ("denoiser", "residual"): "denoiser.{}",
    ("codec", "decoder"): "codec.{}",
}
LACKS = {("text", "self"): "its text encoder has no attention; look at text.LAYER.mlp instead"}


Anchor = Sequence[Tensor] | None


class Attention(nn.Module):
    """Attention of (rows, positions, width) to what is read (rows, others, any width)."""

    def __init__(self, reads: int) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(WIDTH, WIDTH), nn.Linear(reads, WIDTH), nn.Linear(reads, WIDTH)
        self.weights, self.out = nn.Identity(), nn.Linear(WIDTH, WIDTH)

    def forward(self, states: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        parts = (self.query(states), self.key(others), self.value(others))
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        scores = scores if mask is None else scores.masked_fill(~mask[:, None, None], float("-inf"))
        return self.out((self.weights(scores.softmax(-1)) @ value).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers around a nonlinearity, beside the residual stream."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, states: Tensor) -> Tensor:
        return states + self.fc2(functional.gelu(self.fc1(functional.layer_norm(states, states.shape[-1:]))))


class Layer(Mlp):
    """A layer of the denoiser."""

    def __init__(self) -> None:
        super().__init__(WIDTH, INNER)
        self.self_attention, self.cross_attention = Attention(WIDTH), Attention(TEXT_WIDTH)

    def forward(self, states: Tensor, text: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        normed = functional.layer_norm(states, (WIDTH,))
        states = states + self.self_attention(normed, normed)
        states = states + self.cross_attention(functional.layer_norm(states, (WIDTH,)), text, mask)
        return super().forward(states)


class ToyModel(nn.Module):
    """All of it, with random weights. ``null`` stands for each token of the prompt in unconditional rows."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.embed, self.null = nn.Embedding(VOCABULARY, TEXT_WIDTH), nn.Parameter(torch.zeros(TEXT_WIDTH))
        self.text = nn.Sequential(*(Mlp(TEXT_WIDTH, TEXT_INNER) for _ in range(2)))
        self.time, self.enter, self.leave = nn.Linear(1, WIDTH), nn.Linear(LATENT, WIDTH), nn.Linear(WIDTH, LATENT)
        self.denoiser = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.encoder = nn.Conv1d(1, LATENT, HOP, stride=HOP)
        convolutions = (
            nn.Conv1d(LATENT, CHANNELS[0], 3, padding=1),
            nn.ConvTranspose1d(CHANNELS[0], CHANNELS[1], 8, stride=4, padding=2),
            nn.ConvTranspose1d(CHANNELS[1], CHANNELS[2], 16, stride=8, padding=4),
            nn.Conv1d(CHANNELS[2], SIDES, 7, padding=3),
        )
        self.codec = nn.Sequential(*(nn.Sequential(each, nn.Tanh()) for each in convolutions))
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in self.parameters():
                weight.normal_(0, GAIN / (weight[0].numel() if weight.ndim > 1 else 4) ** 0.5, generator=random)
            self.embed.weight.normal_(0, 1.5, generator=random)

    def velocity(self, latents: Tensor, noise: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Towards noise, (rows, latent width, frames), at latents with so much noise (rows,)."""
        states = torch.cat([self.time(noise[:, None])[:, None], self.enter(latents.transpose(1, 2))], 1)
        for layer in self.denoiser:
            states = layer(states, text, mask)
        return self.leave(states[:, 1:]).transpose(1, 2)


def save(folder: Path, seed: int = 0) -> Path:
    """Write the toy as a folder that the command line can load."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": MODEL_TYPE}))
    save_file(ToyModel(seed).state_dict(), folder / "model.safetensors")
    return folder


def load(folder: Path, name: str, device: str, dtype: torch.dtype, adapter: str | None) -> ToyDiffusion:
    """Load what :func:`save` wrote."""
    if adapter is not None:
        raise TonescopeError(f"{name} takes no adapter; leave the option out.")
    model = ToyModel()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return ToyDiffusion(model.to(device, dtype), name, folder)


@dataclass(frozen=True)
class Clock:
    """What passes through: steps from ``first`` on of which takes, and for how many frames the codec sounds."""

    first: int = 0
    steps: int = 1
    rows: Tensor | None = None
    frames: int = 0


class ProjectedGuidance:
    """Guidance with momentum over steps and a bound on its length (APG: Sadat et al. 2024, arXiv 2410.02416)."""

    def __init__(self, scale: float) -> None:
        self.scale, self.running = scale, torch.zeros(())

    def __call__(self, velocities: Tensor) -> Tensor:
        """One step: (takes, latent width, frames) of (branches, takes, latent width, frames)."""
        if len(velocities) == 1:
            return velocities[0]
        self.running = velocities[0] - velocities[1] + MOMENTUM * self.running
        length = self.running.flatten(1).norm(dim=1)[:, None, None]
        push = self.running * (LONGEST_PUSH / length.clamp_min(1e-6)).clamp_max(1.0)
        return velocities[0] + (self.scale - 1) * push


class ToyDiffusion(Anatomy):
    """The toy under the microscope. The state of takes: ``latents`` (takes, steps, latent width, frames), the input of
    every step, and the ``final`` ones (takes, latent width, frames)."""

    model: ToyModel
    description, caveat = f"a toy, {LAYERS} layers, {STEPS} denoising steps", ""
    sample_rate, frame_rate, n_channels = SAMPLE_RATE, SAMPLE_RATE / HOP, SIDES
    longest_seconds, shortest_seconds = 10.0, HOP / SAMPLE_RATE

    def __init__(self, model: ToyModel, name: str = "toy", folder: Path | None = None) -> None:
        super().__init__(model, name, PATHS, LACKS)
        self.folder, self.clock = folder, Clock()

    def heads(self, location: Location) -> int:
        return HEADS

    def width(self, location: Location) -> int:
        self.place(location)
        if location.network == "codec":
            return CHANNELS[location.layer]
        return WIDTH if location.name == "residual" else super().width(location)

    def branches(self, location: Location, guidance: float) -> tuple[Branch, ...]:
        return ("cond", "uncond") if location.network == "denoiser" and guidance > 1 else ("shared",)

    def steps(self, location: Location) -> int:
        return STEPS if location.network == "denoiser" else 1

    def along(self, location: Location, frames: int, tokens: int) -> int:
        return {"text": tokens, "denoiser": frames, "codec": frames * RATES[location.layer]}[location.network]

    def layout(self, location: Location, guidance: float) -> Layout:
        """Unconditional rows first; in a branch the takes of one step, then of the next; a position for the time."""
        clock, branches = self.clock, self.branches(location, guidance)
        if location.network == "codec":
            return Layout(branches, features_axis=1, frames=clock.frames, takes=clock.rows)
        if location.network == "text":
            return Layout(branches, takes=clock.rows)
        steps: Any = {"steps": clock.steps, "first_step": clock.first, "axes": ("branch", "step", "take")}
        return Layout(branches[::-1], prefix=1, takes=clock.rows, **steps)

    @contextmanager
    def working_on(self, rows: Tensor | None) -> Iterator[None]:
        self.clock = Clock(rows=rows)
        try:
            yield
        finally:
            self.clock = Clock()

    def read_text(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        split = [list(re.finditer(r"\w+|[^\w\s]", prompt)) for prompt in prompts]
        longest = max(1, *map(len, split), 1)
        if longest > LONGEST_PROMPT:
            raise TonescopeError(f"the prompt has {longest} tokens and {self.name} reads {LONGEST_PROMPT}; shorten it.")
        spelled = [[(word[0], word.span()) for word in words] for words in split]
        padded = [[*words, *[("", (0, 0))] * (longest - len(words))] for words in spelled]
        ids = torch.tensor([[zlib.crc32(word.lower().encode()) % VOCABULARY for word, _ in row] for row in padded])
        mask = (torch.arange(longest) < torch.tensor([[max(1, len(words))] for words in split])).to(self.device)
        states = self.model.text(self.model.embed(ids.to(self.device))) * mask[..., None]
        words, spans = (tuple(tuple(token[part] for token in row) for row in padded) for part in (0, 1))
        return Text(states, mask, words, spans)  # type: ignore[arg-type]

    def token_mask(self, prompts: Sequence[str]) -> Tensor:
        return self.read_text(prompts).mask.cpu()

    def batches(self, prompts: Sequence[str]) -> list[list[int]]:
        return [list(range(len(prompts)))]

    def frames(self, seconds: float) -> int:
        return max(1, round(seconds * self.frame_rate))

    def frames_of(self, takes: Takes) -> int:
        return takes.state["final"].shape[2]

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        seconds: float,
        sampling: Sampling = Sampling(),
        hooks: Iterable[Hook] = (),
        *,
        decode: bool = True,
    ) -> Takes:
        noise = self._noise(seeds, self.frames(seconds))
        now, inputs = noise[:, 0], list[Tensor]()
        with hooked(hooks), self.working_on(None):
            text, guide = self.read_text(prompts), ProjectedGuidance(sampling.guidance)
            for step in range(STEPS):
                inputs.append(now)
                velocity = guide(self._velocities(now[:, None], text, sampling.guidance, step)[:, :, 0])
                now = now + STRIDES[step] * velocity + FRESH_NOISE[step] * noise[:, 1 + step]
            waveform = self._sound(now).mean(1).float().cpu() if decode else torch.zeros(len(seeds), 0)
        state = {"latents": torch.stack(inputs, 1).cpu(), "final": now.cpu()}
        return Takes(tuple(prompts), tuple(seeds), state, waveform)

    @torch.no_grad()
    def predict(self, takes: Takes, sampling: Sampling, passes: int = STEPS) -> Takes:
        """All steps at once, each pass from the latents of the one before; as many passes as steps are a generation."""
        noise, text = self._noise(takes.seeds, self.frames_of(takes)), self.read_text(takes.prompts)
        fresh = self._by_step(FRESH_NOISE) * noise[:, 1:]
        for _ in range(passes):
            guided = self.replay(takes, text, sampling).predicted
            path = torch.cat([noise[:, :1], self._by_step(STRIDES) * guided + fresh], 1).cumsum(1).cpu()
            takes = replace(takes, state={"latents": path[:, :-1], "final": path[:, -1]})
        return replace(takes, waveform=self.channels(takes).mean(1))

    def _noise(self, seeds: Sequence[int], frames: int) -> Tensor:
        """Of each seed the first latents and the noise of every step: (takes, 1 + steps, latent width, frames)."""
        drawn = {}
        for seed in set(seeds):
            random = np.random.Generator(np.random.Philox(key=seed & (2**64 - 1)))
            drawn[seed] = torch.from_numpy(random.standard_normal((1 + STEPS, LATENT, frames)))
        return torch.stack([drawn[seed] for seed in seeds]).to(self.device, self.dtype)

    def _by_step(self, numbers: Sequence[float]) -> Tensor:
        """One number a step, to multiply (takes, steps, latent width, frames) by."""
        return torch.tensor(numbers, device=self.device, dtype=self.dtype)[:, None, None]

    def _velocities(self, latents: Tensor, text: Text, guidance: float, first: int) -> Tensor:
        """(branches, takes, steps, latent width, frames), conditional first, for some steps from ``first`` on."""
        takes, steps = latents.shape[:2]
        states, mask = text.states.repeat(steps, 1, 1), text.mask.repeat(steps, 1)
        rows = latents.transpose(0, 1).flatten(0, 1)
        noise = self._by_step(SIGMAS[first : first + steps]).flatten().repeat_interleave(takes)
        if guidance > 1:
            states = torch.cat([self.model.null.expand_as(states), states])
            rows, mask, noise = (torch.cat([part, part]) for part in (rows, mask, noise))
        self.clock = replace(self.clock, first=first, steps=steps)
        found = self.model.velocity(rows, noise, states, mask)
        return found.unflatten(0, (-1, steps, takes)).transpose(1, 2).flip(0)  # type: ignore[no-any-return]

    def replay(self, takes: Takes, text: Text, sampling: Sampling, *, follow_inputs: bool = False, **_: bool) -> Replay:
        """Takes and steps are rows, a few steps at a time; guidance then goes through all. Guided velocities are
        ``predicted``: (takes, steps, latent width, frames)."""
        parts = takes.state["latents"].to(self.device).split(STEPS_TOGETHER, 1)
        if follow_inputs:
            parts = tuple(part.clone().requires_grad_() for part in parts)
        firsts = range(0, STEPS, STEPS_TOGETHER)
        found = [self._velocities(part, text, sampling.guidance, at) for at, part in zip(firsts, parts, strict=True)]
        guide = ProjectedGuidance(sampling.guidance)
        predicted = torch.stack([guide(step) for step in torch.cat(found, 2).unbind(2)], 1)
        return Replay(takes, text, sampling, predicted, dict(enumerate(parts)) if follow_inputs else {})

    def run(self, takes: Takes, sampling: Sampling, locations: Iterable[Location]) -> Text:
        networks, text = {location.network for location in locations}, self.read_text(takes.prompts)
        if "denoiser" in networks:
            self.replay(takes, text, sampling)
        if "codec" in networks:
            self._sound(takes.state["final"].to(self.device))
        return text

    def expected(self, replay: Replay) -> tuple[Tensor, ...]:
        """Where the velocities lead, up to what noise adds."""
        way = (self._by_step(STRIDES) * replay.predicted).sum(1)
        return ((replay.takes.state["latents"][:, 0].to(self.device) + way).transpose(1, 2),)

    def latents(self, replay: Replay, anchor: Anchor = None, *, version: int = 0) -> tuple[Tensor, ...]:
        """The final latents, and the gradient of where the velocities lead. A neighbour has a little more noise."""
        (expected,) = self.expected(replay)
        final = replay.takes.state["final"].to(self.device).transpose(1, 2)
        if version:
            final = final + NEIGHBOURHOOD * self._noise([version], final.shape[1])[:, 0].transpose(1, 2)
        return (final + expected - (anchor[0] if anchor else expected.detach()),)

    def rollout(self, replay: Replay) -> Tensor:
        """What the latents of later steps pull at is where the velocities of earlier ones have led."""
        pulls = torch.cat([part.grad for part in replay.inputs.values() if part.grad is not None], 1)  # type: ignore[misc]
        for part in replay.inputs.values():
            part.grad = None
        return self._by_step(STRIDES) * (pulls.flip(1).cumsum(1).flip(1) - pulls)

    def log_likelihood(self, replay: Replay) -> Tensor:
        """How well the finished take is foretold at every step: minus the squared error, mean over steps and width."""
        before, final = (replay.takes.state[name].to(self.device) for name in ("latents", "final"))
        foretold = before - self._by_step(SIGMAS[:-1]) * replay.predicted
        return -(foretold - final[:, None]).square().mean((1, 2))

    @torch.no_grad()
    def text_attention(self, takes: Takes, sampling: Sampling) -> Tensor:
        """Cross-attention of the prompted branch, mean over heads and steps."""
        locations = self.locations("denoiser.cross")
        found = [torch.zeros(0) for _ in locations]

        def add(layer: int, weights: Tensor) -> None:
            seen = self.layout(locations[layer], sampling.guidance).split(weights.mean(1))[0].sum(1) / STEPS
            found[layer] = found[layer] + seen if len(found[layer]) else seen

        layers: Any = self.model.denoiser
        places = [Place(layer.cross_attention.weights, "output", "cross-attention") for layer in layers]
        with hooked([read(place, partial(add, layer)) for layer, place in enumerate(places)]):
            self.replay(takes, self.read_text(takes.prompts), sampling)
        return torch.stack(found, 1).cpu()

    def _sound(self, latents: Tensor) -> Tensor:
        """(takes, sides, samples) of latents (takes, latent width, frames)."""
        self.clock = replace(self.clock, frames=latents.shape[2])
        return self.model.codec(latents)  # type: ignore[no-any-return]

    def decode(self, latents: Sequence[Tensor]) -> Tensor:
        return self._sound(latents[0].transpose(1, 2)).mean(1)

    @torch.no_grad()
    def channels(self, takes: Takes) -> Tensor:
        return self._sound(takes.state["final"].to(self.device)).float().cpu()

    @torch.no_grad()
    def round_trip(self, waveform: Tensor) -> Tensor:
        whole = functional.pad(waveform, (0, -waveform.shape[1] % HOP)).to(self.dtype)
        return self._sound(self.model.encoder(whole[:, None])).mean(1)[:, : waveform.shape[1]]

    @property
    def silence(self) -> Tensor:
        return self.model.encoder(torch.zeros(1, 1, HOP, device=self.device, dtype=self.dtype))[0, :, 0]

    def cost(self, seconds: float, tokens: int, guidance: float) -> Cost:
        frames, size, rows = self.frames(seconds), self.dtype.itemsize, (2 if guidance > 1 else 1) * self.dtype.itemsize
        return Cost(
            row=rows * (frames * (LATENT * STEPS + 8 * WIDTH + INNER) + (frames + tokens) * frames * HEADS),
            decoding=frames * HOP * max(CHANNELS) * size,
            waveform=frames * HOP * 4,
            attribution=STEPS * rows * frames * LAYERS * (24 * WIDTH + 6 * INNER + HEADS * frames),
        )

    def random_takes(self, prompt: str, seconds: float) -> Takes:
        latents = torch.randn(1, 1 + STEPS, LATENT, self.frames(seconds), dtype=self.dtype)
        return Takes((prompt,), (0,), {"latents": latents[:, :-1], "final": latents[:, -1]}, torch.zeros(1, 0))
