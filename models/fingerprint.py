"""Telling apart models that share a name: another revision, another adapter."""

from __future__ import annotations

import hashlib

from transformers import PreTrainedModel

STRETCH = 64  # values of every weight that are looked at


def fingerprint(model: PreTrainedModel) -> str:
    """Sixteen hexadecimal digits: a SHA-256 over the precision and a stretch from the middle of every weight."""
    digest = hashlib.sha256(str(model.dtype).encode())
    for name, weight in sorted(model.named_parameters()):
        flat = weight.detach().flatten()
        middle = len(flat) // 2
        digest.update(name.encode() + flat[middle : middle + STRETCH].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
