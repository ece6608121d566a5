"""What tells apart models that share a name."""

from __future__ import annotations

import hashlib

import torch

SAMPLED = 64  # values of every weight


def fingerprint(model: torch.nn.Module) -> str:
    """Sixteen hexadecimal digits of a stretch of every weight: another revision or adapter has another one."""
    weights = sorted(model.named_parameters())
    digest = hashlib.sha256(str(weights[0][1].dtype if weights else None).encode())
    for name, weight in weights:
        flat = weight.detach().flatten()
        middle = len(flat) // 2
        digest.update(name.encode() + flat[middle : middle + SAMPLED].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
