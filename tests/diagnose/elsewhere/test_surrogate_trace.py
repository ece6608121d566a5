"""A surrogate: a file through an open generator, its units against their means, its log-probability by second."""

from __future__ import annotations

import math

import pytest
import torch

from tests import tiny
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tonescope.diagnose.audio_files.sound_recording import Recording
from tonescope.diagnose.context import Context
from tonescope.diagnose.descriptors.integrated_loudness import Loudness
from tonescope.diagnose.elsewhere.surrogate_trace import check_surrogate, trace_through
from tonescope.diagnose.intervene.mean_activations import measure
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import UNGUIDED, Sampling

PROMPT = "jazz fusion with piano"


def recording(seconds: float = 3.0, rate: int = 1600, seed: int = 0) -> Recording:
    sound = torch.randn(int(seconds * rate), generator=torch.Generator().manual_seed(seed)) * 0.1
    return Recording("a.wav", sound, rate, rate, 1, Loudness(-20.0, -3.0, 0.0, 0.0))


def context(family: str = "mono") -> Context:
    generator = tiny.generator(family)
    return Context(generator, means=measure(generator, 0.4, Sampling(), prompts=("house", "techno")))


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_every_family_that_encodes_replays_what_it_encoded(family: str) -> None:
    generator = tiny.generator(family)
    takes = generator.encode(torch.randn(2, 1600) * 0.1, 1600, PROMPT)
    assert takes.state["codes"].shape[:2] == (2, generator.n_codebooks) and len(takes) == 2
    again = generator.channels(takes)
    assert torch.allclose(again.mean(1), takes.waveform) and (family == "stereo") <= (again.shape[1] == 2)
    if generator.n_channels == 2:
        assert torch.allclose(again[:, 0], again[:, 1])
    replay = generator.replay(takes, generator.read_text(takes.prompts), UNGUIDED)
    assert bool(torch.isfinite(generator.log_likelihood(replay)).all())


def test_what_is_encoded_is_what_the_codec_makes_of_the_sound() -> None:
    generator, sound = tiny.generator(), torch.randn(1, 1600) * 0.1
    assert torch.allclose(generator.encode(sound, 1600, PROMPT).waveform, generator.round_trip(sound), atol=1e-5)


def test_own_takes_come_back_likelier_than_noise() -> None:
    """The log-probability is the generator's own: what it played is likelier than what it did not."""
    generator = tiny.generator()
    played = generator.generate([PROMPT], [1], 1.0, Sampling(guidance=1.0, temperature=0.2))
    text = generator.read_text([PROMPT])
    own = generator.log_likelihood(generator.replay(played, text, UNGUIDED)).mean()
    other = generator.encode(torch.randn(1, 1600) * 0.1, 1600, PROMPT)
    assert own > generator.log_likelihood(generator.replay(other, text, UNGUIDED)).mean()


@pytest.mark.parametrize("family", ["mono", "stereo", "melody"])
def test_a_trace_says_seconds_and_units(family: str) -> None:
    found = trace_through(recording(), PROMPT, context(family))
    assert [row.second for row in found.seconds] == [0, 1, 2] and found.chance == pytest.approx(-math.log(16), abs=1e-3)
    assert all(row.by_prompt is not None for row in found.seconds) and found.prompt == PROMPT
    responses = [row.response for row in found.units]
    assert responses == sorted(responses, reverse=True) and responses[0] > 0
    assert all(row.unit.startswith("decoder.") and 0 <= row.peak_second <= 3.1 for row in found.units)


def test_without_a_prompt_a_neutral_one_is_read() -> None:
    found = trace_through(recording(), None, context())
    assert found.prompt == found.neutral and all(row.by_prompt is None for row in found.seconds)


def test_units_at_their_means_do_not_respond() -> None:
    """Means taken of this very file leave nothing to respond."""
    shown = context()
    assert shown.means is not None
    first = trace_through(recording(), None, shown)
    where = {row.unit.rpartition(":")[0] for row in first.units}
    assert where and max(row.response for row in first.units) > 0
    for location in shown.means.values:
        shown.means.values[location].mul_(1000.0)
    assert trace_through(recording(), None, shown).units[0].response != first.units[0].response


def test_the_middle_of_a_long_file_is_traced() -> None:
    shown = context()
    shown.generator.longest_seconds = 1.0
    found = trace_through(recording(3.0), None, shown)
    assert (found.start, found.end) == (1.0, 2.0) and len(found.seconds) == 1


def test_case_a_family_that_takes_in_no_sound_is_refused() -> None:
    with pytest.raises(TonescopeError, match="cannot take in sound that it did not play"):
        check_surrogate(ToyDiffusion(ToyModel()))


def test_case_a_file_too_short_for_the_surrogate_is_refused() -> None:
    with pytest.raises(TonescopeError, match="too short"):
        trace_through(recording(0.01), None, context())
