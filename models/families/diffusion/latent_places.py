"""Where the sites of a pipeline are, how wide, and how the tensor at each of them is arranged at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tonescope.models.anatomy import Anatomy, refuse_compiled
from tonescope.models.families.diffusion.oobleck import Oobleck
from tonescope.models.generator import Text
from tonescope.models.hooks import Place
from tonescope.models.layout import Branch, Layout
from tonescope.models.outline import Key
from tonescope.models.units import Location


class PromptReader(Protocol):
    """How a pipeline reads prompts.

    Attributes:
        words: which tokens of the last batch that the text encoder was given are words of the prompt: (rows, tokens).
    """

    words: Tensor | None

    def mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions, as the text encoder is given them, are tokens and not padding: (rows, tokens)."""

    def read(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        """Encode prompts as the denoiser is told them."""


class Codec(Protocol):
    """What turns latents into sound, and back: :class:`.oobleck.Oobleck`, :class:`.same_autoencoder.Same`."""

    model: Any
    hop: int
    sample_rate: int
    frame_rate: float
    channels: int
    lookahead: int
    features_axis: int

    @property
    def silence(self) -> Tensor:
        """The latent of silence: (width,)."""

    def sound(self, latents: Tensor) -> Tensor:
        """(rows, channels, samples) of latents (rows, width, frames); differentiable."""

    def encode(self, waveform: Tensor) -> Tensor:
        """The latents (rows, width, frames) of sound (rows, channels, samples)."""

    def shapes(self, places: dict[Location, Place]) -> dict[Location, tuple[int, float]]:
        """Channels at every place, and positions a frame."""

    def decoding_bytes(self, frames: int) -> int:
        """What decoding so many frames of one take needs."""

    def saved_bytes(self, frames: int) -> int:
        """What a backward pass through that needs."""


class Parts(nn.Module):
    """The networks of a pipeline as one module, by their names in ``model_index.json``."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


@dataclass(frozen=True)
class Clock:
    """What passes through: steps from ``first`` on of which takes, and how many frames the codec works on."""

    first: int = 0
    steps: int = 1
    rows: Tensor | None = None
    frames: int = 0


class LatentPlaces(Anatomy):
    """The places of a pipeline with the networks ``transformer``, ``text_encoder`` and ``vae``, and the clock that says
    what passes through them. Rows are nested branch, step, take.

    Args:
        model: the networks.
        name: what the user called it.
        paths: dotted module path of each site.
        lacks: why a site that other families have does not exist here.
        steps: denoising steps of a generation.
    """

    model: Any
    order: tuple[Branch, Branch] = ("uncond", "cond")
    """In which order the rows of guidance are."""
    prefix = 1
    """Leading positions of the denoiser that are no audio."""
    fixed_frames: int | None = None
    """How many frames the denoiser always works on, where the length of a take changes nothing in that."""
    patch = 1
    """Frames of latents that are one position of the denoiser."""
    reader: PromptReader
    codec: Codec

    def __init__(self, model: Parts, name: str, paths: Mapping[Key, str], lacks: Mapping[Key, str], steps: int) -> None:
        refuse_compiled(model, name)
        super().__init__(model, name, paths, lacks)
        self.codec, self.denoising_steps, self.clock = self._codec(), steps, Clock()

    def _codec(self) -> Codec:
        """What turns latents into sound."""
        return Oobleck(self.model.vae)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return next(self.model.transformer.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the denoiser; the codec's is single at least."""
        return next(self.model.transformer.parameters()).dtype

    def activation_dtype(self, location: Location) -> torch.dtype:
        """The precision of the activations at a location."""
        return self.codec.model.dtype if location.network == "codec" else self.dtype  # type: ignore[no-any-return]

    def fingerprint(self) -> str:
        """Tells apart models that share a name, and the numbers of steps that they are played with."""
        return f"{super().fingerprint()}-{self.denoising_steps}"

    @contextmanager
    def working_on(self, rows: Tensor | None) -> Iterator[None]:
        """Within the block these takes pass through; after it, however it ends, the clock is what it was."""
        before, self.clock = self.clock, Clock(rows=rows)
        try:
            yield
        finally:
            self.clock = before

    # --- how tensors are arranged ------------------------------------------------------------------------------------

    def skipped_attention(self) -> list[nn.Module]:
        """Cross-attention that reads nothing but zeros in unconditional rows: none, by default."""
        return []

    def branches(self, location: Location, guidance: float) -> tuple[Branch, ...]:
        """The denoiser runs each prompt and none, but for cross-attention where that reads nothing of the latter."""
        if guidance <= 1 or location.network != "denoiser":
            return ("shared",)
        return ("cond",) if location.name == "cross" and self.skipped_attention() else ("cond", "uncond")

    def steps(self, location: Location) -> int:
        """Denoising steps that pass through a location."""
        return self.denoising_steps if location.network == "denoiser" else 1

    def layout(self, location: Location, guidance: float) -> Layout:
        """In a branch the takes of one step, then of the next; positions of audio after the prefix."""
        clock, branches = self.clock, self.branches(location, guidance)
        if location.network == "codec":
            axis = self.codec.features_axis
            return Layout(branches, features_axis=axis, frames=clock.frames, takes=clock.rows)
        if location.network == "text":
            return Layout(branches, takes=clock.rows, words=self.reader.words)
        if len(branches) == 2:
            branches = self.order
        nested: Any = {"steps": clock.steps, "first_step": clock.first, "axes": ("branch", "step", "take")}
        if self.patch > 1:  # the last position may be of frames that are not there
            nested["frames"] = self.patch * -(-clock.frames // self.patch)
        return Layout(branches, prefix=self.prefix, takes=clock.rows, **nested)

    # --- how wide and long they are ----------------------------------------------------------------------------------

    def heads(self, location: Location) -> int:
        """Attention heads of the text encoder or the denoiser."""
        config = self.model.text_encoder.config if location.network == "text" else self.model.transformer.config
        return int(config.num_attention_heads)

    def width(self, location: Location) -> int:
        """Width of the tensor at a location."""
        self.place(location)
        if location.network == "codec":
            return self._codec_shapes[location][0]
        if location.name == "residual":
            return self.features(Location(location.network, location.layer, "self"))
        return super().width(location)

    def frames(self, seconds: float) -> int:
        """Whole frames closest to a length in seconds, at least one. Where all of a fixed length is computed, a take
        that ends where the codec cannot look ahead any more is as long as there is."""
        frames = max(1, round(seconds * self.codec.frame_rate))
        if self.fixed_frames and frames > self.fixed_frames - self.codec.lookahead:
            return self.fixed_frames
        return frames

    def sounded_frames(self, frames: int) -> int:
        """How many frames the codec works on for a take of so many: more, where there are, because it looks ahead."""
        return min(frames + self.codec.lookahead, self.fixed_frames) if self.fixed_frames else frames

    def heard_frames(self, sounded: int) -> int:
        """The frames of a take for which the codec works on so many: inverse of :meth:`sounded_frames`."""
        return sounded if sounded == self.fixed_frames or not self.fixed_frames else sounded - self.codec.lookahead

    def along(self, location: Location, frames: int, tokens: int) -> int:
        """How long the tensor is, beside units: in tokens, frames of the denoiser, or samples of the codec's block."""
        if location.network == "text":
            return tokens
        if location.network == "denoiser":
            return -(-(self.fixed_frames or frames) // self.patch)
        sounded = self.sounded_frames(frames) if location.name == "decoder" else frames
        return round(sounded * self._codec_shapes[location][1])

    @cached_property
    def _codec_shapes(self) -> dict[Location, tuple[int, float]]:
        sites = self.locations("codec.encoder", "codec.decoder")
        return self.codec.shapes({location: self.place(location) for location in sites})
