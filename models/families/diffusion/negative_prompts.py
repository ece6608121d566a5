"""What guidance steers away from: a prompt that is read beside the one that is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tonescope.models.generator import Text
from tonescope.models.hooks import aside

if TYPE_CHECKING:
    from tonescope.models.families.diffusion.latent_places import PromptReader


class NegativePrompts:
    """Negative prompts as the unconditional rows are told them. Hooks on the text encoder are for the prompt itself:
    these are read aside, each once.

    Args:
        reader: reads the prompts.
    """

    def __init__(self, reader: PromptReader) -> None:
        self.reader = reader
        self._known: dict[str, Text] = {}

    @torch.no_grad()
    def read(self, prompt: str) -> Text:
        """One row. Raises :class:`~tonescope.models.errors.TonescopeError` for one that is too long."""
        if prompt not in self._known:
            words = self.reader.words
            try:
                with aside():
                    self._known[prompt] = self.reader.read([prompt])
            finally:
                self.reader.words = words
        return self._known[prompt]
