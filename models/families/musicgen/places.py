"""Where the sites of a MusicGen are, how wide, and how the tensor at each of them is arranged at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tonescope.models.anatomy import Anatomy, refuse_compiled
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.classes import CLASSES
from tonescope.models.families.musicgen.codec import Codec
from tonescope.models.families.musicgen.delay import delays, positions_for
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.families.zero_prompts import reads_nothing
from tonescope.models.layout import Branch, Layout
from tonescope.models.units import Location


@dataclass
class Clock:
    """Where in the audio the tensor at a hook belongs.

    Attributes:
        start: the first audio position in it (:mod:`.delay` maps positions to frames).
        prefix: how many leading positions are prompt rather than audio.
        rows: which takes it holds, where they are worked through a few at a time; ``None`` means all of them.
        frames: how many frames the codec is working on.
        side: which side of a stereo image the codec is working on.
    """

    start: int = 0
    prefix: int = 0
    rows: Tensor | None = None
    frames: int = 0
    side: int = 0


class Places(Anatomy):
    """The places of a MusicGen, and the clock that says what passes through them.

    Args:
        model: a model of one of :data:`.classes.CLASSES`.
        name: what the user called it.
    """

    model: PreTrainedModel

    def __init__(self, model: PreTrainedModel, name: str) -> None:
        refuse_compiled(model, name)
        found = next((row for row in CLASSES if row.model_class == type(model).__name__), None)
        if found is None:
            known = ", ".join(row.model_class for row in CLASSES)
            raise TonescopeError(
                f"{name} is a {type(model).__name__}, which Tonescope cannot look into; it knows {known}."
            )
        self.kind = found
        super().__init__(
            model, name, {**TEXT_PATHS.get(model.config.text_encoder.model_type, {}), **found.paths}, found.lacks
        )
        self.codec = Codec(model.audio_encoder)
        decoder = model.config.decoder
        self.n_codebooks, self.vocab_size = decoder.num_codebooks, decoder.vocab_size
        self.n_channels, self.pad = decoder.audio_channels, decoder.pad_token_id
        self.delay = delays(self.n_codebooks, self.n_channels)
        self.clock = Clock()

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """Its precision; the codec's is single at least."""
        return self.model.dtype

    def activation_dtype(self, location: Location) -> torch.dtype:
        """The precision of the activations at a location."""
        return self.codec.model.dtype if location.network == "codec" else self.dtype

    @contextmanager
    def working_on(self, rows: Tensor | None) -> Iterator[None]:
        """Within the block these takes pass through; after it, however it ends, the clock is back at its start."""
        self.clock = Clock(rows=rows)
        try:
            yield
        finally:
            self.clock = Clock()

    # --- how tensors are arranged ------------------------------------------------------------------------------------

    def branches(self, location: Location, guidance: float) -> tuple[Branch, ...]:
        """The decoder runs each prompt and the empty one, but for cross-attention where that reads nothing of the
        latter."""
        if guidance <= 1 or location.network != "decoder":
            return ("shared",)
        return ("cond",) if location.name == "cross" and self.skippable_attention else ("cond", "uncond")

    def steps(self, location: Location) -> int:
        """There are no denoising steps: 1."""
        return 1

    def layout(self, location: Location, guidance: float) -> Layout:
        """Conditional rows first, then the unconditional ones; positions of audio after those of the prompt."""
        clock, branches = self.clock, self.branches(location, guidance)
        if location.network == "codec":
            sides = {"part": clock.side, "parts": self.n_channels}
            return Layout(branches, features_axis=1, frames=clock.frames, takes=clock.rows, **sides)
        if location.network == "text":
            return Layout(branches, takes=clock.rows)
        return Layout(branches, prefix=clock.prefix, start=clock.start, takes=clock.rows)

    @cached_property
    def skippable_attention(self) -> list[nn.Module]:
        """The cross-attention of every layer, where an empty prompt leaves it nothing to read; otherwise none."""
        ways = [self._way(self.path(location)) for location in self.locations("decoder.cross")]
        attentions = [way[-2] for way in ways]
        return attentions if all(map(reads_nothing, attentions)) else []

    # --- how wide and long they are ----------------------------------------------------------------------------------

    def heads(self, location: Location) -> int:
        """Attention heads of the text encoder or the decoder."""
        config = self.model.config.text_encoder if location.network == "text" else self.model.config.decoder
        return int(config.num_attention_heads)

    def width(self, location: Location) -> int:
        """Width of the tensor at a location."""
        if location.network == "codec":
            self.place(location)
            return self._codec_shapes[location][0]
        if location.name == "residual":
            self.place(location)
            return int(self.model.config.decoder.hidden_size)
        return super().width(location)

    def along(self, location: Location, frames: int, tokens: int) -> int:
        """How long the tensor is, beside units: in tokens, decoder positions, or samples of the codec layer of all
        sides."""
        if location.network == "text":
            return tokens
        if location.network == "codec":
            return round(frames * self._codec_shapes[location][1]) * self.n_channels
        return positions_for(frames, self.delay)

    @cached_property
    def _codec_shapes(self) -> dict[Location, tuple[int, float]]:
        sites = self.locations("codec.encoder", "codec.decoder")
        return self.codec.shapes({location: self.place(location) for location in sites})
