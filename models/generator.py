"""The generator under the microscope: generate takes, replay finished codes, decode them; and name every unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase

from . import delay
from .errors import TonescopeError
from .hooks import Hook, Place, hooked
from .musicgen import FAMILIES, TEXT_PATHS
from .sampling import PairedSampling
from .units import SITES, Location, Unit

DECODE_ROWS = 4  # the codec is faster on a few rows at a time than on many: its activations stay in the cache


@dataclass(frozen=True)
class Sampling:
    """How takes are drawn. ``top_k`` is always stated: libraries differ in their default."""

    guidance: float = 3.0
    temperature: float = 1.0
    top_k: int = 250


@dataclass(frozen=True)
class Takes:
    """Generated audio: codes (takes, codebooks, frames) int64 and waveform (takes, samples) float32, both on the CPU."""

    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    codes: Tensor
    waveform: Tensor

    def __len__(self) -> int:
        return len(self.seeds)

    def rows(self, start: int, stop: int) -> Takes:
        """Takes ``start`` to ``stop`` as a set of their own."""
        part = slice(start, stop)
        return Takes(self.prompts[part], self.seeds[part], self.codes[part], self.waveform[part])


@dataclass(frozen=True)
class Text:
    """Prompts as the decoder sees them: states (rows, tokens, width) after projection, mask (rows, tokens), and the tokens."""

    states: Tensor
    mask: Tensor
    tokens: tuple[tuple[str, ...], ...]
    spans: tuple[tuple[tuple[int, int], ...], ...]


class Generator:
    """A MusicGen-like model, its tokenizer, and an address for every unit.

    Args:
        model: a ``MusicgenForConditionalGeneration`` in evaluation mode.
        tokenizer: its tokenizer.
        name: what the user called it.
        longest_seconds: the longest audio it was trained on, where known.
        folder: where it was loaded from, if that is a folder.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        longest_seconds: float = 30.0,
        folder: Path | None = None,
    ) -> None:
        self.model, self.tokenizer, self.name, self.longest_seconds, self.folder = (
            model.eval(),
            tokenizer,
            name,
            longest_seconds,
            folder,
        )
        self.family = next((family for family in FAMILIES.values() if family.model_class == type(model).__name__), None)
        if self.family is None:
            known = ", ".join(family.model_class for family in FAMILIES.values())
            raise TonescopeError(
                f"{name} is a {type(model).__name__}, which Tonescope cannot look into; it knows {known}."
            )
        model.requires_grad_(False)
        decoder, codec = model.config.decoder, model.config.audio_encoder
        self.books, self.size, self.pad = decoder.num_codebooks, decoder.vocab_size, decoder.pad_token_id
        self.channels = decoder.audio_channels
        self.delay = delay.delays(self.books, self.channels)
        self.sample_rate, self.frame_rate = codec.sampling_rate, codec.frame_rate
        self.layers = decoder.num_hidden_layers

    # --- addresses ---------------------------------------------------------------------------------------------------

    @cached_property
    def _paths(self) -> dict[tuple[str, str], str]:
        assert self.family is not None
        return {**TEXT_PATHS.get(self.model.config.text_encoder.model_type, {}), **self.family.paths}

    @cached_property
    def _modules(self) -> dict[str, nn.Module]:
        return dict(self.model.named_modules())

    def locations(self, *keys: str) -> list[Location]:
        """Every location of the model, or those of the named sites (``decoder.mlp``), by layer."""
        found = []
        for site in SITES:
            if keys and f"{site.network}.{site.name}" not in keys:
                continue
            path, layer = self._paths.get((site.network, site.name)), 0
            while path and path.format(layer) in self._modules:
                found.append(Location(site.network, layer, site.name))
                layer += 1
        return found

    def place(self, location: Location) -> Place:
        """The module and side at a location. Raises :class:`TonescopeError` when the model has no such location."""
        path = self._paths.get((location.network, location.name))
        module = self._modules.get(path.format(location.layer)) if path else None
        if module is None:
            raise TonescopeError(f"{self.name} has no location {location}; `tonescope units` lists those it has.")
        return Place(module, location.site.side, str(location))

    def head_width(self, location: Location) -> int:
        """Features that make up one unit: the head's width for heads, 1 for everything else."""
        if location.site.units != "head":
            return 1
        config = self.model.config.text_encoder if location.network == "text" else self.model.config.decoder
        module: Any = self.place(location).module
        return int(module.in_features) // int(config.num_attention_heads)

    def features(self, location: Location) -> int:
        """Width of the tensor at a location."""
        module: Any = self.place(location).module
        if location.name == "residual":
            return int(self.model.config.decoder.hidden_size)
        if isinstance(module, nn.Linear):
            return int(module.in_features)
        raise TonescopeError(f"the width of {location} is only known once something has passed through it.")

    def units(self, location: Location) -> int:
        """Number of units at a location."""
        return self.features(location) // self.head_width(location)

    def unit(self, text: str) -> Unit:
        """Parse a unit and check that this model has it."""
        unit = Unit.parse(text)
        if unit.index >= (count := self.units(unit.location)):
            raise TonescopeError(f"{unit.location} of {self.name} has units 0 to {count - 1}, so there is no {unit}.")
        return unit

    # --- text --------------------------------------------------------------------------------------------------------

    def _tokens(self, prompts: Sequence[str]) -> Any:
        batch = self.tokenizer(
            list(prompts), padding=True, return_tensors="pt", return_offsets_mapping=self.tokenizer.is_fast
        )
        config = self.model.config.text_encoder
        longest = int(min(getattr(config, "max_position_embeddings", None) or 512, 512))
        if (length := batch["input_ids"].shape[1]) > longest:
            raise TonescopeError(
                f"the prompt is {length} tokens long and {self.name} reads at most {longest}; shorten it, one sentence is usually enough."
            )
        return batch

    def read_text(self, prompts: Sequence[str]) -> Text:
        """Encode prompts as the decoder will see them."""
        batch = self._tokens(prompts)
        ids, mask = batch["input_ids"].to(self.model.device), batch["attention_mask"].to(self.model.device)
        states = self.model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if hasattr(self.model, "enc_to_dec_proj"):
            states = self.model.enc_to_dec_proj(states)
        tokens = tuple(tuple(self.tokenizer.convert_ids_to_tokens(row.tolist())) for row in ids)
        offsets = batch.get("offset_mapping")
        spans = tuple(tuple((int(a), int(b)) for a, b in row) for row in offsets) if offsets is not None else ()
        return Text(states * mask[..., None], mask, tokens, spans)

    # --- sound -------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        seconds: float,
        sampling: Sampling = Sampling(),
        hooks: Iterable[Hook] = (),
        decode: bool = True,
    ) -> Takes:
        """One take for each (prompt, seed) row, as one batch.

        The noise of a take depends on its seed alone, so rows with the same seed are paired takes. Hooks see (rows or twice rows,
        1, width) at every step: conditional rows first, then the null-prompt rows when guidance is above 1.
        """
        if len(prompts) != len(seeds) or not seeds:
            raise ValueError("generate takes one seed for each prompt")
        frames = delay.frames_in(seconds, self.frame_rate)
        batch = self._tokens(prompts)
        noise = PairedSampling(seeds, sampling.guidance, self.books, sampling.temperature, sampling.top_k)
        with hooked(hooks), self._capturing() as captured:
            self.model.generate(
                input_ids=batch["input_ids"].to(self.model.device), attention_mask=batch["attention_mask"].to(self.model.device),
                do_sample=False, top_k=None, temperature=None, guidance_scale=max(sampling.guidance, 1.0), logits_processor=LogitsProcessorList([noise]),
                max_new_tokens=delay.positions_for(frames, self.delay), max_length=None,
            )  # fmt: skip
        codes = captured[0]
        if codes.shape[2] != frames:
            raise RuntimeError(f"{frames} frames were asked for and {codes.shape[2]} came out")
        waveform = self.decode(codes).float().cpu() if decode else torch.zeros(len(seeds), 0)
        return Takes(tuple(prompts), tuple(seeds), codes.cpu(), waveform)

    @contextmanager
    def _capturing(self) -> Any:
        """Catch the codes that ``generate`` hands to the codec, so that they are decoded once, here, and known."""
        captured: list[Tensor] = []
        codec, inside = self.model.audio_encoder, "decode" in vars(self.model.audio_encoder)

        def catch(codes: Tensor, *_: Any, **__: Any) -> Any:
            captured.append(codes[0])
            return type("Caught", (), {"audio_values": codes.new_zeros(1, 1, 1)})()

        assert not inside
        codec.decode = catch
        try:
            yield captured
        finally:
            del codec.decode
            if len(captured) > 1:  # stereo: left and right codebooks come separately and are interleaved again
                captured[:] = [torch.stack(captured, dim=2).flatten(1, 2)]

    def replay(self, codes: Tensor, text: Text, guidance: float = 3.0) -> Tensor:
        """One parallel pass over finished codes (takes, codebooks, frames): the logits that generation saw.

        Returns (branches, takes, codebooks, frames, vocabulary): the conditional branch, then the null-prompt branch when guidance
        is above 1. Hooks put on around this call see (branches x takes, positions, width), in the same order.
        """
        takes, _, frames = codes.shape
        ids = delay.delayed(codes.to(self.model.device), self.delay, self.pad)[:, :, :-1]
        states, mask = text.states, text.mask
        if states.shape[0] == 1 and takes > 1:
            states, mask = states.expand(takes, -1, -1), mask.expand(takes, -1)
        branches = 2 if guidance > 1 else 1
        if branches == 2:
            ids = torch.cat([ids, ids])
            states, mask = torch.cat([states, torch.zeros_like(states)]), torch.cat([mask, torch.zeros_like(mask)])
        logits = self.model.decoder(
            input_ids=ids.reshape(-1, ids.shape[2]),
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            use_cache=False,
        ).logits
        logits = logits.reshape(branches * takes, self.books, -1, self.size)
        return delay.undelayed(logits, self.delay, frames).reshape(branches, takes, self.books, frames, self.size)

    @staticmethod
    def guided(logits: Tensor, guidance: float) -> Tensor:
        """Merge the branches of :meth:`replay`: (takes, codebooks, frames, vocabulary)."""
        if logits.shape[0] == 1:
            return logits[0]
        return logits[1] + guidance * (logits[0] - logits[1])

    @cached_property
    def codebooks(self) -> Tensor:
        """The codec's codebook vectors (codebooks of one channel, size, width)."""
        return torch.stack([layer.codebook.embed for layer in self.model.audio_encoder.quantizer.layers])

    def vectors(self, weights: Tensor) -> Tensor:
        """Expected codec latents for weights over codes (takes, codebooks, frames, size): (takes, frames, width), one channel."""
        return torch.einsum("bkts,ksw->btw", weights, self.codebooks[: weights.shape[1]].to(weights.dtype))

    def hard_vectors(self, codes: Tensor) -> Tensor:
        """Codec latents of finished codes (takes, codebooks, frames): (takes, frames, width), one channel."""
        return sum(self.codebooks[book][codes[:, book]] for book in range(codes.shape[1]))  # type: ignore[return-value]

    def sound(self, vectors: Tensor) -> Tensor:
        """Waveform (takes, samples) of codec latents (takes, frames, width); differentiable."""
        return self.model.audio_encoder.decoder(vectors.transpose(1, 2))[:, 0]

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Waveform (takes, samples) of finished codes; a stereo model's two sides are averaged."""
        sides = [codes[:, side :: self.channels] for side in range(self.channels)]
        heard = []
        for side in sides:
            rows = [self.sound(self.hard_vectors(part.to(self.model.device))) for part in side.split(DECODE_ROWS)]
            heard.append(torch.cat(rows))
        return torch.stack(heard).mean(0)

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """Codes (takes, codebooks of one channel, frames) of a waveform (takes, samples) at the model's rate."""
        rows = [
            self.model.audio_encoder.encode(part[:, None].to(self.model.device)).audio_codes[0]
            for part in waveform.split(DECODE_ROWS)
        ]
        return torch.cat(rows)
