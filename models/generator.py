"""The generator under the microscope: generate takes, replay finished codes, decode them; and name every unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase

from . import delay, self_check
from .anatomy import Anatomy
from .cache import cache_argument, roomy_cache
from .errors import TonescopeError
from .hooks import Hook, Place, hooked
from .null_branch import left_out
from .sampling import PairedSampling
from .units import Location

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


@dataclass
class Clock:
    """Where in the audio the tensor at a hook belongs.

    Attributes:
        start: the first audio position in it (decoder positions; :mod:`.delay` maps them to frames).
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


class Generator(Anatomy):
    """A MusicGen-like model, its tokenizer, and an address for every unit.

    Args:
        model: a model of a known family, in evaluation mode; its codec works in single precision at least.
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
        super().__init__(model, name)
        # Half precision gains nothing there, and some processors miscalculate its wide strides in it.
        if model.audio_encoder.dtype.itemsize < 4:
            model.audio_encoder.float()
        self.tokenizer, self.longest_seconds, self.folder = tokenizer, longest_seconds, folder
        decoder, codec = model.config.decoder, model.config.audio_encoder
        self.books, self.size, self.pad = decoder.num_codebooks, decoder.vocab_size, decoder.pad_token_id
        self.channels = decoder.audio_channels
        self.delay = delay.delays(self.books, self.channels)
        self.sample_rate, self.frame_rate = codec.sampling_rate, codec.frame_rate
        self.layers = decoder.num_hidden_layers
        self.clock, self.checked = Clock(), False
        # Penalties, beams and the like that a folder asks for would be applied behind the sampling's back.
        model.generation_config = GenerationConfig(
            bos_token_id=self.pad, decoder_start_token_id=self.pad, pad_token_id=self.pad, do_sample=False
        )

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

    def token_mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the tokenised prompts are tokens and not padding: (rows, tokens)."""
        mask: Tensor = self._tokens(prompts)["attention_mask"]
        return mask.bool()

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
        1, width) at every step: conditional rows first, then the null-prompt rows where there are any (:meth:`branches`); :attr:`clock` says where they are.
        """
        if len(prompts) != len(seeds) or not seeds:
            raise ValueError("generate takes one seed for each prompt")
        self_check.once(self, prompts[0], sampling)
        frames = delay.frames_in(seconds, self.frame_rate)
        codes = torch.zeros(len(seeds), self.books, frames, dtype=torch.long, device=self.model.device)
        groups = self.together(prompts)
        with hooked(hooks), self.clocked():
            for group in groups:
                self.clock.rows = torch.tensor(group) if len(groups) > 1 else None
                codes[group] = self._play(
                    [prompts[row] for row in group], [seeds[row] for row in group], frames, sampling
                )
            self.clock = Clock()
            waveform = self.decode(codes).float().cpu() if decode else torch.zeros(len(seeds), 0)
        return Takes(tuple(prompts), tuple(seeds), codes.cpu(), waveform)

    @contextmanager
    def clocked(self, rows: Tensor | None = None) -> Iterator[None]:
        """Within the block these takes are worked through; after it, however it ends, the clock is back at its start."""
        self.clock = Clock(rows=rows)
        try:
            yield
        finally:
            self.clock = Clock()

    def together(self, prompts: Sequence[str]) -> list[list[int]]:
        """Rows that may share a batch. Where the prompt is a prefix, padding would shift the audio: one token count a batch."""
        if self.family.reads == "cross":
            return [list(range(len(prompts)))]
        lengths = {prompt: int(self._tokens([prompt])["attention_mask"].sum()) for prompt in set(prompts)}
        return [
            [row for row, prompt in enumerate(prompts) if lengths[prompt] == length]
            for length in sorted(set(lengths.values()))
        ]

    def _play(self, prompts: Sequence[str], seeds: Sequence[int], frames: int, sampling: Sampling) -> Tensor:
        """Codes (rows, codebooks, frames) of one batch."""
        batch = self._tokens(prompts)
        positions = delay.positions_for(frames, self.delay)
        noise = PairedSampling(seeds, sampling.guidance, self.books, sampling.temperature, sampling.top_k)
        unread = self.unread if sampling.guidance > 1 else ()
        with self._steps(positions), left_out(unread), self._capturing() as captured:
            self.model.generate(
                input_ids=batch["input_ids"].to(self.model.device), attention_mask=batch["attention_mask"].to(self.model.device),
                guidance_scale=max(sampling.guidance, 1.0), logits_processor=LogitsProcessorList([noise]),
                max_new_tokens=positions, max_length=None,
            )  # fmt: skip
        if captured[0].shape[2] != frames:
            raise RuntimeError(f"{frames} frames were asked for and {captured[0].shape[2]} came out")
        return captured[0]

    @contextmanager
    def _steps(self, positions: int) -> Iterator[None]:
        """Keep the clock while transformers plays step by step, and give every run a cache that does not copy itself."""
        prompt_positions = 0
        backbone = self.model.get_submodule(self.family.backbone)
        handed = cache_argument(backbone)

        def tick(_: Any, positional: Any, arguments: dict[str, Any]) -> Any:
            nonlocal prompt_positions
            prefix = arguments.get("encoder_hidden_states")
            cache = arguments.get(handed)
            past = int(cache.get_seq_length()) if cache is not None else 0
            if past == 0:  # the first step may come twice, so the cache cannot be handed to generate
                cache = roomy_cache(positions)
            if past == 0 and self.family.reads == "prefix":
                prompt_positions = int(prefix.shape[1])  # type: ignore[union-attr]
            self.clock.prefix = prompt_positions if past == 0 else 0
            self.clock.start = max(0, past - prompt_positions)
            return positional, {**arguments, handed: cache}

        handle = backbone.register_forward_pre_hook(tick, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

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
        is above 1. Hooks put on around this call see (branches x takes, positions, width), in the same order (:meth:`branches`).
        """
        takes, _, frames = codes.shape
        states = self.replayed(codes, text, guidance)
        logits = torch.stack([head(states) for head in self.model.decoder.lm_heads], 1)
        return delay.undelayed(logits, self.delay, frames).reshape(-1, takes, self.books, frames, self.size)

    def replayed(self, codes: Tensor, text: Text, guidance: float = 3.0) -> Tensor:
        """What :meth:`replay` reads its logits from, (branches x takes, positions of audio, width): enough where only hooks listen."""
        takes = len(codes)
        ids = delay.delayed(codes.to(self.model.device), self.delay, self.pad)[:, :, :-1]
        positions = ids.shape[2]
        states, mask = text.states, text.mask
        if states.shape[0] == 1 and takes > 1:
            states, mask = states.expand(takes, -1, -1), mask.expand(takes, -1)
        branches = 2 if guidance > 1 else 1
        if branches == 2:
            ids = torch.cat([ids, ids])
            states, mask = torch.cat([states, torch.zeros_like(states)]), torch.cat([mask, torch.zeros_like(mask)])
        reads: dict[str, Any] = {"encoder_hidden_states": states, "encoder_attention_mask": mask}
        prefix = 0
        if self.family.reads == "prefix":
            if not bool(text.mask.all()):
                raise ValueError("prompts of different lengths cannot be replayed together: see Generator.together")
            whole = torch.cat([self._neutral_chroma(len(states)), states], dim=1)
            reads, prefix = {"encoder_hidden_states": whole}, whole.shape[1]
        rows = self.clock.rows
        self.clock = Clock(prefix=prefix, rows=rows)
        decoder = self.model.decoder.model
        with left_out(self.unread if branches == 2 else ()):
            states = decoder(input_ids=ids.reshape(-1, positions), use_cache=False, **reads).last_hidden_state
        self.clock = Clock(rows=rows)
        return states[:, -positions:]

    def fed(self, book: int) -> Place:
        """Where the codes of a codebook enter the decoder: (branches x takes, positions of audio, width)."""
        return Place(self._embeddings[book], "output", f"decoder.embed_tokens.{book}")

    def embedding(self, book: int) -> Tensor:
        """What each code of a codebook is for the decoder: (vocabulary + 1, width)."""
        return self._embeddings[book].weight

    @property
    def _embeddings(self) -> Any:
        return self.model.decoder.model.decoder.embed_tokens

    def _neutral_chroma(self, rows: int) -> Tensor:
        """What a melody model reads where no melody is given: (rows, chroma frames, width)."""
        chroma = torch.zeros(rows, 1, self.model.config.num_chroma, device=self.model.device, dtype=self.model.dtype)
        chroma[:, :, 0] = 1
        if hasattr(self.model, "audio_enc_to_dec_proj"):
            chroma = self.model.audio_enc_to_dec_proj(chroma)
        return chroma.expand(-1, self.model.config.chroma_length, -1)

    def dtype(self, location: Location) -> torch.dtype:
        """The precision of the activations at a location."""
        return (self.model.audio_encoder if location.network == "codec" else self.model).dtype

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
        return torch.einsum("bkts,ksw->btw", weights.to(self.codebooks.dtype), self.codebooks[: weights.shape[1]])

    @cached_property
    def silence(self) -> Tensor:
        """The codec latent of silence: (width,)."""
        codes = self.encode(torch.zeros(1, round(self.sample_rate)))
        return self.hard_vectors(codes)[0, codes.shape[2] // 2]

    def hard_vectors(self, codes: Tensor) -> Tensor:
        """Codec latents of finished codes (takes, codebooks, frames): (takes, frames, width), one channel."""
        return sum(self.codebooks[book][codes[:, book]] for book in range(codes.shape[1]))  # type: ignore[return-value]

    def sound(self, vectors: Tensor, side: int = 0) -> Tensor:
        """Waveform (takes, samples) of codec latents (takes, frames, width) of one side; differentiable."""
        self.clock.frames, self.clock.side = vectors.shape[1], side
        return self.model.audio_encoder.decoder(vectors.transpose(1, 2))[:, 0]

    def decode(self, codes: Tensor) -> Tensor:
        """Waveform (takes, samples) of finished codes; a stereo model's two sides are averaged."""
        return self.decode_sides(codes).mean(1)

    @torch.no_grad()
    def decode_sides(self, codes: Tensor) -> Tensor:
        """Waveform (takes, channels, samples) of finished codes, as a stereo model's listeners hear it.

        Raises :class:`TonescopeError` when the codec gives no finite numbers.
        """
        parts = []
        for rows in torch.arange(len(codes)).split(DECODE_ROWS):
            with self.clocked(rows):
                part = codes[rows].to(self.model.device)
                vectors = (self.hard_vectors(part[:, side :: self.channels]) for side in range(self.channels))
                parts.append(torch.stack([self.sound(one, side) for side, one in enumerate(vectors)], 1))
        sound = torch.cat(parts)
        if not torch.isfinite(sound).all():
            raise TonescopeError(
                f"the codec of {self.name} turns these codes into something that is not a number; check its weights, or edit less."
            )
        return sound

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """Codes (takes, codebooks of one channel, frames) of a waveform (takes, samples) at the model's rate."""
        rows = [
            self.model.audio_encoder.encode(part[:, None].to(self.codebooks.device, self.codebooks.dtype)).audio_codes[
                0
            ]
            for part in waveform.split(DECODE_ROWS)
        ]
        return torch.cat(rows)
