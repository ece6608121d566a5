"""Of source activations the edited units alone are kept, and what is put in is the same however it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.models.families.stable_audio import tiny_stable_audio
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import coefficients
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations, source_bytes
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.families.stable_audio.stable_audio import StableAudio
from tonescope.models.generator import Takes
from tonescope.models.units import Location, Unit

NEURONS, HEADS = Location("denoiser", 1, "mlp"), Location("denoiser", 0, "self")
UNITS = (Unit(NEURONS, 40), Unit(NEURONS, 3), Unit(HEADS, 2))
PROMPT, SECONDS = "smooth jazz", 0.4


@pytest.fixture(scope="module")
def generator() -> StableAudio:
    return tiny_stable_audio.generator()


@pytest.fixture(scope="module")
def takes(generator: StableAudio) -> Takes:
    return generator.generate([PROMPT], [1], SECONDS)


def test_the_columns_of_some_units_are_those_of_the_whole_place(generator: StableAudio, takes: Takes) -> None:
    (few,), (whole,) = (activations(Context(generator), takes, given) for given in (UNITS, (NEURONS, HEADS)))
    assert few.columns[NEURONS].tolist() == [3, 40] and few.columns[HEADS].tolist() == [8, 9, 10, 11]
    for place, values in few.values.items():
        assert torch.equal(values, whole.values[place][..., few.columns[place]])
    assert not whole.columns


def test_their_size_is_known_before(generator: StableAudio, takes: Takes) -> None:
    for targets in (UNITS, (NEURONS,), (NEURONS, Unit(HEADS, 0))):
        (found,) = activations(Context(generator), takes, targets)
        size = sum(values.nbytes for values in found.values.values())
        assert source_bytes(generator, targets, 3.0, generator.frames_of(takes)) == size


def test_putting_in_units_is_the_same_from_all_of_a_place_and_from_them_alone(
    generator: StableAudio, takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(generator, seconds=SECONDS)
    (few,), (whole,) = (activations(context, takes, given) for given in (UNITS, (NEURONS, HEADS)))
    edits = [
        Edit(UNITS[:2], "patch", source=few),
        Edit(UNITS[:2], "patch", source=whole),
        Edit((NEURONS,), "patch", source=whole, strength=0.5),
        Edit((UNITS[0],), "set", 2.0),
        None,
    ]
    prompts, seeds = ["fast techno"] * len(edits), [5] * len(edits)
    together = play(context, prompts, seeds, edits)
    assert torch.equal(together.waveform[0], together.waveform[1])
    assert not torch.allclose(together.waveform[0], together.waveform[-1])
    monkeypatch.setattr(coefficients, "RESIDENT", 0)  # nothing is small
    assert torch.equal(play(context, prompts, seeds, edits).waveform, together.waveform)


def test_they_come_back_from_a_file(generator: StableAudio, takes: Takes, tmp_path: Path) -> None:
    (found,) = activations(Context(generator), takes, (*UNITS, Location("denoiser", 0, "mlp")))
    found.save(tmp_path / "source.safetensors")
    again = SourceActivations.load(tmp_path / "source.safetensors")
    for kept, read in ((found.values, again.values), (found.columns, again.columns)):
        assert kept.keys() == read.keys() and all(torch.equal(kept[place], read[place]) for place in kept)


def test_units_that_were_not_recorded_are_refused(generator: StableAudio, takes: Takes) -> None:
    context = Context(generator, seconds=SECONDS)
    (few,) = activations(context, takes, UNITS)
    for targets in ((Unit(NEURONS, 4),), (NEURONS,), (UNITS[0], Unit(HEADS, 0))):
        with pytest.raises(TonescopeError, match="was recorded for other units of it"):
            play(context, [PROMPT], [1], [Edit(targets, "patch", source=few)])
    cut = replace(few, values={NEURONS: few.values[NEURONS][:, :2]})
    with pytest.raises(TonescopeError, match="recorded over 2 denoising steps"):
        play(context, [PROMPT], [1], [Edit(UNITS[:1], "patch", source=cut)])
