from __future__ import annotations

import numpy as np
import pytest
import torch

from tonescope.diagnose.tuning.hand_features import FEATURES, hand_features
from tonescope.diagnose.tuning.stimuli import MAKERS, Family, chosen_families, families, render
from tonescope.models.errors import TonescopeError

RATE, SECONDS = 16_000, 2.0
SOUNDS = [family for family in families().values() if family.needs == "sound"]


def feature(name: str, family: Family, instances: int = 3) -> np.ndarray:
    """Of every value, the mean over instances."""
    sounds = render(family, instances, SECONDS, RATE)
    found = hand_features(sounds.flatten(0, 1), RATE)[:, FEATURES.index(name)]
    return found.reshape(len(family.values), instances).mean(1)


@pytest.mark.parametrize("family", SOUNDS, ids=[family.name for family in SOUNDS])
def test_every_value_is_a_sound_of_its_own(family: Family) -> None:
    assert family.sound in MAKERS
    sounds = render(family, 2, SECONDS, RATE)
    assert sounds.shape == (len(family.values), 2, 32_000) and bool(torch.isfinite(sounds).all())
    assert float(sounds.abs().max()) <= 1 and bool((sounds.abs().amax(-1) > 1e-3).all())
    flat = sounds.flatten(0, 1)
    alike = torch.cdist(flat, flat) + 10 * torch.eye(len(flat))
    assert float(alike.min()) > 1e-3, "no two are the same"
    assert torch.equal(sounds, render(family, 2, SECONDS, RATE))


@pytest.mark.parametrize(
    ("name", "known_by"),
    [("loudness", "level"), ("brightness", "centroid"), ("pitch", "pitch"), ("noisiness", "flatness")],
)
def test_what_a_family_varies_rises_with_its_values(name: str, known_by: str) -> None:
    found = feature(known_by, families()[name])
    order = np.argsort(np.argsort(found))
    assert np.corrcoef(order, np.arange(len(found)))[0, 1] > 0.85


def test_kicks_bring_bass_and_hats_bring_treble() -> None:
    absent, present = feature("bass", families()["kick"], 6)
    assert present > absent
    absent, present = feature("treble", families()["hat"], 6)
    assert present > absent


def test_denser_stimuli_have_more_onsets() -> None:
    found = feature("onsets", families()["onset density"])
    assert found[-1] > found[0] and found[3] > found[1]


def test_families_are_chosen_by_name_or_refused() -> None:
    assert {family.name for family in chosen_families([])} == {family.name for family in SOUNDS}
    assert chosen_families(["prompt words"])[0].needs == "prompt"
    with pytest.raises(TonescopeError, match="no family of stimuli"):
        chosen_families(["colour"])
    with pytest.raises(TonescopeError, match="mono"):
        chosen_families(["stereo width"])
