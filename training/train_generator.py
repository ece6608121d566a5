"""Trains the embedded generator: MusicGen's decoder on the codec's codes, under a frozen MiniLM.

Every lesson is rendered, as a dry mix, and encoded once; its captions are new each time it is seen. The schedule of a
round is by time, so that it ends annealed. State is kept every two minutes, and a stopped run is resumed.

    python -m training.train_generator --folder WORK
"""

from __future__ import annotations

import argparse
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import EncodecModel, GenerationConfig, MusicgenConfig, MusicgenForConditionalGeneration
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from tonescope.models.families.musicgen.delay import delayed, delays, undelayed
from training import record, text_encoder
from training.classifier import truth
from training.codes import encode_lessons
from training.course import Course, half_is_quicker
from training.lookahead_head import LookaheadHead
from training.mishearing import elsewhere, guessed, misheard
from training.planted import Lesson, lessons
from training.score import Piece

log = logging.getLogger(__name__)

DECODER = dict(
    num_hidden_layers=6, hidden_size=320, ffn_dim=1280, num_attention_heads=5, dropout=0.0, activation_function="gelu"
)
LESSONS = 32_000
HELD_OUT = 96
BATCH = 16
WARM_UP = 150
NO_TEXT_SHARE = 0.1  # of the lessons, without captions, for classifier-free guidance (Ho & Salimans 2022)
OPENING_FRAMES = 50
OPENING_LESSONS = 4_000  # whose openings are learnt on top
TEXT_PIECES = 24_000
CODEBOOK_WEIGHTS = (1.6, 1.0, 0.8, 0.6)  # the first codebook carries most of what can be learnt


@dataclass(frozen=True)
class Round:
    """One round of the schedule.

    Attributes:
        minutes: how long it takes.
        rate: learning rate at its start.
        opening: weight of the first frame, beside 1 for those after :data:`OPENING_FRAMES`.
        misheard: largest share of the frames that are corrupted (:mod:`training.mishearing`).
        lookahead: weight of the lookahead head's loss.
        openings: further captions a step, of which the first frame alone is learnt.
        text_noise: largest noise on the encoded captions, in their standard deviation (NEFTune, Jain et al. 2023,
            arXiv:2310.05914).
    """

    minutes: float
    rate: float
    opening: float = 1.0
    misheard: float = 0.0
    lookahead: float = 0.0
    openings: int = 0
    text_noise: float = 0.0


# Later rounds make the model follow the prompt. The opening, where there is little else to go by, weighs more. The last
# three have a lookahead head, the last two also many more prompts than there is time to play to the end.
ROUNDS = (
    Round(55, 1e-3),
    Round(20, 5e-4, opening=4.0, misheard=0.5),
    Round(40, 7e-4, opening=4.0, misheard=0.5),
    Round(40, 7e-4, opening=4.0, misheard=0.5, lookahead=0.3),
    Round(30, 6e-4, opening=4.0, misheard=0.5, lookahead=0.5, openings=96, text_noise=1.0),
    Round(35, 6e-4, opening=4.0, misheard=0.5, lookahead=0.5, openings=96, text_noise=1.0),
)


def build(folder: Path) -> MusicgenForConditionalGeneration:
    """The untrained generator around the trained codec and the frozen text encoder in ``folder``."""
    text, _ = text_encoder.load(folder / "text-encoder")
    codec = EncodecModel.from_pretrained(folder / "codec")
    n_codebooks, size = codec.quantizer.num_quantizers, codec.config.codebook_size
    decoder = MusicgenDecoderConfig(
        **DECODER,
        vocab_size=size,
        num_codebooks=n_codebooks,
        audio_channels=1,
        pad_token_id=size,
        bos_token_id=size,
        max_position_embeddings=512,
    )
    config = MusicgenConfig(
        text_encoder=text.config.to_dict(), audio_encoder=codec.config.to_dict(), decoder=decoder.to_dict()
    )
    model = MusicgenForConditionalGeneration(config)
    model.text_encoder.load_state_dict(text.state_dict())
    model.audio_encoder.load_state_dict(codec.state_dict())
    model.text_encoder.requires_grad_(False)
    model.audio_encoder.requires_grad_(False)
    _start(model)
    model.generation_config = GenerationConfig(
        bos_token_id=size,
        decoder_start_token_id=size,
        pad_token_id=size,
        do_sample=True,
        guidance_scale=3.0,
        top_k=250,
        max_length=200 + n_codebooks,
    )
    return model.eval()


