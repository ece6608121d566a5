"""Teacher forcing: finished codes passed through the decoder once more, and what follows from what it then expects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen import delay
from tonescope.models.families.musicgen.codec import DECODE_ROWS
from tonescope.models.families.musicgen.places import Clock, Places
from tonescope.models.families.musicgen.prompt_reader import Reader
from tonescope.models.families.musicgen.skip_uncond import skip_uncond
from tonescope.models.generator import Replay, Sampling, Takes, Text
from tonescope.models.hooks import Place, hooked, write
from tonescope.models.layout import Layout
from tonescope.models.units import Location

COLDEST = 0.25  # of the temperatures that gradients are taken at: towards greedy sampling they vanish
REDRAWN = 0.25  # share of the codes that differ in a neighbour of a take


@dataclass
class CodeReplay(Replay):
    """A replay whose :attr:`predicted` says how likely each code was: (takes, codebooks, frames, vocabulary).

    Attributes:
        logits: what that is the softmax of.
    """

    logits: Tensor = field(default_factory=lambda: torch.empty(0))


class Replaying(Places):
    """A MusicGen that replays finished takes.

    Args:
        model: a model of a known class.
        tokenizer: its tokenizer.
        name: what the user called it.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        super().__init__(model, name)
        self.reader = Reader(model, tokenizer, name)

    def read_text(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        """Encode prompts as the decoder will see them."""
        return self.reader.read(prompts)

    def layout(self, location: Location, guidance: float) -> Layout:
        """As in :meth:`.places.Places.layout`; of the text encoder, which tokens are words."""
        layout = super().layout(location, guidance)
        return replace(layout, words=self.reader.words) if location.network == "text" else layout

    def token_mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the tokenised prompts are tokens and not padding: (rows, tokens)."""
        return self.reader.mask(prompts)

    def batches(self, prompts: Sequence[str]) -> list[list[int]]:
        """Rows that may share a batch. Where the prompt is a prefix, padding would shift the audio: one token count a
        batch."""
        if self.kind.reads == "cross":
            return [list(range(len(prompts)))]
        lengths = self.reader.lengths(prompts)
        return [
            [row for row, prompt in enumerate(prompts) if lengths[prompt] == length]
            for length in sorted(set(lengths.values()))
        ]

    # --- the decoder -------------------------------------------------------------------------------------------------

    def replay(
        self, takes: Takes, text: Text, sampling: Sampling, *, follow_inputs: bool = False, few_steps: bool = False
    ) -> CodeReplay:
        """One parallel pass over finished codes. Top-k is left out: an edit moves codes across its threshold in jumps,
        which no gradient can predict."""
        codes, inputs = takes.state["codes"].to(self.device), dict[Any, Tensor]()
        with hooked(self._catching(inputs) if follow_inputs else ()):
            logits = self.guided_logits(codes, text, sampling.guidance)
        logits = (logits.float() if logits.dtype.itemsize < 4 else logits) / max(sampling.temperature, COLDEST)
        return CodeReplay(takes, text, sampling, logits.softmax(-1), inputs=inputs, logits=logits)

    def guided_logits(self, codes: Tensor, text: Text, guidance: float) -> Tensor:
        """What the draws were made from: (takes, codebooks, frames, vocabulary), both branches merged."""
        return self.merged(self.branch_logits(codes, text, guidance), guidance)

    def merged(self, logits: Tensor, guidance: float) -> Tensor:
        """Classifier-free guidance: (branches, takes, codebooks, frames, vocabulary) without the branches."""
        return logits[0] if len(logits) == 1 else logits[1] + guidance * (logits[0] - logits[1])

    def branch_logits(self, codes: Tensor, text: Text, guidance: float = 3.0) -> Tensor:
        """Logits (branches, takes, codebooks, frames, vocabulary), the conditional branch first."""
        takes, _, frames = codes.shape
        return self.read_heads(self.hidden(codes, text, guidance), takes, frames)

    def read_heads(self, states: Tensor, takes: int, frames: int) -> Tensor:
        """Logits as :meth:`branch_logits` orders them, of states as :meth:`hidden` gives them."""
        logits = torch.stack([head(states) for head in self.model.decoder.lm_heads], 1)
        lined_up = delay.undelayed(logits, self.delay, frames)
        return lined_up.reshape(-1, takes, self.n_codebooks, frames, self.vocab_size)

    def hidden(self, codes: Tensor, text: Text, guidance: float) -> Tensor:
        """What logits are read from (branches x takes, positions of audio, width): enough where only hooks look."""
        takes = len(codes)
        ids = delay.delayed(codes.to(self.device), self.delay, self.pad)[:, :, :-1]
        positions = ids.shape[2]
        states, mask = text.states, text.mask
        if states.shape[0] == 1 and takes > 1:
            states, mask = states.expand(takes, -1, -1), mask.expand(takes, -1)
        guided = guidance > 1
        if guided:
            ids = torch.cat([ids, ids])
            states, mask = (torch.cat([part, torch.zeros_like(part)]) for part in (states, mask))
        reads: dict[str, Any] = {"encoder_hidden_states": states, "encoder_attention_mask": mask}
        prefix = 0
        if self.kind.reads == "prefix":
            if not bool(text.mask.all()):
                raise ValueError("prompts of different lengths cannot be replayed together: see Generator.batches")
            whole = torch.cat([self._neutral_chroma(len(states)), states], dim=1)
            reads, prefix = {"encoder_hidden_states": whole}, whole.shape[1]
        rows = self.clock.rows
        self.clock = Clock(prefix=prefix, rows=rows)
        with skip_uncond(self.skippable_attention if guided else ()):
            ids = ids.reshape(-1, positions)
            hidden = self.model.decoder.model(input_ids=ids, use_cache=False, **reads).last_hidden_state
        self.clock = Clock(rows=rows)
        return hidden[:, -positions:]  # type: ignore[no-any-return]

    def _neutral_chroma(self, rows: int) -> Tensor:
        """What a melody model reads where no melody is given: (rows, chroma frames, width)."""
        chroma = torch.zeros(rows, 1, self.model.config.num_chroma, device=self.device, dtype=self.dtype)
        chroma[:, :, 0] = 1
        if hasattr(self.model, "audio_enc_to_dec_proj"):
            chroma = self.model.audio_enc_to_dec_proj(chroma)
        return chroma.expand(-1, self.model.config.chroma_length, -1)

    def run(self, takes: Takes, sampling: Sampling, locations: Iterable[Location]) -> Text:
        """Pass finished takes once through the networks that the locations are in, for the hooks there."""
        sites = {(location.network, location.name) for location in locations}
        codes, text = takes.state["codes"].to(self.device), self.read_text(takes.prompts)
        if any(network == "decoder" for network, _ in sites):
            self.hidden(codes, text, sampling.guidance)
        if any(network == "codec" for network, _ in sites):
            for side, latents in enumerate(self.hard_latents(codes)):
                sound = self._sound_of_side(latents, side)
                if ("codec", "encoder") in sites:
                    self.codec.model.encoder(sound[:, None])
        return text

    # --- from what is expected to sound ------------------------------------------------------------------------------

    def hard_latents(self, codes: Tensor) -> tuple[Tensor, ...]:
        """Latents of finished codes, one (takes, frames, width) a side."""
        return tuple(self.codec.latents(codes[:, side :: self.n_channels]) for side in range(self.n_channels))

    def expected(self, replay: Replay) -> tuple[Tensor, ...]:
        """The latents that the decoder expects, one (takes, frames, width) a side."""
        sides = self.n_channels
        return tuple(self.codec.expected(replay.predicted[:, side::sides]) for side in range(sides))

    def latents(
        self, replay: Replay, anchor: Sequence[Tensor] | None = None, *, version: int = 0
    ) -> tuple[Tensor, ...]:
        """The latents of the codes that were heard (of a neighbour of the take, for a version above 0), with the
        gradient of what is expected: straight-through (Bengio et al. 2013, arXiv 1308.3432)."""
        soft = self.expected(replay)
        base = tuple(anchor) if anchor else tuple(side.detach() for side in soft)
        codes = replay.takes.state["codes"].to(self.device)
        hard = self.hard_latents(self._neighbour(codes, replay.predicted, version) if version else codes)
        return tuple(hard[side] + soft[side] - base[side] for side in range(len(soft)))

    @torch.no_grad()
    def _neighbour(self, codes: Tensor, likely: Tensor, number: int) -> Tensor:
        """The codes with some drawn again from what was likely after the same past; on noise that all takes share, so
        that a take's version does not depend on the others in its batch."""
        random = torch.Generator().manual_seed(number)
        uniform = torch.rand(likely[:1].shape, generator=random, dtype=torch.float64).clamp_min(1e-12)
        again = torch.rand(likely[:1].shape[:-1], generator=random) < REDRAWN
        gumbel = -(-uniform.log()).log().to(likely.device, torch.float32)
        drawn = (likely.float().clamp_min(1e-30).log() + gumbel).argmax(-1)
        return torch.where(again.to(likely.device), drawn, codes)

    def decode(self, latents: Sequence[Tensor]) -> Tensor:
        """Waveform (takes, samples) of latents, the sides of a stereo image averaged; differentiable."""
        return torch.stack([self._sound_of_side(part, side) for side, part in enumerate(latents)]).mean(0)

    def _sound_of_side(self, latents: Tensor, side: int) -> Tensor:
        self.clock.frames, self.clock.side = latents.shape[1], side
        return self.codec.sound(latents)

    def log_likelihood(self, replay: Replay) -> Tensor:
        """Log-probability of the codes, mean over codebooks (takes, frames)."""
        assert isinstance(replay, CodeReplay)
        codes = replay.takes.state["codes"].to(self.device)
        return replay.logits.log_softmax(-1).gather(-1, codes[..., None]).mean((1, 3))

    @property
    def silence(self) -> Tensor:
        """The codec latent of silence: (width,)."""
        return self.codec.silence

    # --- what a changed code does to the next ------------------------------------------------------------------------

    def _catching(self, inputs: dict[Any, Tensor]) -> list[Any]:
        """Hooks that make the embeddings of each codebook leaves of the graph, kept in ``inputs`` by codebook, so that
        their gradients can be read."""

        def cut(book: int) -> Callable[[Tensor], Tensor]:
            def change(tensor: Tensor) -> Tensor:
                inputs[book] = tensor.detach().requires_grad_()
                return inputs[book]

            return change

        tables = self.model.decoder.model.decoder.embed_tokens
        places = [Place(tables[book], "output", f"decoder.embed_tokens.{book}") for book in range(self.n_codebooks)]
        return [write(place, cut(book)) for book, place in enumerate(places)]

    @torch.no_grad()
    def rollout(self, replay: Replay) -> Tensor:
        """The gradient with respect to the codes' embeddings, turned into one with respect to the probability of each
        code (takes, codebooks, frames, vocabulary). The expected embedding is the sum of probability x embedding over
        codes, so its derivative by the probability of a code is the embedding of that code.

        Raises ``ValueError`` for a replay without ``follow_inputs``."""
        if not replay.inputs:
            raise ValueError("a rollout needs a replay that follows its inputs")
        tables, gradient = self.model.decoder.model.decoder.embed_tokens, torch.zeros_like(replay.predicted)
        takes, _, frames, size = gradient.shape
        for book, embedded in replay.inputs.items():
            if embedded.grad is None:
                continue
            by_embedding, start = embedded.grad.unflatten(0, (-1, takes)).sum(0), self.delay[book] + 1
            by_code = by_embedding[:, start : start + frames] @ tables[book].weight[:size].T
            gradient[:, book, : by_code.shape[1]] = by_code.to(gradient.dtype)  # the last codes are no decoder inputs
            embedded.grad = None
        return gradient

    def frames_of(self, takes: Takes) -> int:
        """Frames of finished takes."""
        return takes.state["codes"].shape[2]

    # --- finished sound ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def sides(self, codes: Tensor) -> Tensor:
        """Waveform (takes, channels, samples) of finished codes, a few rows at a time.

        Raises :class:`TonescopeError` when the codec gives no finite numbers.
        """
        parts = []
        for rows in torch.arange(len(codes)).split(DECODE_ROWS):
            with self.working_on(rows):
                latents = self.hard_latents(codes[rows].to(self.device))
                parts.append(torch.stack([self._sound_of_side(one, side) for side, one in enumerate(latents)], 1))
        sound = torch.cat(parts)
        if not torch.isfinite(sound).all():
            raise TonescopeError(
                f"the codec of {self.name} turns these codes into something that is not a number; "
                "check its weights, or edit less."
            )
        return sound

    def channels(self, takes: Takes) -> Tensor:
        """Waveform (takes, channels, samples), as listeners hear it, on the CPU."""
        return self.sides(takes.state["codes"]).float().cpu()

    def round_trip(self, waveform: Tensor) -> Tensor:
        """(takes, samples) through the codec of one side and back."""
        with torch.no_grad():
            return self._sound_of_side(self.codec.latents(self.codec.encode(waveform)), 0)
