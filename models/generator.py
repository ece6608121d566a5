"""The seam for generators: what a model has to offer so that everything else works on it.

MusicGen is one implementation, a diffusion model another. Nothing outside a family knows what its takes are made of,
how its rows are ordered, or how it draws: those who look ask for a :class:`tonescope.models.layout.Layout`, and those
who play ask for :class:`Takes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from tonescope.models.hooks import Hook, Place
from tonescope.models.layout import Branch, Layout
from tonescope.models.units import Location, Unit

State = Mapping[str, Tensor]
"""What finished takes are made of, by name; the first axis of every tensor is the takes."""


@dataclass(frozen=True)
class Sampling:
    """How takes are drawn. ``top_k`` is always stated: libraries differ in their default. A family ignores what it
    has no use for, but for a ``negative`` prompt, which guidance steers away from: those that read none refuse it (see
    :func:`tonescope.models.played_with.check_sampling`)."""

    guidance: float = 3.0
    temperature: float = 1.0
    top_k: int = 250
    negative: str = ""


UNGUIDED = Sampling(guidance=1.0)  # the prompted branch is all there is


@dataclass(frozen=True)
class Takes:
    """Generated audio, on the CPU.

    Attributes:
        prompts: one a take.
        seeds: one a take; takes of equal seed share their sampling noise (*paired takes*).
        state: what the family needs to replay them.
        waveform: (takes, samples) float32; the sides of a stereo image are averaged.
    """

    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    state: State
    waveform: Tensor

    def __len__(self) -> int:
        return len(self.seeds)

    def pick(self, rows: Sequence[int]) -> Takes:
        """Some of the takes, in this order, as a set of their own."""
        chosen = list(rows)
        return Takes(
            tuple(self.prompts[row] for row in chosen),
            tuple(self.seeds[row] for row in chosen),
            {name: tensor[chosen] for name, tensor in self.state.items()},
            self.waveform[chosen],
        )

    def rows(self, start: int, stop: int) -> Takes:
        """Takes ``start`` to ``stop`` as a set of their own."""
        return self.pick(range(len(self))[start:stop])

    def with_prompt(self, prompt: str) -> Takes:
        """The same takes, to be read under another prompt."""
        return Takes((prompt,) * len(self), self.seeds, self.state, self.waveform)

    @property
    def distinct(self) -> int:
        """How many different takes there are."""
        rows = (tuple(_bytes(tensor[row]) for tensor in self.state.values()) for row in range(len(self)))
        return len(set(rows))

    @classmethod
    def join(cls, parts: Sequence[Takes]) -> Takes:
        """Batches as one set of takes."""
        return cls(
            tuple(prompt for part in parts for prompt in part.prompts),
            tuple(seed for part in parts for seed in part.seeds),
            {name: torch.cat([part.state[name] for part in parts]) for name in parts[0].state},
            torch.cat([part.waveform for part in parts]),
        )


def _bytes(tensor: Tensor) -> bytes:
    """What a tensor of any type holds; numpy knows no bfloat16."""
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@dataclass(frozen=True)
class Text:
    """Prompts as the network that plays reads them.

    Attributes:
        states: (rows, tokens, width), after any projection.
        mask: (rows, tokens).
        tokens: the tokens of each row.
        spans: which characters of its prompt each token spells; empty where the tokenizer cannot say.
        lyrics_from: from which character of each prompt on it is sung, its length where nothing is; empty where a
            model reads no lyrics.
    """

    states: Tensor
    mask: Tensor
    tokens: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[tuple[int, int], ...], ...]
    lyrics_from: tuple[int, ...] = ()


@dataclass
class Replay:
    """Finished takes, passed through the network once more: the past of every prediction is what it was.

    Attributes:
        takes: what was replayed; ``text``, under which prompts; ``sampling``, how it was drawn.
        predicted: what the network predicts, takes first; the rest of its shape is the family's own. Gradients pass
            through.
        inputs: with ``follow_inputs``, where finished parts of the take enter the network, as leaves that catch a
            gradient.
        followed: the share of the denoising steps that gradients pass through; all, where nothing is denoised.
    """

    takes: Takes
    text: Text
    sampling: Sampling
    predicted: Tensor
    inputs: dict[Any, Tensor] = field(default_factory=dict)
    followed: float = 1.0


@dataclass(frozen=True)
class Cost:
    """What playing takes, in bytes, known beforehand.

    Attributes:
        row: one row of a generation.
        decoding: while the codec decodes, a few rows at a time.
        waveform: one finished take.
        attribution: a generous guess at one take of an attribution, which costs nothing to make.
    """

    row: int
    decoding: int
    waveform: int
    attribution: int


class Generator(Protocol):
    """A text-to-music model and an address for every unit.

    Attributes:
        name: what the user called it.
        description: what kind of model it is, in a few words.
        caveat: what a reader of any result has to know of this kind of model; empty if nothing.
        folder: where it was loaded from, if that is a folder.
        model: the modules; hooks are put on these, and nothing else is asked of them outside the family.
        sample_rate: samples a second; ``frame_rate``, steps of the latents a second.
        n_channels: 2 for a stereo image.
        longest_seconds: the longest audio it was trained on; ``shortest_seconds``, the shortest it can play.
    """

    name: str
    description: str
    caveat: str
    folder: Path | None
    model: Any
    sample_rate: int
    frame_rate: float
    n_channels: int
    longest_seconds: float
    shortest_seconds: float

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    @property
    def dtype(self) -> torch.dtype:
        """Its precision."""

    # --- places ------------------------------------------------------------------------------------------------------

    def locations(self, *keys: str) -> list[Location]:
        """Every location, or those of the named sites (``decoder.mlp``) that the model has, by layer."""

    def asked(self, keys: Sequence[str]) -> list[Location]:
        """Every location of sites that somebody asked for; refuses one that this model lacks."""

    def location(self, text: str) -> Location:
        """Parse a location and check that this model has it."""

    def unit(self, text: str) -> Unit:
        """Parse a unit and check that this model has it."""

    def check_unit(self, unit: Unit) -> None:
        """Refuse a unit that this model does not have."""

    def place(self, location: Location) -> Place:
        """The module and side at a location."""

    def features(self, location: Location) -> int:
        """Width of the tensor at a location."""

    def units(self, location: Location) -> int:
        """Number of units there."""

    def head_width(self, location: Location) -> int:
        """Features that one unit is wide: more than one for heads."""

    def branches(self, location: Location, guidance: float) -> tuple[Branch, ...]:
        """The guidance branches that pass through a location, conditional first."""

    def steps(self, location: Location) -> int:
        """Denoising steps that pass through a location; 1 where there is no such thing."""

    def along(self, location: Location, frames: int, tokens: int) -> int:
        """How long the tensor at a location is, beside units, for a take of so many frames and tokens."""

    def layout(self, location: Location, guidance: float) -> Layout:
        """How the tensor that passes through a location right now is arranged."""

    def activation_dtype(self, location: Location) -> torch.dtype:
        """The precision of the activations at a location."""

    # --- playing -----------------------------------------------------------------------------------------------------

    def read_text(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        """Encode prompts as they will be read; refuses one that is too long. Some models read in words how many
        ``seconds`` are asked for: of finished takes, :func:`read_takes` tells them."""

    def token_mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the prompts, as the text encoder is given them, are tokens and not padding: (rows,
        tokens)."""

    def batches(self, prompts: Sequence[str]) -> list[list[int]]:
        """Rows that may share a batch."""

    def frames(self, seconds: float) -> int:
        """Whole frames of a take of this length."""

    def frames_of(self, takes: Takes) -> int:
        """Whole frames of finished takes."""

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        seconds: float,
        sampling: Sampling = ...,
        hooks: Iterable[Hook] = ...,
        *,
        decode: bool = ...,
    ) -> Takes:
        """One take a (prompt, seed) row. The noise of a take depends on its seed alone, whatever else is in the
        batch."""

    def predict(self, takes: Takes, sampling: Sampling, passes: int = ...) -> Takes:
        """About what ``takes`` become under the edits in force, and under their prompts where those are new: a few
        parallel passes."""

    def working_on(self, rows: Tensor | None) -> AbstractContextManager[None]:
        """Within the block these rows of the whole pass through, so that edits in force find their own."""

    # --- replaying ---------------------------------------------------------------------------------------------------

    def replay(
        self, takes: Takes, text: Text, sampling: Sampling, *, follow_inputs: bool = False, few_steps: bool = False
    ) -> Replay:
        """Teacher forcing: finished takes once more, in one parallel pass; hooks fire, gradients pass.

        With ``few_steps`` a model that denoises may compute a few of its steps, evenly spread, and take the others as
        they were played: where nothing is edited, and every step need not be seen.
        """

    def run(self, takes: Takes, sampling: Sampling, locations: Iterable[Location]) -> Text:
        """Pass finished takes once through the networks that the locations are in, for the hooks there."""

    def expected(self, replay: Replay) -> tuple[Tensor, ...]:
        """The latents that the network expects, (takes, frames, width): one tensor a run of the codec (a side, or
        all)."""

    def latents(
        self, replay: Replay, anchor: Sequence[Tensor] | None = None, *, version: int = 0
    ) -> tuple[Tensor, ...]:
        """What the codec is given: the take's own latents, with the gradient of what the replay expects
        (straight-through).

        ``anchor`` is what the clean replay expects, where this one is edited; absent, this one. A ``version`` above 0
        is a neighbour of the take: one that could as well have been drawn, to smooth gradients over.
        """

    def decode(self, latents: Sequence[Tensor]) -> Tensor:
        """Waveform (takes, samples) of latents, one tensor a run of the codec; differentiable."""

    def log_likelihood(self, replay: Replay) -> Tensor:
        """Log-probability of the takes under the replay's prompt (takes, frames), up to what does not depend on the
        prompt."""

    def rollout(self, replay: Replay) -> Tensor:
        """The gradient that :attr:`Replay.inputs` caught, as a gradient by :attr:`Replay.predicted`; clears what was
        caught.

        A replay holds the past fixed; this follows what a changed prediction does to the ones after it, a step on.
        """

    @property
    def silence(self) -> Tensor:
        """The latent of silence: (width,)."""

    def text_attention(self, takes: Takes, sampling: Sampling) -> Tensor:
        """Where the network looks in the prompt: (takes, layers, frames, tokens), those of :meth:`read_text`; refuses
        where there is no such thing."""

    # --- sound, cost, identity ---------------------------------------------------------------------------------------

    def channels(self, takes: Takes) -> Tensor:
        """Waveform (takes, channels, samples), as listeners hear it."""

    def round_trip(self, waveform: Tensor) -> Tensor:
        """(takes, samples) through the codec and back, one channel."""

    def cost(self, seconds: float, tokens: int, guidance: float) -> Cost:
        """What a take of this length will need."""

    def random_takes(self, prompt: str, seconds: float) -> Takes:
        """One take of a random state and no sound, to count memory on."""

    def fingerprint(self) -> str:
        """Tells apart models that share a name (another revision, another adapter)."""


def read_takes(generator: Generator, takes: Takes) -> Text:
    """The prompts of finished takes, as they are read for takes of that length."""
    return generator.read_text(takes.prompts, generator.frames_of(takes) / generator.frame_rate)


@runtime_checkable
class Encodes(Protocol):
    """The optional part of a generator that can take in sound which it did not play: only some families have it."""

    def encode(self, waveform: Tensor, rate: int, prompt: str) -> Takes:
        """Takes whose state is what (takes, samples) of mono sound at ``rate`` Hz would be made of, to be replayed
        under a prompt. Their waveform is what the codec makes of that."""


@runtime_checkable
class Symbolic(Protocol):
    """The optional part of a generator whose takes are made of symbols, so that equal passages can be looked up."""

    def symbols(self, takes: Takes) -> Tensor:
        """The coarsest symbol of every frame (takes, frames): equal where takes sound about alike for that frame."""
