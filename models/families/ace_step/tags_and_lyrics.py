"""How ACE-Step reads a prompt: tags in a template, which also says how long the song is, and lyrics.

A prompt is tags, then, from the first name of a part of a song in brackets on (``[verse]``), lyrics. The text encoder
reads the tags; of lyrics its embeddings are taken, and an encoder of the condition's own reads those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Text
from tonescope.models.song_parts import lyrics_from

INSTRUCTION = "Fill the audio semantic mask based on the given conditions:"
BEFORE_TAGS = f"# Instruction\n{INSTRUCTION}\n\n# Caption\n"
AFTER_TAGS = "\n\n# Metas\n- bpm: N/A\n- timesignature: N/A\n- keyscale: N/A\n- duration: {} seconds\n<|endoftext|>\n"
BEFORE_LYRICS, AFTER_LYRICS = "# Languages\nen\n\n# Lyric\n", "<|endoftext|>"
USUAL_SECONDS = 30
TIMBRE_SECONDS = 30  # of silence, in place of a recording whose timbre is asked for
LONGEST_TAGS, LONGEST_LYRICS = 256, 2048  # tokens, with the template
TIMBRE, PAD = "<timbre>", ""  # in place of tokens


@dataclass(frozen=True)
class _Read:
    """Some texts as tokens, padded at the end: numbers and mask (rows, tokens), the tokens, and which characters of the
    prompt each spells, (0, 0) where it is of the template."""

    ids: Tensor
    mask: Tensor
    tokens: list[list[str]]
    spans: list[list[tuple[int, int]]]


class TagsAndLyrics:
    """The text encoder and the encoder of the condition.

    Args:
        encoder: a Qwen3 of transformers.
        condition: an ``AceStepConditionEncoder``.
        tokenizer: of the text encoder; a fast one.
        frame_rate: latents a second.
        name: what the user called the model.

    Attributes:
        words: which tokens of the last tags that were read are no template: (rows, tokens).
    """

    def __init__(self, encoder: Any, condition: Any, tokenizer: Any, frame_rate: float, name: str) -> None:
        self.encoder, self.condition, self.tokenizer, self.name = encoder, condition, tokenizer, name
        self.timbre_frames = math.ceil(TIMBRE_SECONDS * frame_rate)
        self.words: Tensor | None = None

    def _tags(self, prompts: Sequence[str], seconds: float | None) -> _Read:
        after = AFTER_TAGS.format(int(seconds) if seconds and seconds >= 1 else USUAL_SECONDS)
        parts = [(BEFORE_TAGS, prompt[: lyrics_from(prompt)].rstrip(), after, 0) for prompt in prompts]
        return self._tokenized(parts, LONGEST_TAGS, "tags")

    def _lyrics(self, prompts: Sequence[str]) -> _Read:
        starts = [lyrics_from(prompt) for prompt in prompts]
        parts = [
            (BEFORE_LYRICS, prompt[start:], AFTER_LYRICS, start) for prompt, start in zip(prompts, starts, strict=True)
        ]
        return self._tokenized(parts, LONGEST_LYRICS, "lyrics")

    def _tokenized(self, parts: Sequence[tuple[str, str, str, int]], longest: int, what: str) -> _Read:
        """Texts of what stands before, the user's words, and what stands after; where those are in the prompt."""
        texts = [before + own + after for before, own, after, _ in parts]
        batch = self.tokenizer(
            texts, padding="longest", padding_side="right", return_tensors="pt", return_offsets_mapping=True
        )
        if (length := batch["input_ids"].shape[1]) > longest:
            raise TonescopeError(
                f"the {what} are {length} tokens long and {self.name} reads at most {longest}; shorten them."
            )
        spans = []
        for (before, own, _, start), row in zip(parts, batch["offset_mapping"].tolist(), strict=True):
            clipped = [(max(0, a - len(before)), min(len(own), b - len(before))) for a, b in row]
            spans.append([(start + a, start + b) if a < b else (0, 0) for a, b in clipped])
        tokens = [self.tokenizer.convert_ids_to_tokens(row.tolist()) for row in batch["input_ids"]]
        return _Read(batch["input_ids"], batch["attention_mask"].bool(), tokens, spans)

    def lengths(self, prompts: Sequence[str]) -> list[tuple[int, int]]:
        """Of each prompt, the tokens of tags and of lyrics."""
        tags, lyrics = self._tags(prompts, None), self._lyrics(prompts)
        return list(zip(tags.mask.sum(1).tolist(), lyrics.mask.sum(1).tolist(), strict=True))

    def mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the tags, as the text encoder is given them, are no padding: (rows, tokens)."""
        return self._tags(prompts, None).mask

    def read(self, prompts: Sequence[str], seconds: float | None = None) -> Text:
        """Encode prompts as the denoiser is told them: lyrics, timbre, tags, and padding at the end."""
        tags, lyrics = self._tags(prompts, seconds), self._lyrics(prompts)
        device = next(self.encoder.parameters()).device
        self.words = torch.tensor([[b > a for a, b in row] for row in tags.spans], device=device)
        silent = ~self.words.any(1, keepdim=True)  # of lyrics alone
        self.words = self.words | (silent & tags.mask.to(device))
        # It is causal, and padding stands at the end: no token reads any.
        states = self.encoder(input_ids=tags.ids.to(device)).last_hidden_state
        found, mask = self.condition(
            text_hidden_states=states,
            text_attention_mask=tags.mask.to(device),
            lyric_hidden_states=self.encoder.get_input_embeddings()(lyrics.ids.to(device)),
            lyric_attention_mask=lyrics.mask.to(device),
            refer_audio_acoustic_hidden_states_packed=self._silence(len(prompts), states.dtype),
            refer_audio_order_mask=torch.arange(len(prompts), device=device),
        )
        tokens, spans = [], []
        for row in range(len(prompts)):
            sung, asked = (int(read.mask[row].sum()) for read in (lyrics, tags))
            rest = mask.shape[1] - sung - 1 - asked
            tokens.append((*lyrics.tokens[row][:sung], TIMBRE, *tags.tokens[row][:asked], *[PAD] * rest))
            spans.append((*lyrics.spans[row][:sung], (0, 0), *tags.spans[row][:asked], *[(0, 0)] * rest))
        starts = tuple(lyrics_from(prompt) for prompt in prompts)
        return Text(found, mask.long(), tuple(tokens), tuple(spans), starts)

    def _silence(self, rows: int, dtype: torch.dtype) -> Tensor:
        silence: Tensor = self.condition.silence_latent
        device = next(self.encoder.parameters()).device
        return silence[:, : self.timbre_frames].to(device, dtype).expand(rows, -1, -1)


def silent_context(condition: nn.Module, frames: int) -> Tensor:
    """The latents of silence that a song is made in place of, (1, frames, width), as often as they are needed."""
    silence: Tensor = condition.silence_latent  # type: ignore[assignment]
    return silence.repeat(1, -(-frames // silence.shape[1]), 1)[:, :frames]
