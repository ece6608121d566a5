"""Codes as free parameters: one logit a code, straight-through, so that gradients choose between codes.

What passes through the network is always a finished take, the codes of the largest logits; the gradient is that of
their softmax (straight-through: Bengio et al. 2013, arXiv 1308.3432; with noise: Jang et al. 2017, arXiv 1611.01144).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen import self_check
from tonescope.models.families.musicgen.paired_sampling import perturbed
from tonescope.models.families.musicgen.straight_through import carried, hard
from tonescope.models.generator import Sampling, State, Takes, Text
from tonescope.models.hooks import Hook, Place, hooked, read, write
from tonescope.models.relaxation import Chance, Draft
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.models.families.musicgen.musicgen import MusicGen

RATE = 0.6
SOFTNESS = 2.0  # temperature of the softmax that gradients are taken of
NOISE = 1.0  # Gumbel noise at its fullest, in logits
LEAK = 0.3  # of the gradient of what is flat; GELU falls by up to 0.13 below zero, and that has to be outweighed
FIRMEST = 12.0  # logit of a code that is to stay, where the others have 0


class CodeRelaxation:
    """Takes of a MusicGen as logits (rows, codebooks, frames, vocabulary).

    Args:
        generator: the model that they are takes of.
    """

    rate = RATE

    def __init__(self, generator: MusicGen) -> None:
        self.generator = generator

    # --- parameters --------------------------------------------------------------------------------------------------

    def random(self, seeds: Sequence[int], frames: int) -> Tensor:
        """Logits of which the largest is any code."""
        noise = {seed: self._gumbel(seed, 0, frames) for seed in set(seeds)}
        return torch.stack([noise[seed] for seed in seeds])

    def parameters(self, takes: Takes, firmness: float, *, frames: slice = slice(None)) -> Tensor:
        """Logits that have the takes' own codes at their largest."""
        codes = takes.state["codes"][:, :, frames].to(self.generator.device)
        return functional.one_hot(codes, self.generator.vocab_size).float() * (firmness * FIRMEST)

    def draft(self, parameters: Tensor, chance: Chance) -> Draft:
        """The codes of the largest logits after noise, and one-hot vectors of them with the gradient of the softmax."""
        logits = parameters
        if chance.amount > 0:
            seeds, frames = dict.fromkeys(chance.seeds), parameters.shape[2]
            noise = {seed: chance.amount * NOISE * self._gumbel(seed, 1 + chance.step, frames) for seed in seeds}
            each = [noise[seed] for seed in chance.seeds]
            logits = logits + (each[0] if len(seeds) == 1 else torch.stack(each))
        codes = logits.detach().argmax(-1)
        return Draft({"codes": codes}, hard((logits / SOFTNESS).softmax(-1), codes))

    def beginning(self, parameters: Tensor, location: Location, moment: float) -> tuple[Tensor, int]:
        """Those of the first frames: a position of the decoder depends on no later ones."""
        whole = self.generator.along(location, parameters.shape[2], 0)
        return parameters[:, :, : int(moment * whole) + 1], whole

    def _gumbel(self, seed: int, step: int, frames: int) -> Tensor:
        """Noise of a seed and step: (codebooks, frames, vocabulary)."""
        generator = self.generator
        random = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
        uniform = torch.rand(generator.n_codebooks, frames, generator.vocab_size, generator=random)
        return -(-uniform.clamp(1e-9, 1 - 1e-7).log()).log().to(generator.device)

    # --- passes ------------------------------------------------------------------------------------------------------

    def run(self, draft: Draft, text: Text) -> Tensor:
        """One replay of the codes, with the embeddings of the carrier in place of theirs."""
        generator, codes = self.generator, draft.state["codes"]
        with hooked(self.carrying(draft.carrier)):
            states = generator.hidden(codes, text, 1.0)
        likely = generator.read_heads(states, len(codes), codes.shape[2])[0].float().log_softmax(-1)
        return (likely * draft.carrier).sum(-1).mean((1, 2))

    def carrying(self, carrier: Tensor) -> list[Hook]:
        """Hooks that give the embedding of each code the gradient of the carrier, and leave its value."""
        tables: Any = self.generator.model.decoder.model.decoder.embed_tokens
        size, hot = self.generator.vocab_size, carrier.unbind(1)

        def carry(book: int) -> Callable[[Tensor], Tensor]:
            start = self.generator.delay[book] + 1
            return lambda tensor: carried(tensor, hot[book], tables[book].weight[:size], start)

        places = [Place(table, "output", f"decoder.embed_tokens.{book}") for book, table in enumerate(tables)]
        return [write(place, carry(book)) for book, place in enumerate(places)]

    @contextmanager
    def leaking(self, locations: Sequence[Location | None]) -> Iterator[None]:
        """Add a share of the input's gradient to that of the activation function (as a leaky ReLU has it)."""

        def leak(place: Location) -> Callable[[Any, tuple[Tensor, ...], Tensor], Tensor]:
            def act(_: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
                share = output.new_tensor([LEAK * (other == place) for other in locations])[:, None, None]
                return output + share * (inputs[0] - inputs[0].detach())

            return act

        layers = self.generator.model.get_submodule(self.generator.kind.backbone).layers
        neurons = {place for place in locations if place and place.site.key == "decoder.mlp"}
        handles = [layers[place.layer].activation_fn.register_forward_hook(leak(place)) for place in neurons]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def sound(self, draft: Draft) -> Tensor:
        """The carrier's expected codebook vectors, which are those of the codes, decoded."""
        generator, sides = self.generator, self.generator.n_channels
        return generator.decode([generator.codec.expected(draft.carrier[:, side::sides]) for side in range(sides)])

    def hear(self, waveform: Tensor) -> None:
        """One pass of the codec's encoder, as for one side."""
        generator = self.generator
        generator.clock.frames = round(waveform.shape[-1] / generator.sample_rate * generator.frame_rate)
        generator.clock.side = 0
        weight = generator.codec.codebooks
        generator.codec.model.encoder(waveform[:, None].to(weight.device, weight.dtype))

    # --- finished takes ----------------------------------------------------------------------------------------------

    def finish(self, state: State, prompt: str, seeds: Sequence[int]) -> Takes:
        """Codes as takes, with their sound."""
        codes = state["codes"]
        waveform = self.generator.sides(codes).mean(1).float().cpu()
        return Takes((prompt,) * len(codes), tuple(seeds), {"codes": codes.cpu()}, waveform)

    def encoded(self, waveform: Tensor, prompt: str, seeds: Sequence[int]) -> Takes:
        """The codec's own codes; the two sides of a stereo image get the same."""
        return replace(self.generator.encode(waveform, self.generator.sample_rate, prompt), seeds=tuple(seeds))

    def play(self, text: Text, prompt: str, seeds: Sequence[int], seconds: float, sampling: Sampling) -> Takes:
        """A generation whose decoder is handed other states than those of its prompt."""
        generator = self.generator
        self_check.once(generator, prompt, sampling)  # with the prompt's own states
        with self._reading(text.states.detach()):
            return generator.generate([prompt] * len(seeds), seeds, seconds, sampling)

    @contextmanager
    def _reading(self, states: Tensor) -> Iterator[None]:
        """Within the block, the prompted rows of the decoder read these states (rows, tokens, width)."""

        def swap(_: Any, positional: Any, arguments: dict[str, Any]) -> Any:
            given = arguments.get("encoder_hidden_states")
            if given is None:  # a prefix, which was read in the first step
                return None
            if given.shape[1] < states.shape[1] or len(given) < len(states):
                raise TonescopeError("the text states do not fit the prompt that they stand for; give as many tokens.")
            changed = given.clone()
            changed[: len(states), -states.shape[1] :] = states.to(given.dtype)
            return positional, {**arguments, "encoder_hidden_states": changed}

        backbone = self.generator.model.get_submodule(self.generator.kind.backbone)
        handle = backbone.register_forward_pre_hook(swap, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    # --- layers ------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def read_out(self, takes: Takes, sampling: Sampling) -> list[Takes]:
        """Codes drawn from what each layer's residual stream says (the logit lens: nostalgebraist 2020; for audio,
        DecoderLens)."""
        generator, codes = self.generator, takes.state["codes"].to(self.generator.device)
        places = [generator.place(location) for location in generator.locations("decoder.residual")]
        residuals: dict[str, Tensor] = {}

        def keep(place: Place) -> Hook:
            return read(place, lambda tensor: residuals.__setitem__(place.name, tensor))

        with hooked([keep(place) for place in places]), generator.working_on(None):
            states = generator.hidden(codes, generator.read_text(takes.prompts), sampling.guidance)
        norm = generator.model.get_submodule(generator.kind.backbone).layer_norm
        noise = generator.noise(takes) if sampling.temperature > 0 else None
        found = []
        for place in places:
            early = norm(residuals[place.name][:, -states.shape[1] :])
            logits = generator.merged(generator.read_heads(early, len(codes), codes.shape[2]), sampling.guidance)
            drawn = perturbed(logits.float(), sampling.temperature, sampling.top_k, noise, "in a layer").argmax(-1)
            waveform = generator.sides(drawn).mean(1).float().cpu()
            found.append(Takes(takes.prompts, takes.seeds, {"codes": drawn.cpu()}, waveform))
        return found
