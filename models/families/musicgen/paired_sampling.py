"""Paired takes: sampling noise that belongs to (take, step, codebook), whatever else is in the batch.

Adding Gumbel noise to logits and taking the largest draws from their softmax (Gumbel 1954; Kool et al. 2019, arXiv
1903.06059). With the noise fixed, a clean and an edited take differ only by the edit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor

from tonescope.models.errors import TonescopeError

_REFUSED = -1e9  # finite, so that guidance arithmetic on it stays finite


def gumbel(seed: int, step: int, n_codebooks: int, size: int) -> Tensor:
    """The noise of one take at one step: float32 (codebooks, vocabulary)."""
    random = np.random.Generator(np.random.Philox(key=seed & (2**64 - 1), counter=[0, 0, 0, step]))
    uniform = random.random((n_codebooks, size), dtype=np.float32)
    return torch.from_numpy(-np.log(-np.log(uniform.clip(1e-12, 1 - 1e-7))))


def perturbed(logits: Tensor, temperature: float, top_k: int, noise: Tensor | None, where: str) -> Tensor:
    """Logits (..., vocabulary) of which the largest is the draw: at this temperature, from the ``top_k`` largest (0:
    from all), with this noise. Without noise, as at temperature 0, they stay as they are.

    Raises :class:`TonescopeError` when they are not numbers; it says ``where``.
    """
    if not torch.isfinite(logits).all():
        raise TonescopeError(
            f"the model’s logits are not a number {where}, so nothing can be drawn from them; load it in float32 "
            "(half precision overflows) or check its weights."
        )
    if noise is None:
        return logits
    logits = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, sorted=False).values.amin(-1, keepdim=True)
        logits = logits.masked_fill(logits < least, _REFUSED)
    return logits + noise.to(logits.device)


class PairedSampling(LogitsProcessor):
    """Guidance, temperature, top-k and seeded noise in one step; use it with ``do_sample=False``.

    transformers calls custom processors before it merges the two guidance halves. This one merges them itself and
    hands back two equal halves, which the merge that follows leaves as they are; so filters act on the guided logits,
    as they should.

    Args:
        seeds: one seed a row of the batch.
        guidance: classifier-free guidance scale; 1 or less means that the batch is not doubled.
        n_codebooks: codebooks a frame; the rows of logits are codebooks within takes within guidance halves.
        temperature: divides the logits; 0 means no noise (greedy).
        top_k: keep the k largest logits (0 keeps all).

    Attributes:
        lost: takes whose logits were not numbers at some step, (takes,): what is drawn for them means nothing.

    Raises:
        ValueError: the rows of logits are not one for each take, codebook and guidance half.
        TonescopeError: the logits of no take are numbers.
    """

    def __init__(
        self, seeds: Sequence[int], guidance: float, n_codebooks: int, temperature: float = 1.0, top_k: int = 250
    ) -> None:
        self.seeds, self.guidance, self.n_codebooks = list(seeds), guidance, n_codebooks
        self.temperature, self.top_k = temperature, top_k
        self.lost = torch.zeros(len(self.seeds), dtype=torch.bool)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        step, size = input_ids.shape[1] - 1, scores.shape[1]
        doubled = self.guidance > 1
        if scores.shape[0] != len(self.seeds) * self.n_codebooks * (2 if doubled else 1):
            raise ValueError(
                f"{scores.shape[0]} rows of logits do not fit {len(self.seeds)} takes of {self.n_codebooks} codebooks"
            )
        guided = scores.float()
        if doubled:
            conditional, unconditional = guided.chunk(2)
            guided = unconditional + self.guidance * (conditional - unconditional)
        noise = None
        if self.temperature > 0:
            drawn = {seed: gumbel(seed, step, self.n_codebooks, size) for seed in set(self.seeds)}
            noise = torch.cat([drawn[seed] for seed in self.seeds])
        numbers = torch.isfinite(guided).all(-1).unflatten(0, (len(self.seeds), self.n_codebooks)).all(1)
        self.lost |= ~numbers.cpu()
        if not self.lost.all():
            guided = guided.masked_fill(~numbers.repeat_interleave(self.n_codebooks)[:, None], 0.0)
        guided = perturbed(guided, self.temperature, self.top_k, noise, f"at step {step}")
        return torch.cat([guided, guided]) if doubled else guided