@torch.no_grad()
def _start(model: MusicgenForConditionalGeneration) -> None:
    """Initialise embeddings and output heads from the codec's codebooks: similar codes get similar weights."""
    hidden = model.config.decoder.hidden_size
    basis = torch.linalg.qr(torch.randn(hidden, hidden))[0][: model.config.audio_encoder.hidden_size]
    for book, layer in enumerate(model.audio_encoder.quantizer.layers):
        vectors = layer.codebook.embed
        vectors = (vectors - vectors.mean(0)) / vectors.std() @ basis
        vectors = vectors / vectors.std()
        embedding, head = model.decoder.model.decoder.embed_tokens[book].weight, model.decoder.lm_heads[book].weight
        embedding[: len(vectors)] = 0.3 * vectors + 0.12 * torch.randn_like(vectors)
        head.copy_(0.02 * vectors)


@dataclass(frozen=True)
class Batch:
    """A batch of lessons.

    Attributes:
        codes: (batch, codebooks, frames).
        states: the encoded captions, (batch, tokens, width); zeros where a lesson has no caption.
        mask: (batch, tokens).
        right: the targets of :func:`training.classifier.truth`.
    """

    codes: Tensor
    states: Tensor
    mask: Tensor
    right: dict[str, Tensor]


class Batches:
    """Draws batches of lessons with new captions."""

    def __init__(
        self, folder: Path, todo: list[Lesson], codes: NDArray[np.uint16], seed: list[int], text_noise: float = 0.0
    ) -> None:
        self.text, self.tokenizer = text_encoder.load(folder / "text-encoder")
        self.todo, self.codes, self.random = todo, codes, np.random.default_rng(seed)
        self.text_noise = text_noise
        self._pieces: dict[int, Piece] = {}

    def draw(self, rows: NDArray[np.int64]) -> Batch:
        """The lessons with these indices; :data:`NO_TEXT_SHARE` of them without captions."""
        silent = self.random.random(len(rows)) < NO_TEXT_SHARE
        return self._batch(rows, [self.todo[row].recipe.compose() for row in rows], silent, self.codes.shape[2])

    def openings(self, count: int) -> Batch:
        """The first frames of random lessons among the first :data:`OPENING_LESSONS`, whose pieces are cached."""
        rows = self.random.integers(min(OPENING_LESSONS, len(self.todo)), size=count)
        for row in set(rows.tolist()) - self._pieces.keys():
            self._pieces[row] = self.todo[row].recipe.compose()
        return self._batch(rows, [self._pieces[row] for row in rows], np.zeros(count, dtype=bool), 1)

    @torch.no_grad()
    def _batch(self, rows: NDArray[np.int64], pieces: list[Piece], silent: NDArray[np.bool_], frames: int) -> Batch:
        captions = [self.todo[row].caption(piece, self.random) for row, piece in zip(rows, pieces, strict=True)]
        batch = self.tokenizer(captions, padding=True, truncation=True, max_length=48, return_tensors="pt")
        states, mask, told = self.text(**batch).last_hidden_state, batch["attention_mask"], torch.from_numpy(~silent)
        if self.text_noise:
            level = self.text_noise * torch.rand(len(rows), 1, 1) * states[mask.bool()].std()
            states = states + level * torch.randn_like(states)
        return Batch(
            torch.from_numpy(self.codes[rows, :, :frames].astype(np.int64)),
            states * told[:, None, None],
            mask * told[:, None],
            truth(pieces),
        )


