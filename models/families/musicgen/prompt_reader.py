"""How a prompt is read: tokens, their places in the prompt, and the states that the decoder sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tonescope.models.errors import TonescopeError
from tonescope.models.families.prompt_words import words
from tonescope.models.generator import Text

MOST_TOKENS = 512


class Reader:
    """The text encoder of a MusicGen and its tokenizer.

    Args:
        model: the whole model.
        tokenizer: its tokenizer.
        name: what the user called the model.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        self.model, self.tokenizer, self.name = model, tokenizer, name
        self.words: Tensor | None = None  # which tokens of the last batch spell something: (rows, tokens)

    def tokens(self, prompts: Sequence[str]) -> Any:
        """The tokenizer's batch. Raises :class:`TonescopeError` for a prompt that is too long."""
        batch = self.tokenizer(
            list(prompts), padding=True, return_tensors="pt", return_offsets_mapping=self.tokenizer.is_fast
        )
        config = self.model.config.text_encoder
        longest = int(min(getattr(config, "max_position_embeddings", None) or MOST_TOKENS, MOST_TOKENS))
        if (length := batch["input_ids"].shape[1]) > longest:
            raise TonescopeError(
                f"the prompt is {length} tokens long and {self.name} reads at most {longest}; "
                "shorten it, one sentence is usually enough."
            )
        self.words = words(self.tokenizer, batch["input_ids"]).to(self.model.device)
        return batch

    def mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the tokenised prompts are tokens and not padding: (rows, tokens)."""
        mask: Tensor = self.tokens(prompts)["attention_mask"]
        return mask.bool()

    def lengths(self, prompts: Sequence[str]) -> dict[str, int]:
        """Tokens of each prompt."""
        return {prompt: int(self.tokens([prompt])["attention_mask"].sum()) for prompt in set(prompts)}

    def read(self, prompts: Sequence[str]) -> Text:
        """Encode prompts as the decoder will see them."""
        batch = self.tokens(prompts)
        ids, mask = batch["input_ids"].to(self.model.device), batch["attention_mask"].to(self.model.device)
        states = self.model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if hasattr(self.model, "enc_to_dec_proj"):
            states = self.model.enc_to_dec_proj(states)
        tokens = tuple(tuple(self.tokenizer.convert_ids_to_tokens(row.tolist())) for row in ids)
        offsets = batch.get("offset_mapping")
        spans = tuple(tuple((int(a), int(b)) for a, b in row) for row in offsets) if offsets is not None else ()
        return Text(states * mask[..., None], mask, tokens, spans)
