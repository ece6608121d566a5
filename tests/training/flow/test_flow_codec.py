"""The codec's latents are normal, and its decoder does not mind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.flow.tiny_flow import SIZES
from training.classifier import truth
from training.clips import SAMPLES
from training.flow import flow_codec, flow_parts
from training.flow.flow_codec import NORMAL_WEIGHT, STAGES, CodecTraining, Pool, far_from_normal


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


def test_the_decoder_learns_from_noisy_latents_and_discriminators_learn_too(pool: Pool, tmp_path: Path) -> None:
    training = CodecTraining(tmp_path, SIZES, 2, STAGES[1])
    before = [weight.clone() for weight in training.discriminators.parameters()]
    still = {name: one.clone() for name, one in training.model.bottleneck.state_dict().items()}
    real, pieces = pool.crops(2, 4 * SIZES.hop, np.random.default_rng(0))
    with torch.no_grad():
        latents = training.model.encode(real[:, None]).latents
        assert not torch.equal(training.made(latents), training.made(latents))
    training.lesson(real, pieces)
    after = training.discriminators.parameters()
    assert any((new != old).any() for new, old in zip(after, before, strict=True))
    assert all(torch.equal(one, still[name]) for name, one in training.model.bottleneck.state_dict().items())


def test_latents_are_taught_to_be_normal_and_to_say_what_is_heard(pool: Pool, tmp_path: Path) -> None:
    training = CodecTraining(tmp_path, SIZES, 1, STAGES[0])
    real, pieces = pool.crops(2, 4 * SIZES.hop, np.random.default_rng(0))
    beside = training.losses(real, pieces)[1]
    with torch.no_grad():
        latents = training.model.encode(real[:, None]).latents
        told = training.told(latents, real, truth(pieces)["genre"])
        wanted = told + NORMAL_WEIGHT * far_from_normal(latents)
    assert float(beside.detach()) == pytest.approx(float(wanted), rel=1e-4)
    assert 0 < float(told) < float(wanted)


def test_crops_of_one_clip_have_different_gains(pool: Pool) -> None:
    loud = pool.crops(40, SAMPLES, np.random.default_rng(0))[0].abs().amax(1)
    assert len({round(float(one), 4) for one in loud}) > 20


def test_the_second_stage_begins_where_the_first_ended(tmp_path: Path) -> None:
    first = CodecTraining(tmp_path, SIZES, 1, STAGES[0])
    first.model.save_pretrained(tmp_path / "codec")
    second = CodecTraining(tmp_path, SIZES, 2, STAGES[1])
    name = "decoder.proj.weight"
    assert not torch.equal(second.model.state_dict()[name], first.model.state_dict()[name])
    second.begin()
    assert torch.equal(second.model.state_dict()[name], first.model.state_dict()[name])
