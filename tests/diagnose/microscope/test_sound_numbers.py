from __future__ import annotations

import torch

from tonescope.diagnose.microscope.sound_numbers import numbers

RATE = 8000
TIME = torch.arange(RATE) / RATE


def test_a_low_tone_is_harmonic_and_bass() -> None:
    (tone,) = numbers(0.3 * torch.sin(2 * torch.pi * 80 * TIME)[None], RATE)
    assert tone.harmonic > 0.9 and tone.bass > 0.9 and tone.flatness < 0.01


def test_clicks_are_percussive() -> None:
    clicks = torch.zeros(1, RATE)
    clicks[0, ::2000] = 1.0
    assert numbers(clicks, RATE)[0].percussive > 0.9


def test_white_noise_is_flat() -> None:
    torch.manual_seed(0)
    assert numbers(0.1 * torch.randn(1, RATE), RATE)[0].flatness > 0.4


def test_silence_has_no_shares() -> None:
    (silence,) = numbers(torch.zeros(1, RATE), RATE)
    assert (silence.percussive, silence.harmonic, silence.bass, silence.flatness) == (0, 0, 0, 0)
