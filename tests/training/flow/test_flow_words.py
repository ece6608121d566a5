"""The text encoder learns another's states."""

from __future__ import annotations

import torch
from transformers import BertConfig, BertModel

from tests import tiny
from tests.training.flow import tiny_flow
from tests.training.flow.tiny_flow import SIZES
from training.flow.flow_words import Reader


def _teacher() -> BertModel:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tiny.WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    return BertModel(config).eval()


def test_the_states_come_closer() -> None:
    teacher, words = _teacher(), tiny.tokenizer()
    reader = Reader(SIZES, teacher, 0)
    batch = words(["jazz fusion with piano", "slow house music"], padding=True, return_tensors="pt")
    with torch.no_grad():
        wanted = teacher(**batch).last_hidden_state
    optimiser, errors = torch.optim.AdamW(reader.parameters(), lr=3e-3), []
    for _ in range(40):
        error = (reader(batch) - wanted)[batch["attention_mask"].bool()].square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.3 * errors[0]


def test_padding_is_seen_by_nobody() -> None:
    reader = tiny_flow.reader()
    alone, _ = reader.read(["jazz"])
    beside, mask = reader.read(["jazz", "a fast song with piano and drums"])
    used = int(mask[0].sum())
    assert alone.shape == (1, SIZES.longest, SIZES.text_width)
    assert torch.allclose(alone[0, :used], beside[0, :used], atol=1e-5)
