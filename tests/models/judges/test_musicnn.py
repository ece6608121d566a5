"""The musicnn taggers against TensorFlow, and what they make of short, long, loud and batched audio."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import torch
import torchaudio
from torch import Tensor

from tests.models.judges.musicnn_oracle import FRAMES, RATE, REFERENCE, song
from tests.models.ruined import refused
from tonescope.models.judges import listening, tagging
from tonescope.models.judges.musicnn import Musicnn, MusicnnTagger, Sizes
from tonescope.models.judges.tagger import Tag
from tonescope.models.loading import MUSICNN, load_tagger

SIZES = Sizes(timbral=6, temporal=3, middle=4, hidden=5, tags=3)
TAGS = (
    Tag("vocal", "vocals", "vocals"),
    Tag("voice", "vocals", "vocals"),
    Tag("House", "genre", "house", "electronic"),
)


def tiny(seed: int = 0) -> MusicnnTagger:
    """A random tagger of three tags."""
    torch.manual_seed(seed)
    model = Musicnn(SIZES)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return MusicnnTagger(model, TAGS, "tiny tagger", domain="noise")


def noise(seconds: float, seed: int = 0) -> Tensor:
    return torch.randn(int(seconds * RATE), generator=torch.Generator().manual_seed(seed)) * 0.1


@cache
def reference() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("name", MUSICNN)
def test_the_taggers_hear_what_tensorflow_hears(name: str) -> None:
    expected = torch.tensor(reference()[name]["single"])
    heard = tagging.tag(load_tagger(name), torch.from_numpy(song()), RATE)
    assert expected.shape == (3, 50) and heard.shape == (4, 50)  # the fourth window ends with the audio
    assert float(expected.std(0).max()) > 0.05  # windows differ, so the comparison says something
    assert torch.allclose(heard[:3], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", MUSICNN)
def test_rounding_as_the_package_rounds_changes_little(name: str) -> None:
    expected = torch.tensor(reference()[name]["half"])
    heard = tagging.tag(load_tagger(name), torch.from_numpy(song()), RATE)
    assert torch.allclose(heard[:3], expected, atol=1e-3, rtol=0)


def test_windows_follow_one_another_and_the_last_ends_with_the_audio() -> None:
    tagger = tiny()
    audio = noise(7.5)
    heard = tagger.probabilities(audio, RATE)
    starts = tagger.starts(len(audio) / RATE)
    assert len(starts) == len(heard) == 3 and starts[:2] == [0.0, tagger.window_seconds]
    assert starts[-1] + tagger.window_seconds == pytest.approx(7.5, abs=0.02)
    changed = audio.clone()
    changed[-1000:] = 0
    after = tagger.probabilities(changed, RATE)
    assert torch.allclose(after[:2], heard[:2]) and not torch.allclose(after[2], heard[2])


@pytest.mark.parametrize("seconds", [0.001, 0.5, 2.9])
def test_short_audio_is_repeated_until_it_fills_a_window(seconds: float) -> None:
    tagger, audio = tiny(), noise(seconds)
    repeated = audio.repeat(-(-(FRAMES * 256) // len(audio)))[: (FRAMES - 1) * 256]
    assert tagger.starts(seconds) == [0.0]
    assert torch.allclose(tagger.probabilities(audio, RATE), tagger.probabilities(repeated, RATE), atol=1e-6)


def test_takes_are_heard_alone_and_keep_their_places() -> None:
    tagger = tiny()
    takes = torch.stack([noise(6.5, seed) for seed in range(4)]).reshape(2, 2, -1)
    together = tagger.probabilities(takes, RATE)
    assert together.shape == (2, 2, 3, 3)
    assert torch.allclose(together[1, 0], tagger.probabilities(takes[1, 0], RATE), atol=1e-6)


def test_gradients_reach_the_audio() -> None:
    audio = noise(3.0).requires_grad_()
    tiny().probabilities(audio, RATE)[..., 0].sum().backward()
    assert audio.grad is not None and float(audio.grad.abs().sum()) > 0


@pytest.mark.parametrize("level", [0.0, 1.0, listening.LOUDEST])
def test_silence_and_loud_bass_are_heard(level: float) -> None:
    bass = level * torch.sin(2 * torch.pi * 80 * torch.arange(3 * RATE) / RATE)
    heard = tagging.tag(load_tagger("musicnn-mtt"), bass, RATE)
    assert bool(((heard >= 0) & (heard <= 1)).all())


def test_audio_of_another_rate_is_heard_alike() -> None:
    tagger = load_tagger("musicnn-msd")
    audio = torchaudio.functional.lowpass_biquad(torch.from_numpy(song(3.2)), RATE, 3_000)
    up = torchaudio.functional.resample(audio, RATE, 44_100)
    assert torch.allclose(tagger.probabilities(up, 44_100)[0], tagger.probabilities(audio, RATE)[0], atol=0.05)


@pytest.mark.parametrize("rate", [0, -44_100, 44_100.0, True, float("nan"), 10**9, "44100"])
def test_a_rate_that_no_recording_has_is_refused(rate: Any) -> None:
    refused(lambda: tiny().probabilities(noise(1.0), rate), "sampling rate", "whole number of Hz")


def test_no_sound_is_refused() -> None:
    refused(lambda: tagging.tag(tiny(), torch.zeros(0), RATE), "nothing to hear")
    refused(lambda: tagging.tag(tiny(), torch.full((RATE,), float("nan")), RATE), "not numbers")
    refused(lambda: tagging.tag(tiny(), torch.full((RATE,), 2 * listening.LOUDEST), RATE), "full scale")


def test_a_tagger_whose_weights_are_no_numbers_is_not_believed() -> None:
    tagger = tiny()
    tagger.model.output.weight.fill_(float("nan"))
    refused(lambda: tagging.tag(tagger, noise(1.0), RATE), "tiny tagger", "no tagger")


def test_tags_of_one_meaning_are_one() -> None:
    heard = torch.tensor([[0.2, 0.6, 0.1], [0.7, 0.1, 0.9]])
    vocals, genres = (tagging.by_meaning(tiny(), heard, kind) for kind in ("vocals", "genre"))
    assert set(vocals) == {"vocals"} and torch.equal(vocals["vocals"], torch.tensor([0.6, 0.7]))
    assert set(genres) == {"house"} and torch.equal(genres["house"], heard[:, 2])
