"""The clips that the embedded judge is calibrated on are nobody else's, and every genre has as many."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import soundfile

from training import calibrate_judge, clips
from training.tables import genres


def test_its_clips_are_in_no_other_split() -> None:
    starts = [start for name, start in clips.SPLITS.items() if name != "calibration"]
    recipes = clips.uniform("calibration", calibrate_judge.CLIPS)
    assert min(recipe.seed for recipe in recipes) >= max(starts) + 10**9
    assert set(Counter(recipe.genre for recipe in recipes).values()) == {calibrate_judge.CLIPS // len(genres())}


def test_clips_lie_in_the_folder_of_their_genre(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = clips.uniform("calibration", 3)
    held = clips.Clips(np.full((3, 1600), 1000, np.int16), tuple(recipes))
    monkeypatch.setattr(clips, "write", lambda *_: None)
    monkeypatch.setattr(clips.Clips, "open", lambda _: held)
    folder = calibrate_judge.write_clips(tmp_path, recipes)
    found = sorted(folder.rglob("*.wav"))
    assert [path.parent.name for path in found] == sorted(recipe.genre for recipe in recipes)
    assert len(soundfile.read(found[0])[0]) == 1600 and folder.name == calibrate_judge.NAME
