"""Seconds: every moment belongs to one section, silence is silent only where it should be, and estimates know their
frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import log_probability, margin
from tonescope.diagnose.attribution.time_occlusion import Timeline, by_second, sections, silenced
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.schema import Contrast
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges import listening

QUESTION = Contrast(target="house", foil="smooth jazz")


@pytest.fixture(scope="module")
def generator() -> MusicGen:
    return tiny.generator()


@pytest.fixture(scope="module")
def takes(generator: MusicGen) -> Takes:
    return generator.generate(["smooth jazz"] * 3, [1, 2, 3], 2.2)


@pytest.fixture(scope="module")
def means(generator: MusicGen) -> mean_activations.MeanActivations:
    return mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))


@pytest.mark.parametrize("seconds", [0.2, 0.9, 1.0, 2.2, 4.0, 4.24, 4.3])
def test_sections_cover_the_take_once(seconds: float) -> None:
    found = sections(seconds)
    assert found[0][0] == 0 and found[-1][1] == seconds
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert len(found) == 1 or min(end - start for start, end in found) >= 0.25


def test_silence_is_where_it_should_be() -> None:
    quiet = silenced(torch.ones(2, 400), 100, 1.0, 2.0)
    assert torch.equal(quiet[:, :100], torch.ones(2, 100)) and torch.equal(quiet[:, 201:], torch.ones(2, 199))
    assert float(quiet[:, 102:198].abs().max()) == 0.0
    assert float(silenced(torch.ones(1, 400), 100, 0.0, 4.0).abs().max()) == 0.0  # no click is left at the ends
    assert float(silenced(torch.ones(1, 400), 100, 0.0, 2.0)[:, :198].abs().max()) == 0.0


def test_windows_are_drawn_at_their_middle(takes: Takes) -> None:
    timeline = Timeline.listen(tiny.judge(), takes, 1600, 1.2)
    assert timeline.starts[0] == 0 and timeline.centres[0] == timeline.window / 2
    assert len(timeline.centres) == len(timeline.posterior)


def test_every_section_is_estimated_and_verified(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    judge = tiny.judge()
    found = attribute(Context(generator, means=means), takes, margin(judge, "house", "smooth jazz"))
    timeline = Timeline.listen(judge, takes, 1600, 2.2)
    fresh = generator.generate(["smooth jazz"] * 3, [4, 5, 6], 2.2)
    rows = by_second(Context(generator, judge=judge), QUESTION, found, timeline, fresh)
    assert [(row.start, row.end) for row in rows] == [(0, 1), (1, 2.2)]
    assert sum(row.estimated.mean for row in rows) == pytest.approx(float(found.frames.sum(1).mean()), rel=1e-4)
    gone, there = (
        listening.margin(judge, sound, 1600, "house", "smooth jazz")
        for sound in (silenced(fresh.waveform, 1600, 0, 1), fresh.waveform)
    )
    assert rows[0].verified.mean == pytest.approx(float((gone - there).mean()), abs=1e-4)
    assert rows[0].verified.interval is not None


def test_frames_that_are_silent_already_change_nothing(
    generator: MusicGen, means: mean_activations.MeanActivations
) -> None:
    """Planted: where the codec is given silence, the estimate of silencing it is small beside the others'."""
    codes = generator.generate(["jazz"], [1], 2.0).state["codes"]
    silence = generator.codec.encode(torch.zeros(1, 3200))[0, :, 40]
    codes[:, :, 50:] = silence[:, None]
    take = Takes(("jazz",), (1,), {"codes": codes}, generator.sides(codes).mean(1))
    found = attribute(Context(generator, means=means), take, margin(tiny.judge(), "house", "smooth jazz"))
    assert float(found.frames[0, 55:].abs().max()) < 1e-6 < float(found.frames[0, :45].abs().max())


def test_parts_of_a_log_probability_add_up(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    found = attribute(Context(generator, means=means), takes, log_probability("house music"))
    assert torch.allclose(-found.frames.sum(1), found.metric, atol=1e-5)
