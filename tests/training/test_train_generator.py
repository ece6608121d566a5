"""How the generator learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tonescope.models.families.musicgen.musicgen import MusicGen
from training import text_encoder
from training.planted import lessons
from training.tables import genres, instrument_groups
from training.train_generator import BATCH, OPENING_FRAMES, ROUNDS, Batch, Batches, Training, losses, predict

CODES = torch.randint(0, 16, (2, 4, 60), generator=torch.Generator().manual_seed(0))
LOGITS = torch.randn(2, 4, 60, 16, generator=torch.Generator().manual_seed(1))


def _encoded(generator: MusicGen, prompts: list[str]) -> dict[str, torch.Tensor]:
    """What the text encoder is given."""
    batch = generator.reader.tokens(prompts)
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def test_it_predicts_what_replay_does() -> None:
    generator = tiny.generator()
    text = generator.read_text(["house"] * 2)
    with torch.no_grad():
        states = generator.model.text_encoder(**_encoded(generator, ["house"] * 2)).last_hidden_state
        assert torch.allclose(
            predict(generator.model, CODES, states, text.mask),
            generator.branch_logits(CODES, text, guidance=1.0)[0],
            atol=1e-5,
        )


def test_the_loss_is_cross_entropy_by_codebook() -> None:
    wanted = [
        torch.nn.functional.cross_entropy(LOGITS[:, book].flatten(0, 1), CODES[:, book].flatten()) for book in range(4)
    ]
    assert torch.allclose(losses(LOGITS, CODES), torch.stack(wanted), atol=1e-5)


@pytest.mark.parametrize(("frame", "more"), [(0, True), (OPENING_FRAMES + 5, False)])
def test_the_opening_counts_for_more(frame: int, more: bool) -> None:
    better = LOGITS.clone()
    better[:, :, frame] += 5 * torch.nn.functional.one_hot(CODES[:, :, frame], 16)
    gains = [losses(LOGITS, CODES, opening) - losses(better, CODES, opening) for opening in (4.0, 1.0)]
    assert bool(((gains[0] > gains[1]) == more).all())


@pytest.mark.parametrize("opening", [1.0, 4.0])
def test_weights_do_not_change_the_scale(opening: float) -> None:
    assert torch.allclose(losses(torch.zeros_like(LOGITS), CODES, opening), torch.full((4,), float(np.log(16))))


def test_openings_are_captions_with_their_first_frame(tmp_path: Path) -> None:
    text_encoder.build(tmp_path / "text-encoder", layers=[5])
    todo = lessons(6)
    codes = np.random.default_rng(0).integers(16, size=(6, 4, 20)).astype(np.uint16)
    plain, noisy = (Batches(tmp_path, todo, codes, [0], noise).openings(12) for noise in (0.0, 1.0))
    assert plain.codes.shape == (12, 4, 1) and plain.mask.any(1).all()
    assert {tuple(row) for row in plain.codes[:, :, 0].tolist()} <= {tuple(row) for row in codes[:, :, 0].tolist()}
    assert torch.equal(plain.mask, noisy.mask) and torch.equal(plain.right["genre"], noisy.right["genre"])
    assert 0 < (plain.states - noisy.states).abs().mean() < plain.states.abs().mean()
    whole = Batches(tmp_path, todo, codes, [0]).draw(np.arange(6))
    assert whole.codes.shape == (6, 4, 20)
    assert [int(genre) for genre in whole.right["genre"]] == [
        list(genres()).index(lesson.recipe.genre) for lesson in todo
    ]


class _Lessons:
    """Batches of random codes; every other row is asked for nothing."""

    def __init__(self, width: int) -> None:
        self.todo, self.random, self.width = range(BATCH), np.random.default_rng(0), width
        self.asked: list[int] = []

    def _batch(self, rows: int, frames: int, told: torch.Tensor) -> Batch:
        right = {
            "genre": torch.arange(rows) % len(genres()),
            "instruments": torch.zeros(rows, len(instrument_groups())),
            "tempo": torch.arange(rows) % 32,
        }
        mask = told[:, None].long().expand(-1, 3)
        return Batch(
            torch.randint(16, (rows, 4, frames)), torch.randn(rows, 3, self.width) * mask[..., None], mask, right
        )

    def draw(self, rows: np.ndarray) -> Batch:
        return self._batch(len(rows), 60, torch.arange(len(rows)) % 2 == 0)

    def openings(self, count: int) -> Batch:
        self.asked.append(count)
        return self._batch(count, 1, torch.ones(count, dtype=torch.bool))


def _round(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    monkeypatch.setattr(Training, "_open", lambda *_: None)
    model = tiny.generator().model
    model.decoder.requires_grad_(True)
    training = Training(folder, number, model, 0)
    training.batches = _Lessons(model.config.text_encoder.hidden_size)  # type: ignore[assignment]
    return training


@pytest.mark.parametrize("number", range(1, len(ROUNDS) + 1))
def test_every_round_does_what_it_says(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training, says = _round(number, tmp_path, monkeypatch), ROUNDS[number - 1]
    head = training.lookahead
    assert (head is not None) == bool(says.lookahead)
    before = [weight.clone() for weight in head.parameters()] if head else []
    training.lesson(half=False)
    assert training.batches.asked == [says.openings] * bool(says.openings)  # type: ignore[attr-defined]
    assert all(
        not torch.equal(weight, old) for weight, old in zip(head.parameters() if head else [], before, strict=True)
    )


def test_the_lookahead_head_teaches_the_decoder_from_what_was_asked_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(index for index, round_ in enumerate(ROUNDS, start=1) if round_.lookahead)
    training = _round(number, tmp_path, monkeypatch)
    batch = training.batches.draw(np.arange(8))

    def gradient(right: dict[str, torch.Tensor]) -> torch.Tensor:
        training.model.zero_grad()
        training._loss(replace(batch, right=right), batch.codes).backward()
        return training.model.decoder.model.decoder.layers[0].fc1.weight.grad.clone()

    told, plain = batch.mask.any(1), gradient(batch.right)
    other = (batch.right["genre"] + 5) % len(genres())
    assert not torch.allclose(gradient({**batch.right, "genre": torch.where(told, other, batch.right["genre"])}), plain)
    assert torch.equal(gradient({**batch.right, "genre": torch.where(told, batch.right["genre"], other)}), plain)
