"""The text encoder of the flow generator: a small T5Gemma that learns to read as the embedded models' MiniLM does.

The family reads prompts with a T5Gemma, and the embedded models with a BERT, whose weights do not fit it. So the states
of the one are learnt from those of the other (distillation, Hinton et al. 2015, arXiv:1503.02531), token by token, for
captions and for words side by side in no order. It stays as it is from then on.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training import text_encoder
from training.captions import vocabulary
from training.course import Course
from training.flow import flow_parts
from training.flow.flow_parts import FlowSizes
from training.planted import lessons

log = logging.getLogger(__name__)

BATCH, RATE, WARM_UP = 64, 2e-3, 50
PIECES_SHARE = 0.35  # of a batch, texts of random words
CAPTIONED = 800  # lessons whose captions are learnt, with so many captions each
CAPTIONS_EACH = 8


def captions(count: int, each: int, seed: int) -> list[str]:
    """``each`` captions of every one of ``count`` lessons."""
    random = np.random.default_rng(seed)
    found = []
    for lesson in lessons(count, dry=True):
        piece = lesson.recipe.compose()
        found += [lesson.caption(piece, random) for _ in range(each)]
    return found


class Reader(nn.Module):
    """The text encoder in training, and what leads from its states to the teacher's."""

    def __init__(self, sizes: FlowSizes, teacher: Any, padding: int) -> None:
        super().__init__()
        self.encoder = flow_parts.text_encoder(sizes, teacher.config.vocab_size, padding)
        self.lead = nn.Linear(sizes.text_width, teacher.config.hidden_size)
        self._start(teacher, sizes.text_width)

    @torch.no_grad()
    def _start(self, teacher: Any, width: int) -> None:
        """Begin with the teacher's word table, as far as its main directions go."""
        table = teacher.embeddings.word_embeddings.weight
        centred = table - table.mean(0)
        found = centred @ torch.linalg.svd(centred, full_matrices=False)[2][:width].T
        self.encoder.get_input_embeddings().weight[:, : found.shape[1]] = found / found.std() / width**0.5

    def forward(self, batch: Any) -> Tensor:
        """What it makes of a batch of the tokenizer, in the teacher's terms: (rows, tokens, width of the teacher)."""
        states = self.encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return self.lead(states)


class WordsTraining:
    """The text encoder in training."""

    def __init__(self, folder: Path, sizes: FlowSizes, minutes: float) -> None:
        text_encoder.build(folder / "teacher", most_pieces=sizes.pieces)
        self.teacher, self.tokenizer = text_encoder.load(folder / "teacher")
        self.tokenizer.model_max_length = sizes.longest
        self.sizes, self.folder = sizes, folder
        torch.manual_seed(0)
        self.reader = Reader(sizes, self.teacher, self.tokenizer.pad_token_id)
        self.optimiser = torch.optim.AdamW(
            self.reader.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.course = Course(
            folder / "words-state.pt",
            minutes,
            WARM_UP,
            clock=time.process_time,
            model=self.reader,
            optimiser=self.optimiser,
        )
        pieces = [piece for piece in self.tokenizer.get_vocab() if piece.isascii() and piece.isalpha()]
        self.pieces, self.words = sorted(pieces), sorted(vocabulary())

    def texts(self, known: list[str], count: int, random: np.random.Generator) -> list[str]:
        """Captions, and some random words in their place."""
        found = [known[index] for index in random.integers(len(known), size=count)]
        for row in range(int(count * PIECES_SHARE)):
            words = self.words if row % 2 else self.pieces
            found[row] = " ".join(random.choice(words, size=int(random.integers(1, 10))))
        return found

    def loss(self, texts: list[str]) -> Tensor:
        """The mean squared error of the states of tokens, in variances of the teacher's."""
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=self.sizes.longest, return_tensors="pt")
        kept = batch["attention_mask"].bool()
        with torch.no_grad():
            wanted = self.teacher(**batch).last_hidden_state[kept]
        return (self.reader(batch)[kept] - wanted).square().mean() / wanted.var()

    def run(self, seconds: float) -> float:
        """Train for at most so many seconds; returns the seconds that were used."""
        if self.course.resume():
            log.info("words: at step %d, %.1f min", self.course.step, self.course.spent / 60)
        before = self.course.spent
        if not self.course.over:
            random = np.random.default_rng([2, self.course.step])
            known = captions(CAPTIONED, CAPTIONS_EACH, 5)
        while not self.course.over and self.course.spent - before < seconds:
            with self.course.lesson():
                loss = self.loss(self.texts(known, BATCH, random))
                for group in self.optimiser.param_groups:
                    group["lr"] = RATE * self.course.rate
                self.optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.reader.parameters(), 1.0)
                self.optimiser.step()
            if self.course.saved():
                log.info("words: %.1f min, step %d, error %.3f", self.course.spent / 60, self.course.step, loss.item())
        self.course.save()
        if self.course.over:
            self.save()
        return self.course.spent - before

    def save(self) -> None:
        """Write encoder and tokenizer into ``words`` of the folder."""
        self.reader.encoder.save_pretrained(self.folder / "words")
        self.tokenizer.save_pretrained(self.folder / "words")


class Encoded:
    """The finished text encoder: from captions to what the denoiser is told of them."""

    def __init__(self, folder: Path, longest: int) -> None:
        from transformers import AutoTokenizer, T5GemmaEncoderModel

        self.encoder = T5GemmaEncoderModel.from_pretrained(folder / "words", attn_implementation="eager").eval()
        self.tokenizer, self.longest = AutoTokenizer.from_pretrained(folder / "words"), longest
        self.encoder.requires_grad_(False)

    @torch.no_grad()
    def read(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """States (rows, longest, width), and which of them are no padding (rows, longest)."""
        batch = self.tokenizer(
            texts, padding="max_length", truncation=True, max_length=self.longest, return_tensors="pt"
        )
        ids, mask = batch["input_ids"], batch["attention_mask"]
        used = int(mask.sum(1).max())  # padding is seen by nobody
        states = self.encoder(input_ids=ids[:, :used], attention_mask=mask[:, :used]).last_hidden_state
        return nn.functional.pad(states, (0, 0, 0, self.longest - used)), mask
