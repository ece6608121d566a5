"""Files of a listening are decoded when they are played, in mono and at one rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import chords, write
from tonescope.diagnose.audio_files.collecting import collect
from tonescope.diagnose.elsewhere.heard_files import RATE, DecodedFiles, FilePlayer
from tonescope.diagnose.report.player_data import listening
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound
from tonescope.models.errors import TonescopeError


def test_a_file_is_decoded_at_the_rate_of_the_player(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", chords(0, False, 2.0))
    (file,) = collect([tmp_path / "a.wav"]).files
    files = DecodedFiles({"file_0": file.path})
    assert files["file_0"].waveform.shape == (1, 2 * RATE) and files["file_0"].prompts == ("a.wav",)
    sounds = Sounds.of(None, type("Evidence", (), {"player": FilePlayer()})())
    assert sounds.rate == RATE and np.abs(sounds.samples(files["file_0"], 0)).max() > 0.1
    (take,) = listening([[Sound("as it is", "file_0", 0, of="a.wav")]], Players(sounds, files)).takes
    assert take.title == "a.wav" and take.seconds == pytest.approx(2.0)


def test_a_file_that_went_away_meanwhile_is_told(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match=r"gone\.wav was heard, and cannot be read again"):
        DecodedFiles({"file_0": tmp_path / "gone.wav"})["file_0"]
