"""The denoiser learns what is played, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.flow import tiny_flow
from tests.training.flow.tiny_flow import SIZES
from tonescope.models.generator import Sampling
from training.flow import flow_parts, flow_pipeline
from training.flow.flow_parts import LONGEST_SECONDS
from training.flow.flow_training import WARM_UP, FlowBatch, FlowBatches, FlowTraining, drawn_shares


@pytest.fixture(scope="module")
def batches() -> FlowBatches:
    return FlowBatches(tiny_flow.reader(), tiny_flow.lessons(), [1], text_noise=0.0)


def _batch(batches: FlowBatches, told: bool = True) -> FlowBatch:
    return batches.batch(np.arange(4), SIZES.frames, np.full(4, told))


@pytest.mark.parametrize("told", [True, False])
def test_what_is_learnt_is_what_is_played(batches: FlowBatches, told: bool, tmp_path: Path) -> None:
    training, reader = FlowTraining(tmp_path, SIZES, minutes=1), batches.reader
    for weight in training.flow.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    generator = flow_pipeline.playing(training.flow, flow_parts.codec(SIZES), reader.encoder, reader.tokenizer, steps=4)
    batch, shares = _batch(batches, told), torch.tensor([0.2, 0.5, 0.8, 1.0])
    with torch.no_grad():
        learnt = training.flow(batch.latents, shares, batch)
        prompts = [captions[0] if told else "" for captions in batches.data.captions]
        given = generator.told(generator.read_text(prompts), batch.seconds, Sampling(guidance=1.0))
        played = generator.denoise(batch.latents, shares, given)
    assert torch.allclose(learnt, played, atol=1e-5)
    assert float(learnt.std()) > 0.1


def test_the_error_falls(batches: FlowBatches, tmp_path: Path) -> None:
    training = FlowTraining(tmp_path, SIZES, minutes=100)
    training.course.step = WARM_UP
    before = {name: weight.clone() for name, weight in training.average.named_parameters()}
    errors = [training.lesson(_batch(batches)) for _ in range(60)]
    velocity, middle = (np.array(each) for each in zip(*errors, strict=True))
    assert velocity[-10:].mean() < 0.9 * velocity[:3].mean()
    assert middle[-10:].mean() < 0.9 * middle[:3].mean()
    assert any((weight != before[name]).any() for name, weight in training.average.named_parameters())


def test_a_stopped_training_goes_on(batches: FlowBatches, tmp_path: Path) -> None:
    training = FlowTraining(tmp_path, SIZES, minutes=100)
    training.run(batches, _batch(batches), seconds=0.2)
    again = FlowTraining(tmp_path, SIZES, minutes=100)
    assert again.course.step == training.course.step > 0
    assert again.held_out(_batch(batches)) == training.held_out(_batch(batches))


def test_the_rate_stays_and_falls_at_the_end(tmp_path: Path) -> None:
    training = FlowTraining(tmp_path, SIZES, minutes=1)
    training.course.step = 10_000
    rates = []
    for training.course.spent in (0.0, 30.0, 50.0, 60.0):
        rates.append(training.rate)
    assert rates[0] == rates[1] == 1.0
    assert rates[1] > rates[2] > rates[3] > 0


def test_noisy_moments_are_learnt_most() -> None:
    shares = drawn_shares(1000)
    assert 0.6 < float(shares.median()) < 0.9
    assert float(shares.min()) < 0.1 and float(shares.max()) > 0.99


def test_lessons_without_a_caption_have_the_empty_prompt(batches: FlowBatches) -> None:
    told, silent = _batch(batches), _batch(batches, told=False)
    assert int(silent.mask.sum(1).max()) == 2  # what the tokenizer adds
    assert torch.equal(silent.states[0], silent.states[1])
    assert not torch.equal(told.states[0], told.states[1])


def test_noise_is_on_encoded_captions_alone() -> None:
    told = np.array([True, True, False, False])
    for level, same in ((0.0, True), (0.5, False)):
        noisy = FlowBatches(tiny_flow.reader(), tiny_flow.lessons(), [1], text_noise=level)
        states = noisy.batch(np.zeros(4, dtype=np.int64), SIZES.frames, told).states
        assert torch.equal(states[0], states[1]) == same and torch.equal(states[2], states[3])


def test_some_lessons_have_no_caption_and_some_batches_are_beginnings() -> None:
    drawn = FlowBatches(tiny_flow.reader(), tiny_flow.lessons(), [1], text_noise=0.0)
    found = [drawn.next(4) for _ in range(40)]
    told = np.mean([batch.told.float().mean() for batch in found])
    frames = [batch.latents.shape[2] for batch in found]
    assert 0.8 < told < 1.0
    assert 0.4 < np.mean([count == SIZES.frames for count in frames]) < 0.8 and min(frames) < SIZES.frames
    assert all(
        batch.seconds[0] == pytest.approx(LONGEST_SECONDS * count / SIZES.frames)
        for batch, count in zip(found, frames, strict=True)
    )


def test_what_is_not_learnt_stays_as_it_was_and_averages_are_what_is_tested(
    batches: FlowBatches, tmp_path: Path
) -> None:
    training = FlowTraining(tmp_path, SIZES, minutes=100)
    training.course.step = WARM_UP
    before, fixed = training.held_out(_batch(batches)), _batch(batches)
    still = {name: one.clone() for name, one in training.flow.named_parameters() if "to_local_embed" in name}
    for _ in range(3):
        training.lesson(_batch(batches))
    after = dict(training.flow.named_parameters())
    assert still and all(torch.equal(after[name], one) for name, one in still.items())
    assert training.held_out(fixed) == training.held_out(fixed) != before
    held = training.held_out(fixed)
    for weight in training.flow.parameters():
        weight.data.zero_()
    assert training.held_out(fixed) == held


def test_only_matrices_decay(tmp_path: Path) -> None:
    groups = FlowTraining(tmp_path, SIZES, minutes=1).optimiser.param_groups
    decays = {weight.ndim == 2: group["weight_decay"] for group in groups for weight in group["params"]}
    assert decays[True] > decays[False] == 0


def test_shares_of_one_batch_are_spread_out() -> None:
    spread = [float(drawn_shares(8).min()) for _ in range(200)]
    assert max(spread) < 0.75  # one of eight is of the lowest eighth