def read(model: MusicgenForConditionalGeneration, heard: Tensor, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """A teacher-forced pass of the decoder.

    Args:
        model: the generator.
        heard: the codes so far, (batch, codebooks, frames).
        states: the encoded captions, (batch, tokens, width).
        mask: (batch, tokens).

    Returns:
        Logits (batch, codebooks, frames, codes), and hidden states (batch, positions, width) after half of the layers.
    """
    (batch, n_codebooks, frames), size = heard.shape, model.config.decoder.vocab_size
    inputs = delayed(heard, delays(n_codebooks), size)[:, :, :-1]
    output = model.decoder(
        input_ids=inputs.reshape(batch * n_codebooks, -1),
        encoder_hidden_states=model.enc_to_dec_proj(states) * mask[..., None],
        encoder_attention_mask=mask,
        use_cache=False,
        output_hidden_states=True,
    )
    logits = undelayed(output.logits.reshape(batch, n_codebooks, -1, size), delays(n_codebooks), frames)
    return logits, output.hidden_states[model.config.decoder.num_hidden_layers // 2]


def predict(model: MusicgenForConditionalGeneration, heard: Tensor, states: Tensor, mask: Tensor) -> Tensor:
    """The logits of :func:`read`."""
    return read(model, heard, states, mask)[0]


def falling(opening: float) -> Tensor:
    """Weights (:data:`OPENING_FRAMES`,) that fall from ``opening`` to 0."""
    return opening * (1 - torch.arange(OPENING_FRAMES) / OPENING_FRAMES)


def losses(logits: Tensor, codes: Tensor, opening: float = 1.0) -> Tensor:
    """Weighted mean cross-entropy of each codebook in nats, (codebooks,).

    The first frame weighs ``opening``; weights fall to 1 over :data:`OPENING_FRAMES`.
    """
    each = nn.functional.cross_entropy(logits.flatten(0, 2), codes.flatten(), reduction="none").reshape(codes.shape)
    weights = torch.ones(codes.shape[2])
    weights[:OPENING_FRAMES] += falling(opening - 1)[: len(weights)]
    return (each * weights).mean((0, 2)) / weights.mean()


def _groups(model: nn.Module) -> list[dict[str, object]]:
    """Parameter groups: weight decay for matrices, none for embeddings, biases and norms."""
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    decayed = [weight for name, weight in trained if weight.ndim == 2 and "embed" not in name]
    rest = [weight for name, weight in trained if not (weight.ndim == 2 and "embed" not in name)]
    return [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]


class Training:
    """One round in training."""

    def __init__(self, folder: Path, number: int, model: MusicgenForConditionalGeneration, seed: int) -> None:
        self.model, self.round = model, ROUNDS[number - 1]
        model.decoder.set_attn_implementation("eager")  # the others' backward pass takes twice as long on CPUs
        learning = _groups(model)
        kept: dict[str, nn.Module] = {"model": model}
        self.lookahead = LookaheadHead(model.config.decoder.hidden_size) if self.round.lookahead else None
        if self.lookahead:
            learning.append({"params": list(self.lookahead.parameters()), "weight_decay": 0.0})
            kept["lookahead"] = self.lookahead
        self.optimiser = torch.optim.AdamW(learning, lr=self.round.rate, betas=(0.9, 0.95), fused=True)
        path = folder / f"generator-state-{number}.pt"
        self.course = Course(path, self.round.minutes, WARM_UP, 0.03, optimiser=self.optimiser, **kept)
        self.weights = torch.tensor(CODEBOOK_WEIGHTS) / sum(CODEBOOK_WEIGHTS)
        self.order = np.zeros(0, dtype=np.int64)
        if self.course.resume():
            log.info("round %d: at step %d, %.1f min", number, self.course.step, self.course.spent / 60)
        if not self.course.over:
            self._open(folder, seed)

    def _open(self, folder: Path, seed: int) -> None:
        todo, held_out = lessons(LESSONS, dry=True), lessons(HELD_OUT, "validation", dry=True)
        codes = encode_lessons(folder, todo, "codes-train")
        self.batches = Batches(folder, todo, codes, [seed, self.course.step], self.round.text_noise)
        held_codes = encode_lessons(folder, held_out, "codes-validation")
        self.fixed = Batches(folder, held_out, held_codes, [1]).draw(np.arange(HELD_OUT))

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a batch, with corrupted codes in rounds that have them."""
        return self._loss(batch, self._heard(batch))

    def _loss(self, batch: Batch, heard: Tensor) -> Tensor:
        logits, hidden = read(self.model, heard, batch.states, batch.mask)
        loss = (losses(logits, batch.codes, self.round.opening) * self.weights).sum()
        if self.lookahead:
            told = batch.mask.any(1)  # nothing can be predicted without a caption
            right = {name: values[told] for name, values in batch.right.items()}
            weights = falling(1.0)[: batch.codes.shape[2]]
            loss = loss + self.round.lookahead * self.lookahead.loss(hidden[told], right, weights)
        return loss

    @torch.no_grad()
    def _heard(self, batch: Batch) -> Tensor:
        """The codes that the decoder hears: corrupted by its own samples or by other pieces, with equal probability."""
        random, most, codes = self.batches.random, self.round.misheard, batch.codes
        if not most:
            return codes
        own = random.random() < 0.5
        wrong = guessed(predict(self.model, codes, batch.states, batch.mask)) if own else elsewhere(codes, random)
        return misheard(codes, wrong, most, random)

    def lesson(self, half: bool) -> float:
        """One step; returns its loss."""
        if len(self.order) < BATCH:
            self.order = self.batches.random.permutation(len(self.batches.todo))
        rows, self.order = self.order[:BATCH], self.order[BATCH:]
        for group in self.optimiser.param_groups:
            group["lr"] = self.round.rate * self.course.rate
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = self.loss(self.batches.draw(rows))
            if self.round.openings:
                opening = self.batches.openings(self.round.openings)
                loss = loss + self._loss(opening, opening.codes)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    @torch.no_grad()
    def held_out(self) -> Tensor:
        """Cross-entropy of each codebook on held-out lessons."""
        fixed = (self.fixed.codes, self.fixed.states, self.fixed.mask)
        parts = zip(*(part.split(8) for part in fixed), strict=True)
        return torch.stack([losses(predict(self.model, *part), part[0]) for part in parts]).mean(0)

    def run(self, seconds: float) -> float:
        """Train until the round is over, or for so many seconds; returns the seconds that were used."""
        batch, course = self.batches.draw(np.arange(BATCH)), self.course
        half = half_is_quicker(self.model, lambda: self.loss(batch))
        log.info("training in %s, which is quicker here", "bfloat16" if half else "float32")
        before, first = course.spent, course.step
        while not course.over and course.spent - before < seconds:
            with course.lesson():
                loss = self.lesson(half)
            if course.saved():
                pace = (course.step - first) * BATCH * 200 / (course.spent - before)
                shown = " ".join(f"{float(value):.2f}" for value in self.held_out())
                log.info("%.1f min, step %d, %.0f frames/s", course.spent / 60, course.step, pace)
                log.info("loss %.3f, held-out by codebook: %s", loss, shown)
        course.save()
        return course.spent - before


def train(folder: Path, stop_after: float = math.inf, seed: int = 0) -> None:
    """Train every round and save the generator in ``folder``; a stopped training is resumed.

    A call ends after ``stop_after`` minutes at most; the generator is saved by the call that ends the last round.
    """
    text_encoder.build(folder / "text-encoder", most_pieces=TEXT_PIECES)
    left, steps = stop_after * 60, []
    torch.manual_seed(seed)
    model = build(folder)
    for number in range(1, len(ROUNDS) + 1):
        training = Training(folder, number, model, seed)
        left -= 0 if training.course.over else training.run(left)
        steps.append(training.course.step)
        if not training.course.over:
            return
    model.decoder.set_attn_implementation("sdpa")
    model.save_pretrained(folder / "generator")
    text_encoder.load(folder / "text-encoder")[1].save_pretrained(folder / "generator")
    minutes = [round_.minutes for round_ in ROUNDS]
    record.write(folder, "generator", seed=seed, minutes=minutes, steps=steps, lessons=LESSONS, batch=BATCH)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips, codes and checkpoints are kept")
    parser.add_argument("--stop-after", type=float, default=math.inf, help="end this call after so many minutes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments.folder, arguments.stop_after, arguments.seed)


if __name__ == "__main__":
    main()
