"""What the A/B player is given."""

from __future__ import annotations

import base64

import numpy as np

from tests.browser import made_take
from tonescope.diagnose.report.lanes import Listening
from tonescope.diagnose.report.player_data import OUTLINE_POINTS, listening
from tonescope.diagnose.report.view import Sound


def test_a_row_is_a_take_and_a_sound_a_version() -> None:
    plays, rows = made_take.MadePlays(), made_take.rows(2)
    found = listening(rows, plays)
    assert [take.title for take in found.takes] == ["Take 5", "Take 6"]
    for take, row in zip(found.takes, rows, strict=True):
        assert take.seconds == made_take.SECONDS and take.note.startswith("Played equally loud")
        assert [(one.name, one.heard) for one in take.versions] == [(sound.title, sound.heard) for sound in row]
        assert [one.address for one in take.versions] == list(map(plays.uri, row))
        assert len({one.file for one in take.versions}) == len(row)
        assert [one.score.lanes for one in take.versions if one.score] == [sound.lanes for sound in row]
    assert Listening.model_validate_json(found.model_dump_json()) == found


def test_sounds_without_lanes_have_no_score() -> None:
    (take,) = listening([[Sound("one", "a", 0), Sound("two", "b", 0)]], made_take.MadePlays()).takes
    assert [version.score for version in take.versions] == [None, None]


def test_outlines_are_peaks() -> None:
    (take,) = listening([[Sound("one", "a", 0)]], made_take.MadePlays()).takes
    peaks = np.frombuffer(base64.b64decode(take.versions[0].outline), np.uint8)
    wave = made_take.MadePlays().samples(Sound("one", "a", 0))
    assert len(peaks) == OUTLINE_POINTS and abs(int(peaks.max()) - 255 * float(np.abs(wave).max())) <= 1


def test_names_of_downloads_lead_nowhere_else() -> None:
    (take,) = listening([[Sound("../../etc/passwd <b>", "a", 0)]], made_take.MadePlays()).takes
    file = take.versions[0].file
    assert "/" not in file and "<" not in file and file.startswith("Take-5-") and file.endswith((".mp3", ".flac"))
