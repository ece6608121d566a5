"""Trains the embedded generator: MusicGen's decoder on the codec's codes, under a frozen MiniLM.

Every lesson is rendered and encoded once; its captions are new each time it is seen. The schedule is by time, so a run of any
length ends annealed; state is kept every two minutes and a stopped run goes on where it was.

    python -m tonescope.models.training.generator --folder WORK --minutes 160
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import EncodecModel, GenerationConfig, MusicgenConfig, MusicgenForConditionalGeneration
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from ..delay import delayed, delays
from . import record, text_encoder
from .clips import Recipe
from .planted import Lesson, facts, lessons
from .tables import fingerprint

log = logging.getLogger(__name__)

DECODER = dict(
    num_hidden_layers=6, hidden_size=320, ffn_dim=1280, num_attention_heads=5, dropout=0.0, activation_function="gelu"
)
LESSONS = 20_000
HELD_OUT = 96
BATCH = 6
RATE = 1e-3
WARM_UP = 150
NO_TEXT_SHARE = 0.1
TEXT_PIECES = 16_000
# The first codebook carries most of what can be learnt.
BOOK_WEIGHTS = (2.0, 1.0, 0.6, 0.4, 0.3, 0.25, 0.2, 0.2, 0.15, 0.15, 0.1, 0.1)
SAVE_EVERY = 120.0
LONGEST_STEP = 5.0  # seconds; what is longer was a machine that slept, and nothing was learnt meanwhile


def build(folder: Path) -> MusicgenForConditionalGeneration:
    """The untrained generator around the trained codec and the frozen text encoder in ``folder``."""
    text, _ = text_encoder.load(folder / "text-encoder")
    codec = EncodecModel.from_pretrained(folder / "codec")
    books, size = codec.quantizer.num_quantizers, codec.config.codebook_size
    decoder = MusicgenDecoderConfig(
        **DECODER,
        vocab_size=size,
        num_codebooks=books,
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
        bos_token_id=size, decoder_start_token_id=size, pad_token_id=size, do_sample=True, guidance_scale=3.0, top_k=250, max_length=200 + books
    )  # fmt: skip
    return model.eval()


@torch.no_grad()
def _start(model: MusicgenForConditionalGeneration) -> None:
    """Begin with what the codec knows: codes that sound alike get embeddings and heads that are alike."""
    hidden = model.config.decoder.hidden_size
    basis = torch.linalg.qr(torch.randn(hidden, hidden))[0][: model.config.audio_encoder.hidden_size]
    for book, layer in enumerate(model.audio_encoder.quantizer.layers):
        vectors = layer.codebook.embed
        vectors = (vectors - vectors.mean(0)) / vectors.std() @ basis
        vectors = vectors / vectors.std()
        embedding, head = model.decoder.model.decoder.embed_tokens[book].weight, model.decoder.lm_heads[book].weight
        embedding[: len(vectors)] = 0.3 * vectors + 0.12 * torch.randn_like(vectors)
        head.copy_(0.02 * vectors)


def _recipe_audio(recipe: Recipe) -> np.ndarray:
    return recipe.render()


def encode_lessons(folder: Path, codec: EncodecModel, todo: list[Lesson], name: str) -> np.ndarray:
    """Codes of every lesson, (lessons, codebooks, frames) uint16, rendered and encoded as far as they are not on disk."""
    weights = {key: weight for key, weight in codec.state_dict().items() if not key.startswith("decoder.")}
    path = folder / f"{name}-{record.key(weights, fingerprint(), facts())}.npy"
    kept = np.load(path) if path.exists() else np.zeros((0, codec.quantizer.num_quantizers, 200), dtype=np.uint16)
    fresh: list[np.ndarray] = []

    def save() -> None:
        whole = np.concatenate([kept, *fresh])
        np.save(path.with_suffix(".tmp.npy"), whole)
        path.with_suffix(".tmp.npy").replace(path)

    if len(kept) < len(todo):
        with get_context("spawn").Pool(2) as pool, torch.no_grad():
            rendered = pool.imap(_recipe_audio, [lesson.recipe for lesson in todo[len(kept) :]], chunksize=8)
            pending: list[np.ndarray] = []
            for count, audio in enumerate(rendered, start=len(kept) + 1):
                pending.append(audio)
                if len(pending) == 4 or count == len(todo):
                    codes = codec.encode(torch.from_numpy(np.stack(pending))[:, None]).audio_codes[0]
                    fresh.append(codes.numpy().astype(np.uint16))
                    pending = []
                if count % 2000 == 0:
                    log.info("%s: %d of %d lessons encoded", name, count, len(todo))
                    save()
        save()
    return np.load(path)[: len(todo)]


class Batches:
    """Draws batches of codes and encoded captions."""

    def __init__(self, folder: Path, todo: list[Lesson], codes: np.ndarray, seed: int) -> None:
        self.text, self.tokenizer = text_encoder.load(folder / "text-encoder")
        self.todo, self.codes, self.random = todo, codes, np.random.default_rng(seed)

    @torch.no_grad()
    def draw(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Codes (batch, codebooks, frames), text states (batch, tokens, width), mask (batch, tokens)."""
        captions = [self.todo[row].caption(self.todo[row].recipe.compose(), self.random) for row in rows]
        batch = self.tokenizer(captions, padding=True, truncation=True, max_length=48, return_tensors="pt")
        states = self.text(**batch).last_hidden_state
        mask = batch["attention_mask"]
        silent = torch.from_numpy(self.random.random(len(rows)) < NO_TEXT_SHARE)
        return (
            torch.from_numpy(self.codes[rows].astype(np.int64)),
            states * ~silent[:, None, None],
            mask * ~silent[:, None],
        )


