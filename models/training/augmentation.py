"""What must not matter to a listener: level, shift and a little noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def shaken(audio: Tensor, random: np.random.Generator) -> Tensor:
    """Gain, a circular shift and a little noise for each of (rows, samples)."""
    rows = []
    for row in audio:
        row = torch.roll(row, int(random.integers(len(row)))) * float(10 ** (random.uniform(-8, 4) / 20))
        rows.append(row + torch.randn_like(row) * float(10 ** random.uniform(-4.5, -2.5)))
    return torch.stack(rows)
