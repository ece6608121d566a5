"""The codec's latents are normal, and its decoder does not mind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.flow.tiny_flow import SIZES
from training.flow import flow_codec, flow_parts
from training.flow.flow_codec import STAGES, CodecTraining, Pool, far_from_normal


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(3, 0)


def test_normal_latents_give_the_same_sound(pool: Pool) -> None:
    torch.manual_seed(0)
    model = flow_parts.codec(SIZES)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    sound, _ = pool.crops(4, 8 * SIZES.hop, np.random.default_rng(0))
    with torch.no_grad():
        before = model(sound[:, None]).sample
        flow_codec.normalise(model, sound)
        latents = model.encode(sound[:, None]).latents
        assert torch.allclose(model.decode(latents).sample, before, atol=1e-4)
    assert float(far_from_normal(latents)) < 1e-3


@pytest.mark.parametrize("number", [1, 2])
def test_a_step_moves_what_its_stage_is_about(pool: Pool, number: int, tmp_path: Path) -> None:
    training = CodecTraining(tmp_path, SIZES, number, STAGES[number - 1])
    before = {name: weight.clone() for name, weight in training.model.named_parameters()}
    for _ in range(3):
        training.lesson(*pool.crops(2, 4 * SIZES.hop, np.random.default_rng(0)))
        training.course.step += 1
    moved = {name.split(".")[0] for name, weight in training.model.named_parameters() if (weight != before[name]).any()}
    assert "decoder" in moved
    assert ("encoder" in moved) == (number == 1)


def test_the_pool_renews_its_clips(pool: Pool) -> None:
    last = pool.pieces[-1]
    pool.renew()
    assert len(pool.clips) == len(pool.pieces) == 3
    assert pool.pieces[1] is last and pool.pieces[-1] is not last
