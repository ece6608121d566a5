"""Random weights for tiny pipelines: so large that everything does something, and nothing saturates."""

from __future__ import annotations

from collections.abc import Sequence

import torch

GAIN, TELLING = 0.6, 1.5  # of weights; of those that read the prompt, so that it matters


def fill(model: torch.nn.Module, seed: int, reads: Sequence[str] = ()) -> None:
    """Draw every weight of a model; those with one of ``reads`` in their names read the prompt."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("weight_g"):  # the size of normalised weights
                weight.normal_(0.5 * GAIN, 0.1, generator=random)
            elif weight.ndim > 1:
                gain = GAIN * (TELLING if any(part in name for part in reads) else 1)
                weight.normal_(0, gain / weight[0].numel() ** 0.5, generator=random)
            elif name.endswith(("bias", "alpha", "beta")) and weight.numel() > 1:
                weight.normal_(0, 0.1, generator=random)
            elif name.endswith("alpha"):  # the one steepness of a norm
                weight.fill_(1.0)
