"""Which tokens of a prompt are words, and not what its tokenizer adds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def words(tokenizer: Any, ids: Tensor) -> Tensor:
    """Which tokens (rows, tokens) are not the tokenizer's own; all, in a row of nothing else."""
    own = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    found = ~torch.isin(ids, torch.tensor(sorted(own), dtype=torch.long))
    return found | ~found.any(1, keepdim=True)
