"""The flow generator at a size for tests: its parts, a few lessons, and a reader of random weights."""

from __future__ import annotations

import numpy as np
import torch

from tests import tiny
from training.classifier import truth
from training.clips import uniform
from training.flow import flow_parts
from training.flow.flow_lessons import FlowLessons
from training.flow.flow_parts import FlowSizes
from training.flow.flow_words import Encoded

SIZES = FlowSizes(
    text_width=24,
    text_layers=1,
    text_heads=2,
    text_inner=32,
    longest=12,
    latent=6,
    codec_width=32,
    codec_layers=1,
    codec_mult=1,
    head=16,
    width=32,
    depth=2,
    heads=2,
    mult=2.0,
    memory=2,
)


def reader() -> Encoded:
    """A text encoder that was never trained, with the tests' own tokenizer."""
    found = Encoded.__new__(Encoded)
    torch.manual_seed(0)
    found.tokenizer, found.longest = tiny.tokenizer(), SIZES.longest
    found.tokenizer.model_max_length = SIZES.longest
    found.encoder = flow_parts.text_encoder(SIZES, len(tiny.WORDS), 0).eval().requires_grad_(False)
    return found


def lessons(count: int = 4) -> FlowLessons:
    """Lessons whose latents stay as they are from frame to frame, captioned in words that the tokenizer has."""
    random = np.random.default_rng(0)
    latents = random.standard_normal((count, SIZES.latent, 1)).repeat(SIZES.frames, 2).astype(np.float16)
    words = ("jazz", "house", "techno", "fast piano")
    pieces = [recipe.compose() for recipe in uniform("test", count)]
    return FlowLessons(latents, [[words[row % len(words)]] for row in range(count)], truth(pieces))
