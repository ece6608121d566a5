"""How a prompt is read that is always padded to one length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tonescope.models.errors import TonescopeError
from tonescope.models.families.prompt_words import words
from tonescope.models.generator import Text


class PaddedPrompts:
    """A text encoder with its tokenizer and projection.

    Args:
        encoder: a text encoder of transformers.
        tokenizer: its tokenizer, with a finite ``model_max_length``.
        project: from the encoder's states to what the denoiser is told; absent, the states themselves.
        name: what the user called the model.
        longest: tokens that prompts are padded to; absent, as many as the tokenizer allows.
    """

    def __init__(
        self,
        encoder: nn.Module,
        tokenizer: Any,
        project: Callable[[Tensor], Tensor] | None,
        name: str,
        *,
        longest: int | None = None,
    ) -> None:
        self.encoder, self.tokenizer, self.name = encoder, tokenizer, name
        self.project = project or (lambda states: states)
        self.longest = longest or int(tokenizer.model_max_length)
        self.words: Tensor | None = None  # which tokens of the last batch spell something: (rows, tokens)

    def tokens(self, prompts: Sequence[str]) -> Any:
        """The tokenizer's batch, padded. Raises :class:`TonescopeError` for a prompt that is too long."""
        lengths = [len(row) for row in self.tokenizer(list(prompts))["input_ids"]]
        if (length := max(lengths)) > self.longest:
            raise TonescopeError(
                f"the prompt is {length} tokens long and {self.name} reads at most {self.longest}; "
                "shorten it, one sentence is usually enough."
            )
        batch = self.tokenizer(
            list(prompts),
            padding="max_length",
            max_length=self.longest,
            return_tensors="pt",
            return_offsets_mapping=self.tokenizer.is_fast,
        )
        self.words = words(self.tokenizer, batch["input_ids"]).to(next(self.encoder.parameters()).device)
        return batch

    def mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the tokenised prompts are tokens and not padding: (rows, tokens)."""
        mask: Tensor = self.tokens(prompts)["attention_mask"]
        return mask.bool()

    def read(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        """Encode prompts as the denoiser is told them: zeros where they are padded. It reads nothing of ``seconds``."""
        batch, device = self.tokens(prompts), next(self.encoder.parameters()).device
        ids, mask = batch["input_ids"].to(device), batch["attention_mask"].to(device)
        states = self.project(self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state)
        tokens = tuple(tuple(self.tokenizer.convert_ids_to_tokens(row.tolist())) for row in ids)
        offsets = batch.get("offset_mapping")
        spans = tuple(tuple((int(a), int(b)) for a, b in row) for row in offsets) if offsets is not None else ()
        return Text(torch.where(mask[..., None].bool(), states, 0.0), mask, tokens, spans)
