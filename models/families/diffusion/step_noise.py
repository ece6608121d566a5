"""Paired takes: noise that belongs to (seed, step), whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def step_noise(seeds: Sequence[int], steps: int, shape: tuple[int, int]) -> Tensor:
    """Standard normal noise of each seed, float32 on the CPU: (takes, 1 + steps, *shape). The first is that of the
    first latents, the others are what each step may add."""
    drawn = {seed: _of_seed(seed, steps, shape) for seed in set(seeds)}
    return torch.stack([drawn[seed] for seed in seeds])


def _of_seed(seed: int, steps: int, shape: tuple[int, int]) -> Tensor:
    found = np.empty((1 + steps, *shape), dtype=np.float32)
    for step in range(1 + steps):
        random = np.random.Generator(np.random.Philox(key=seed & (2**64 - 1), counter=[0, 0, 0, step]))
        random.standard_normal(dtype=np.float32, out=found[step])
    return torch.from_numpy(found)
