"""Foreseen takes become the edited generation, pass by pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tonescope.diagnose.foresight import foreseen
from tonescope.diagnose.interventions import Edit, regenerate
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.units import Location

from tests import tiny

PROMPT, SECONDS = "smooth jazz with piano", 0.5
EDITS = [None, Edit((Location("decoder", 0, "mlp"),), "set", 5.0), Edit((Location("decoder", 1, "self"),), "set", -3.0)]


@pytest.fixture(scope="module", params=["mono", "stereo", "melody"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return tiny.generator(request.param)


def played(generator: Generator, edits: Sequence[Edit | None], sampling: Sampling) -> Takes:
    return regenerate(generator, [PROMPT] * 3, [1, 2, 3], edits, SECONDS, sampling, None)


@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(guidance=1.0, temperature=0.7, top_k=5), Sampling(temperature=0.0)]
)
def test_with_a_pass_for_every_position_it_is_the_edited_generation(generator: Generator, sampling: Sampling) -> None:
    clean, wanted = (played(generator, edits, sampling) for edits in ([None] * 3, EDITS))
    assert (clean.codes != wanted.codes).flatten(1).any(1).tolist() == [False, True, True]
    found = foreseen(
        generator, clean, EDITS, None, sampling, passes=clean.codes.shape[2] + max(generator.delay), rows=2
    )
    assert torch.equal(found.codes, wanted.codes)
    assert torch.allclose(found.waveform, wanted.waveform, atol=1e-5)


def test_what_is_left_alone_stays_as_it_was(generator: Generator) -> None:
    clean = played(generator, [None] * 3, Sampling())
    late = Edit((Location("decoder", 0, "mlp"),), "set", 2.0, seconds=(0.25, 0.5))
    once = foreseen(generator, clean, [None, late, late], None, passes=1)
    same = (once.codes == clean.codes).all(1)
    first = int(0.25 * generator.frame_rate)
    assert same[0].all() and same[1:, : first - max(generator.delay)].all() and not same[1:, first:].all()


def test_every_pass_comes_closer() -> None:
    generator = tiny.generator()
    edits = [Edit((Location("decoder", 0, "mlp"),), "set", 5.0)] * 3
    clean, wanted = (played(generator, some, Sampling()) for some in ([None] * 3, edits))
    apart = [
        float((foreseen(generator, clean, edits, None, passes=passes).codes != wanted.codes).float().mean())
        for passes in (1, 3, 9)
    ]
    assert apart[0] > apart[1] > apart[2]
