"""MusicGen and MusicGen Melody, mono and stereo: codes drawn step by step, with every unit addressable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torchaudio
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase

from tonescope.models.families.musicgen import cross_attention, delay, self_check
from tonescope.models.families.musicgen.code_relaxation import CodeRelaxation
from tonescope.models.families.musicgen.codec import DECODE_ROWS
from tonescope.models.families.musicgen.decoder_wiring import DecoderWiring
from tonescope.models.families.musicgen.kv_cache import cache_argument, preallocated_cache
from tonescope.models.families.musicgen.paired_sampling import PairedSampling, gumbel, perturbed
from tonescope.models.families.musicgen.places import Clock
from tonescope.models.families.musicgen.replaying import Replaying
from tonescope.models.families.musicgen.skip_uncond import skip_uncond
from tonescope.models.generator import Cost, Sampling, Takes
from tonescope.models.hooks import Hook, hooked
from tonescope.models.played_with import Recommended, reads_no_negative
from tonescope.models.sites import ATTRIBUTED

DECODED_LAYERS = 4.85  # full-rate tensors alive at a time: measured on 10 s of musicgen-small's codec
PASSES = 3  # of Jacobi's iteration
PREFIX_CAVEAT = (
    "{} reads the prompt as the first positions of its decoder; units are estimated and muted at the "
    "positions of audio only."
)


class MusicGen(Replaying):
    """A MusicGen under the microscope.

    Args:
        model: a model of a known class, in evaluation mode; its codec works in single precision at least.
        tokenizer: its tokenizer.
        name: what the user called it.
        longest_seconds: the longest audio it was trained on, where known.
        folder: where it was loaded from, if that is a folder.
    """

    sings = False  # its publisher: trained on music without vocals

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        longest_seconds: float = 30.0,
        folder: Path | None = None,
    ) -> None:
        super().__init__(model, tokenizer, name)
        self.longest_seconds, self.folder = longest_seconds, folder
        self.relaxation, self.wiring = CodeRelaxation(self), DecoderWiring(self)
        self.checked = False  # whether clock and replay have been seen to agree
        self.sample_rate, self.frame_rate = self.codec.sample_rate, self.codec.frame_rate
        self.shortest_seconds = delay.shortest(self.delay) / self.frame_rate
        self.layers = model.config.decoder.num_hidden_layers
        self.description = (
            f"{type(model).__name__}, {self.layers} layers, {self.n_codebooks} codebooks at {self.frame_rate:g} Hz"
        )
        self.caveat = PREFIX_CAVEAT.format(name) if self.kind.reads == "prefix" else ""
        self.recommended = Recommended(getattr(model.generation_config, "guidance_scale", None))
        # Penalties, beams and the like that a folder asks for would be applied behind the sampling's back.
        model.generation_config = GenerationConfig(
            bos_token_id=self.pad, decoder_start_token_id=self.pad, pad_token_id=self.pad, do_sample=False
        )

    @property
    def played_with(self) -> Recommended:
        """There are no steps."""
        return Recommended()

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse a negative prompt."""
        if sampling.negative:
            raise reads_no_negative(self.name)

    def frames(self, seconds: float) -> int:
        """Whole frames closest to a length in seconds, at least one."""
        return delay.frames_in(seconds, self.frame_rate)

    def symbols(self, takes: Takes) -> Tensor:
        """The first codebook of every frame (takes, frames): what the others only refine."""
        return takes.state["codes"][:, 0]

    # --- step by step ------------------------------------------------------------------------------------------------

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
        """One take for each (prompt, seed) row, as one batch.

        The noise of a take depends on its seed alone, so rows with the same seed are paired takes. Hooks see
        (rows or twice rows, 1, width) at every step; :meth:`.places.Places.layout` says how that is arranged.

        The waveform of a take whose logits were not numbers, as happens in half precision, is not made of numbers.
        """
        if len(prompts) != len(seeds) or not seeds:
            raise ValueError("generate takes one seed for each prompt")
        self_check.once(self, prompts[0], sampling)
        frames = self.frames(seconds)
        codes = torch.zeros(len(seeds), self.n_codebooks, frames, dtype=torch.long, device=self.device)
        lost = torch.zeros(len(seeds), dtype=torch.bool)
        groups = self.batches(prompts)
        with hooked(hooks), self.working_on(None):
            for group in groups:
                self.clock.rows = torch.tensor(group) if len(groups) > 1 else None
                chosen = [prompts[row] for row in group], [seeds[row] for row in group]
                codes[group], lost[group] = self._play(*chosen, frames, sampling)
            self.clock = Clock()
            waveform = self.sides(codes).mean(1).float().cpu() if decode else torch.zeros(len(seeds), 0)
            waveform[lost] = torch.nan
        return Takes(tuple(prompts), tuple(seeds), {"codes": codes.cpu()}, waveform)

    def _play(
        self, prompts: Sequence[str], seeds: Sequence[int], frames: int, sampling: Sampling
    ) -> tuple[Tensor, Tensor]:
        """Codes (rows, codebooks, frames) of one batch, and which rows are lost (rows,)."""
        batch = self.reader.tokens(prompts)
        positions = delay.positions_for(frames, self.delay)
        noise = PairedSampling(seeds, sampling.guidance, self.n_codebooks, sampling.temperature, sampling.top_k)
        skipped = self.skippable_attention if sampling.guidance > 1 else ()
        with self._steps(positions), skip_uncond(skipped), self._capturing() as captured:
            self.model.generate(
                input_ids=batch["input_ids"].to(self.device),
                attention_mask=batch["attention_mask"].to(self.device),
                guidance_scale=max(sampling.guidance, 1.0),
                logits_processor=LogitsProcessorList([noise]),
                max_new_tokens=positions,
                max_length=None,
            )
        if captured[0].shape[2] != frames:
            raise RuntimeError(f"{frames} frames were asked for and {captured[0].shape[2]} came out")
        return captured[0], noise.lost

    @contextmanager
    def _steps(self, positions: int) -> Iterator[None]:
        """Keep the clock while transformers plays step by step, and give every run a cache that does not copy
        itself."""
        prompt_positions = 0
        backbone = self.model.get_submodule(self.kind.backbone)
        handed = cache_argument(backbone)

        def tick(_: Any, positional: Any, arguments: dict[str, Any]) -> Any:
            nonlocal prompt_positions
            prefix = arguments.get("encoder_hidden_states")
            cache = arguments.get(handed)
            past = int(cache.get_seq_length()) if cache is not None else 0
            if past == 0:  # the first step may come twice, so the cache cannot be handed to generate
                cache = preallocated_cache(positions)
            if past == 0 and self.kind.reads == "prefix":
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
        codec = self.model.audio_encoder
        if "decode" in vars(codec):
            raise RuntimeError("two generations at once would catch each other's codes")

        def catch(codes: Tensor, *_: Any, **__: Any) -> Any:
            captured.append(codes[0])
            return type("Caught", (), {"audio_values": codes.new_zeros(1, 1, 1)})()

        codec.decode = catch
        try:
            yield captured
        finally:
            del codec.decode
            if len(captured) > 1:  # stereo: left and right codebooks come separately and are interleaved again
                captured[:] = [torch.stack(captured, dim=2).flatten(1, 2)]

    # --- a few parallel passes ---------------------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, takes: Takes, sampling: Sampling, passes: int = PASSES) -> Takes:
        """Draw all codes again, on the noise of the takes, each pass from the codes of the one before.

        Jacobi's iteration (Song et al. 2021, arXiv 2002.03629): as many passes as there are positions give the edited
        generation itself.
        """
        codes, text = takes.state["codes"].to(self.device), self.read_text(takes.prompts)
        noise = self.noise(takes) if sampling.temperature > 0 else None
        for _ in range(passes):
            logits = self.guided_logits(codes, text, sampling.guidance).float()
            codes = perturbed(logits, sampling.temperature, sampling.top_k, noise, "in a replay").argmax(-1)
        waveform = self.sides(codes).mean(1).float().cpu()
        return Takes(takes.prompts, takes.seeds, {"codes": codes.cpu()}, waveform)

    def noise(self, takes: Takes) -> Tensor:
        """The noise that every code of the takes was drawn on: (takes, codebooks, frames, vocabulary)."""
        frames = takes.state["codes"].shape[2]
        steps = range(delay.positions_for(frames, self.delay))
        found = []
        for seed in takes.seeds:
            by_step = torch.stack([gumbel(seed, step, self.n_codebooks, self.vocab_size) for step in steps], 1)
            lined_up = [by_step[book, start : start + frames] for book, start in enumerate(self.delay)]
            found.append(torch.stack(lined_up))
        return torch.stack(found)

    # --- sound from elsewhere ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, waveform: Tensor, rate: int, prompt: str) -> Takes:
        """Takes of codes that the codec finds for (takes, samples) at ``rate`` Hz; both sides of a stereo model are
        given the same. Codes are lined up by frame, as those of a generation are; a replay delays them."""
        sound = torchaudio.functional.resample(waveform, rate, int(self.sample_rate))
        one = self.codec.encode(sound)[:, : self.n_codebooks // self.n_channels]
        codes = one.repeat_interleave(self.n_channels, dim=1)  # codebook by codebook: left, right
        if codes.shape[1] != self.n_codebooks:
            raise ValueError(f"the codec gives {one.shape[1]} codebooks a side, too few for {self.n_codebooks}")
        heard = self.sides(codes).mean(1).float().cpu()
        return Takes((prompt,) * len(codes), tuple(range(len(codes))), {"codes": codes.cpu()}, heard)

    # --- what it costs -----------------------------------------------------------------------------------------------

    def cost(self, seconds: float, tokens: int, guidance: float) -> Cost:
        """Generation is dominated by cached keys and values; the codec's widest layers run at the full sample rate."""
        config, codec = self.model.config.decoder, self.model.config.audio_encoder
        width, layers = config.hidden_size, config.num_hidden_layers
        positions = delay.positions_for(self.frames(seconds), self.delay)
        # Melody models cache prompt and chroma as positions, the others the prompt's keys and values beside them.
        positions += tokens + (self.model.config.chroma_length if self.kind.reads == "prefix" else tokens)
        step = config.ffn_dim + 8 * width + 4 * self.n_codebooks * self.vocab_size
        edit = 2 * sum(self.features(location) for location in self.locations(*ATTRIBUTED))
        rows = (2 if guidance > 1 else 1) * self.dtype.itemsize
        samples = seconds * self.sample_rate
        passed = 2 * seconds * self.frame_rate * layers * (6 * config.ffn_dim + 24 * width)
        sounding = samples * codec.num_filters * 60 * self.n_channels
        return Cost(
            row=rows * (2 * layers * width * positions + step + edit),
            decoding=int(DECODED_LAYERS * DECODE_ROWS * samples * codec.num_filters * 4),
            waveform=int(samples * 4),
            attribution=int(4 * (passed + sounding)),
        )

    def random_takes(self, prompt: str, seconds: float) -> Takes:
        """One take of random codes and no sound."""
        codes = torch.randint(self.vocab_size, (1, self.n_codebooks, self.frames(seconds)))
        return Takes((prompt,), (0,), {"codes": codes}, torch.zeros(1, 0))

    def text_attention(self, takes: Takes, sampling: Sampling) -> Tensor:
        """Cross-attention of the prompted branch, mean over heads: (takes, layers, frames, tokens)."""
        return cross_attention.read(self, takes, sampling.guidance)
