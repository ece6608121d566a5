"""Spectrograms: tones stand where they sound, and levels are what they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonescope.diagnose.report.spectrogram import COLUMNS, DECIBELS, levels, picture, pixels, spectrogram

RATE = 16000


def tone(hertz: float, seconds: float = 2.0, rate: int = RATE, level: float = 0.5) -> NDArray[np.float32]:
    wave: NDArray[np.float32] = (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")
    return wave


def mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 5000.0])
def test_a_tone_is_brightest_in_its_band(hertz: float) -> None:
    picture = spectrogram(tone(hertz), RATE)
    share = (mel(hertz) - mel(picture.low)) / (mel(picture.high) - mel(picture.low))
    band = int(pixels(picture)[:, picture.columns // 2].argmax())
    assert abs((band + 0.5) / picture.bands - share) < 1.5 / picture.bands


def test_time_runs_from_left_to_right() -> None:
    wave = np.concatenate([tone(500, 1.0), np.zeros(RATE, np.float32)])
    sums = pixels(spectrogram(wave, RATE)).astype(float).sum(0)
    half = len(sums) // 2
    assert sums[: half - 6].min() > 10 * sums[half + 6 :].max()


def test_several_sounds_share_one_scale() -> None:
    loud, soft = tone(500), tone(500, level=0.05)
    top = float(levels(loud, RATE).max())
    brightest = [float(pixels(picture(levels(wave, RATE), RATE, top)).max()) for wave in (loud, soft)]
    difference = brightest[0] - brightest[1]
    assert difference / 255 * DECIBELS == pytest.approx(20, abs=1)
    assert pixels(spectrogram(soft, RATE)).max() == 255


@pytest.mark.parametrize(("seconds", "rate"), [(0.5, 1600), (30.0, 16000), (0.01, 8000), (4.0, 44100)])
def test_pictures_are_small_whatever_they_show(seconds: float, rate: int) -> None:
    picture = spectrogram(tone(100, seconds, rate), rate)
    assert 1 <= picture.columns <= COLUMNS and pixels(picture).shape == (picture.bands, picture.columns)
    assert len(picture.data) < 32_000


def test_silence_and_what_is_no_number_are_pictures_too() -> None:
    assert pixels(picture(levels(np.zeros(RATE, np.float32), RATE), RATE, top=0.0)).max() == 0
    wave = tone(500)
    wave[100:200] = np.nan
    assert pixels(spectrogram(wave, RATE)).max() == 255
