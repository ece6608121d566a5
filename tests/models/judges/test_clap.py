"""The judge's front end against the library's, and its opinions as probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import ClapFeatureExtractor, ClapModel

from tests import tiny
from tonescope.models.judges.clap import LONGEST_TEXT, Clap
from tonescope.models.judges.listening import margin, posterior
from tonescope.models.judges.mel import LogMel


@pytest.mark.parametrize("length", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_log_mel_equals_the_library(length: float, truncation: str) -> None:
    settings = tiny.extractor().to_dict() | {"truncation": truncation}
    library = ClapFeatureExtractor(
        **{
            key: settings[key]
            for key in (
                "feature_size",
                "sampling_rate",
                "hop_length",
                "fft_window_size",
                "frequency_min",
                "frequency_max",
                "truncation",
                "padding",
            )
        },
        max_length_s=1,
    )
    audio = np.random.default_rng(0).standard_normal(int(1600 * length)).astype(np.float32) * 0.1
    expected = library(audio, sampling_rate=1600, return_tensors="pt").input_features[0, :1]
    mel = LogMel(library)
    ours = mel(mel.fit(torch.from_numpy(audio)[None]))[0]
    assert ours.shape == expected.shape
    assert torch.allclose(ours, expected, atol=0.02)


def test_log_mel_equals_the_library_for_the_real_music_clap() -> None:
    library = ClapFeatureExtractor(truncation="rand_trunc")  # the settings of the published 48 kHz checkpoints
    audio = np.random.default_rng(1).standard_normal(48_000 * 10).astype(np.float32) * 0.05
    expected = library(audio, sampling_rate=48_000, return_tensors="pt").input_features[0]
    mel = LogMel(library)
    assert torch.allclose(mel(mel.fit(torch.from_numpy(audio)[None]))[0], expected, atol=0.02)


def test_it_knows_what_of_a_text_it_reads() -> None:
    judge = tiny.judge()
    assert judge.reads_all_of("house with piano")
    assert not judge.reads_all_of("piano " * LONGEST_TEXT)


def test_probabilities_sum_to_one_and_rows_are_independent() -> None:
    judge = tiny.judge()
    audio = torch.randn(3, 2900) * 0.1
    together = posterior(judge, audio, 1600)
    assert torch.allclose(together.sum(1), torch.ones(3), atol=1e-5)
    assert torch.allclose(torch.cat([posterior(judge, row[None], 1600) for row in audio]), together, atol=1e-5)


def test_long_audio_is_heard_to_its_end() -> None:
    judge = tiny.judge()
    windows = judge.windows(torch.arange(4000.0)[None], 1600)
    assert float(windows[0][0, 0]) == 0.0
    assert float(windows[-1][0, -1]) == 3999.0
    assert all(window.shape[1] == judge.mel.window_samples for window in windows)


def test_margin_is_a_difference_of_logits_and_differentiable() -> None:
    judge = tiny.judge()
    audio = (torch.randn(2, 1600) * 0.1).requires_grad_()
    found = margin(judge, audio, 1600, "house", "smooth jazz")
    logits = judge.logits(audio, 1600)
    assert torch.allclose(found, logits[:, 2] - logits[:, 1])
    found.sum().backward()
    assert audio.grad is not None and float(audio.grad.abs().sum()) > 0


def test_a_model_that_fuses_crops_hears_too() -> None:
    config = tiny.clap().config
    config.audio_config.enable_fusion = True
    torch.manual_seed(0)
    judge = Clap(ClapModel(config), tiny.tokenizer(), tiny.extractor(), "fused", ("house", "techno"))
    audio = torch.randn(2, 1600) * 0.1
    assert torch.allclose(posterior(judge, audio, 1600).sum(1), torch.ones(2), atol=1e-5)
    margin(judge, audio.requires_grad_(), 1600, "house", "techno").sum().backward()
    assert audio.grad is not None and float(audio.grad.abs().sum()) > 0
