"""The training of the embedded predictor writes what its generator's folder ships, and goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from tests.diagnose.repair.word_states import session
from tonescope.diagnose.repair.genre_predictor import GenrePredictor
from training.train_genre_predictor import train


def test_a_training_that_was_stopped_goes_on_and_writes_it(tmp_path: Path) -> None:
    made = session()
    train(made, tmp_path / "work", 60, 1, tmp_path / "shipped")
    played = made.generator.played  # type: ignore[attr-defined]
    report = train(made, tmp_path / "work", 60, 2, tmp_path / "shipped")
    assert made.generator.played - played == 60  # type: ignore[attr-defined]
    assert GenrePredictor.load(tmp_path / "shipped").record == report.record and report.record.takes == 120