def losses(model: MusicgenForConditionalGeneration, codes: Tensor, states: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy of each codebook in nats."""
    books, size = codes.shape[1], model.config.decoder.vocab_size
    ids = delayed(codes, delays(books), size)
    encoder = model.enc_to_dec_proj(states) * mask[..., None]
    logits = model.decoder(
        input_ids=ids[:, :, :-1].reshape(-1, ids.shape[2] - 1),
        encoder_hidden_states=encoder,
        encoder_attention_mask=mask,
        use_cache=False,
    ).logits.reshape(len(codes), books, -1, size)
    labels = torch.where(ids[:, :, 1:] == size, -100, ids[:, :, 1:])
    return torch.stack(
        [nn.functional.cross_entropy(logits[:, book].transpose(1, 2), labels[:, book]) for book in range(books)]
    )


def half_is_quicker(model: MusicgenForConditionalGeneration, batch: tuple[Tensor, Tensor, Tensor]) -> bool:
    """Whether this processor takes a step in bfloat16 in less time; some do it in half, others need half as much again. The loss is the same."""
    best = {True: math.inf, False: math.inf}
    for half in (True, False) * 3:
        started = time.monotonic()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = losses(model, *batch).sum()
        loss.backward()
        best[half] = min(best[half], time.monotonic() - started)
    model.zero_grad()
    return best[True] < best[False]


def rate_at(share: float, step: int) -> float:
    """Learning rate after ``share`` of the time: warm-up by steps, then a cosine down to 3 %."""
    return RATE * min(1.0, (step + 1) / WARM_UP) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def _groups(model: nn.Module) -> list[dict[str, object]]:
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    decayed = [weight for name, weight in trained if weight.ndim == 2 and "embed" not in name]
    rest = [weight for name, weight in trained if not (weight.ndim == 2 and "embed" not in name)]
    return [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]


def train(folder: Path, minutes: float, stop_after: float = math.inf, seed: int = 0) -> None:
    """Train for ``minutes`` in all, over as many calls as it takes, each at most ``stop_after`` minutes long."""
    text_encoder.build(folder / "text-encoder", most_pieces=TEXT_PIECES)
    torch.manual_seed(seed)
    model = build(folder)
    todo, held_out = lessons(LESSONS), lessons(HELD_OUT, "validation")
    codes = encode_lessons(folder, model.audio_encoder, todo, "codes-train")
    held_codes = encode_lessons(folder, model.audio_encoder, held_out, "codes-validation")
    batches = Batches(folder, todo, codes, seed)
    fixed = Batches(folder, held_out, held_codes, 1).draw(np.arange(HELD_OUT))

    optimiser = torch.optim.AdamW(_groups(model), lr=RATE, betas=(0.9, 0.95))
    state = folder / "generator-state.pt"
    step, spent = 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        step, spent = kept["step"], kept["spent"]
        batches.random = np.random.default_rng([seed, step])
        log.info("resuming at step %d, %.1f min", step, spent / 60)

    def save() -> None:
        torch.save(
            {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": spent},
            state.with_suffix(".tmp"),
        )
        state.with_suffix(".tmp").replace(state)

    weights = torch.tensor(BOOK_WEIGHTS) / sum(BOOK_WEIGHTS)
    half = half_is_quicker(model, batches.draw(np.arange(BATCH)))
    log.info("training in %s, which is quicker here", "bfloat16" if half else "float32")
    saved, first, order, frames = spent, spent, np.zeros(0, dtype=np.int64), 0
    while spent < minutes * 60 and spent - first < stop_after * 60:
        started = time.monotonic()
        if len(order) < BATCH:
            order = batches.random.permutation(len(todo))
        rows, order = order[:BATCH], order[BATCH:]
        for group in optimiser.param_groups:
            group["lr"] = rate_at(spent / (minutes * 60), step)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = (losses(model, *batches.draw(rows)) * weights).sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        frames += BATCH * 200
        spent += min(time.monotonic() - started, LONGEST_STEP)
        if spent - saved >= SAVE_EVERY:
            saved = spent
            save()
            with torch.no_grad():
                measured = torch.stack(
                    [losses(model, *(part[start : start + 8] for part in fixed)) for start in range(0, HELD_OUT, 8)]
                ).mean(0)
            shown = " ".join(f"{float(value):.2f}" for value in measured)
            log.info(
                "%.1f min, step %d, %.0f frames/s, loss %.3f, held-out by codebook: %s",
                spent / 60,
                step,
                frames / (spent - first),
                loss.item(),
                shown,
            )
    save()
    if spent >= minutes * 60:
        model.save_pretrained(folder / "generator")
        record.write(
            folder, "generator", seed=seed, minutes=round(spent / 60), steps=step, lessons=LESSONS, batch=BATCH
        )
        batches.tokenizer.save_pretrained(folder / "generator")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips, codes and checkpoints are kept")
    parser.add_argument("--minutes", type=float, default=160, help="training time in all, over every call")
    parser.add_argument("--stop-after", type=float, default=math.inf, help="end this call after so many minutes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments.folder, arguments.minutes, arguments.stop_after, arguments.seed)


if __name__ == "__main__":
    main()
