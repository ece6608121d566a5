"""The text encoders of the embedded models."""

from __future__ import annotations

from pathlib import Path

import torch

from training import text_encoder
from training import train_judge as judge


def test_the_token_that_the_judge_reads_tells_sentences_apart(tmp_path: Path) -> None:
    text_encoder.build(tmp_path, judge.TEXT_LAYERS, judge.TEXT_PIECES)
    model, tokenizer = text_encoder.load(tmp_path)
    batch = tokenizer(["a polka with accordion", "dark techno", "a slow waltz"], padding=True, return_tensors="pt")
    with torch.no_grad():
        first = torch.nn.functional.normalize(model(**batch).last_hidden_state[:, 0], dim=-1)
    assert float((first @ first.T).fill_diagonal_(0).max()) < 0.95
