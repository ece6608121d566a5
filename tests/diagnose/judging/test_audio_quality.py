"""What counts as broken sound: planted silence, hiss, drone and clipping, and music that merely changed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tonescope.diagnose.judging import audio_quality

RATE = 16_000


def beat(pitch: float, per_second: float, seed: int = 0, seconds: float = 3.0) -> Tensor:
    """Decaying notes in an even rhythm, with a little noise."""
    time = torch.arange(int(seconds * RATE)) / RATE
    decay = torch.exp(-8 * (time % (1 / per_second)))
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(seed))
    return 0.3 * decay * torch.sin(2 * torch.pi * pitch * time) + 0.01 * noise * decay


def usual(takes: Tensor) -> float:
    return audio_quality.natural_distance(takes, RATE)


def test_takes_differ_by_the_median_over_pairs(clean: Tensor) -> None:
    pairs = [(0, 1), (0, 2), (1, 2)]
    distances = [float(audio_quality.spectral_distance(clean[a : a + 1], clean[b : b + 1], RATE)) for a, b in pairs]
    assert usual(clean) == pytest.approx(sorted(distances)[1], rel=1e-5)
    assert usual(clean[:1]) == 0.0


@pytest.fixture
def clean() -> Tensor:
    return torch.stack([beat(220, 4, 1), beat(330, 3, 2), beat(262, 5, 3)])


def test_other_notes_are_not_broken(clean: Tensor) -> None:
    other = torch.stack([beat(294, 3, 4), beat(220, 4, 5), beat(196, 4, 6)])
    assert not audio_quality.broken(other, clean, RATE, usual(clean)).any()
    assert not audio_quality.broken(clean, clean, RATE, usual(clean)).any()


@pytest.mark.parametrize("ruin", ["silence", "hiss", "drone", "clipped"])
def test_ruined_sound_is_flagged(clean: Tensor, ruin: str) -> None:
    level = clean.square().mean(-1, keepdim=True).sqrt()
    time = torch.arange(clean.shape[1]) / RATE
    ruined = {
        "silence": clean * 0.01,
        "hiss": torch.randn(clean.shape, generator=torch.Generator().manual_seed(9)) * level,
        "drone": (torch.sin(2 * torch.pi * 220 * time) * 1.4 * level),
        "clipped": (clean * 50).clamp(-1, 1),
    }[ruin]
    assert audio_quality.broken(ruined, clean, RATE, usual(clean)).all()


def test_onsets_are_counted(clean: Tensor) -> None:
    assert audio_quality.onset_rate(clean, RATE).tolist() == pytest.approx([4, 3, 5], abs=0.7)


def test_equal_sound_is_at_no_distance(clean: Tensor) -> None:
    assert torch.allclose(audio_quality.spectral_distance(clean, 0.3 * clean, RATE), torch.zeros(3), atol=0.05)


def test_clipping_counts_only_where_the_clean_take_does_not_clip(clean: Tensor) -> None:
    loud = (clean * 50).clamp(-1, 1)
    assert audio_quality.ruined(loud, clean).all() and not audio_quality.ruined(loud, loud).any()


def test_music_of_another_prompt_is_not_ruined(clean: Tensor) -> None:
    """A pad where a beat was: an edit of units that does this has broken something, other words have not."""
    time = torch.arange(clean.shape[1]) / RATE
    pad = 0.2 * torch.sin(2 * torch.pi * torch.tensor([[220.0], [262.0], [330.0]]) * time)
    assert audio_quality.broken(pad, clean, RATE, usual(clean)).all() and not audio_quality.ruined(pad, clean).any()
    assert audio_quality.ruined(pad * 0, clean).all()


def test_takes_that_are_no_numbers_are_named_by_their_seeds() -> None:
    seeds, finite = range(4, 8), torch.tensor([True, False, True, True])
    assert audio_quality.lost_takes_caveat(seeds, torch.ones(4, dtype=torch.bool)) is None
    told = audio_quality.lost_takes_caveat(seeds, finite)
    assert told is not None and "take of seed 5 is" in told and "float32" in told
    several = audio_quality.lost_takes_caveat(seeds, ~finite)
    assert several is not None and "takes of seeds 4, 6, 7 are" in several


def test_takes_that_are_not_made_of_numbers_are_ruined_and_silenced() -> None:
    clean = torch.randn(3, 3200, generator=torch.Generator().manual_seed(0)) * 0.1
    edited = clean.clone()
    edited[1, 5], edited[2, 7] = float("nan"), float("inf")
    assert audio_quality.ruined(edited, clean).tolist() == [False, True, True]
    assert audio_quality.broken(edited, clean, 1600, 0.0).tolist() == [False, True, True]
    silent = audio_quality.silenced(edited)
    assert torch.equal(silent[0], clean[0]) and not silent[1:].any()
