"""Known clips: what is read, what is left out and why, what is heard, and what may be said of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from tests import tiny
from tonescope.diagnose.audio_files.sound_files import ENDINGS, OTHER_SOUND, readable_endings
from tonescope.diagnose.judging.reference_clips import (
    FEWEST_CLIPS,
    MOST_CLIPS,
    Clip,
    ClipFolder,
    clip_caveats,
    hear_clips,
    read_clips,
)
from tonescope.diagnose.schema import ReferenceClips
from tonescope.diagnose.stats import share
from tonescope.models.errors import TonescopeError

RATE = 8000


def noise(seconds: float = 1.0, rate: int = RATE, channels: int = 1, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((int(seconds * rate), channels)) * 0.1


def write(folder: Path, name: str, seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> None:
    soundfile.write(folder / name, noise(seconds, rate, channels, len(name)), rate)


def write_float(folder: Path, name: str, sound: NDArray[np.float64], rate: int = RATE) -> None:
    soundfile.write(folder / name, sound, rate, subtype="FLOAT")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one good clip in it."""
    write(tmp_path, "good.wav")
    return tmp_path


def reason(folder: Path, name: str) -> str:
    """Why a file was left out, beside a good clip which was not."""
    found = read_clips(folder)
    assert [clip.name for clip in found] == ["good.wav"] and [left for left, _ in found.left_out] == [name]
    assert len(found.notes) == 1 and name in found.notes[0] and found.left_out[0][1] in found.notes[0]
    return found.left_out[0][1]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_clips_are_read_by_name_and_brought_to_one_rate(tmp_path: Path) -> None:
    write(tmp_path, "b.wav", 2.0, 44100, channels=2)
    write(tmp_path, "a.flac")
    (tmp_path / "notes.txt").write_text("not sound")
    first, second = read_clips(tmp_path)
    assert (first.rate, second.rate) == (8000, 44100) and second.waveform.ndim == 1
    assert second.middle(0.5, 1600).shape == (800,) and first.middle(9.0, 1600).shape == (1600,)


@pytest.mark.parametrize("what", ["missing", "empty", "broken", "short", "file"])
def test_what_is_no_folder_of_clips_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "clips"
    if what == "file":
        folder.write_text("x")
    elif what != "missing":
        folder.mkdir()
    if what == "broken":
        (folder / "a.wav").write_bytes(b"RIFF????")
    if what == "short":
        write(folder, "a.wav", 0.1)
    with pytest.raises(TonescopeError):
        read_clips(folder)


@pytest.mark.parametrize("name", ["", "  "])
def test_case_known_is_an_empty_shell_variable(name: str) -> None:
    with pytest.raises(TonescopeError, match="empty name"):
        read_clips(name)


def test_case_aiff_is_read_like_wav(folder: Path) -> None:
    for name in ("b.aiff", "c.AIF", "d.ogg", "e.mp3"):
        soundfile.write(folder / name, noise(rate=16000), 16000, format={"C.AIF": "AIFF"}.get(name.upper()))
    found = read_clips(folder)
    assert [clip.name for clip in found] == ["b.aiff", "c.AIF", "d.ogg", "e.mp3", "good.wav"] and not found.notes


def test_case_m4a_beside_wav_is_said_to_be_left_out(folder: Path) -> None:
    (folder / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    assert reason(folder, "a.m4a") == "libsndfile does not read .m4a: convert it to .wav or .flac"


def test_which_formats_are_read_is_asked_of_libsndfile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats = soundfile.available_formats()
    monkeypatch.setattr(soundfile, "available_formats", lambda: {name: formats[name] for name in ("WAV", "FLAC")})
    assert readable_endings() == (".wav", ".wave", ".flac")
    (folder / "a.mp3").write_bytes(b"ID3")
    assert "libsndfile does not read .mp3" in reason(folder, "a.mp3")


def test_case_apple_double_and_other_hidden_files_are_ignored_as_what_they_are(folder: Path) -> None:
    for name in ("._good.wav", ".DS_Store", ".hidden.wav", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"\0\x05\x16\x07")
    (folder / "__MACOSX").mkdir()
    found = read_clips(folder)
    assert len(found) == 1 and found.left_out == () and found.notes == []


@pytest.mark.parametrize("gain", [-1.0, -0.9])
def test_case_a_stereo_clip_whose_sides_cancel(folder: Path, gain: float) -> None:
    left = noise()
    write_float(folder, "a.wav", np.concatenate([left * gain, left], 1))
    write_float(folder, "b.wav", np.concatenate([left, 0.0 * left], 1))
    write_float(folder, "c.wav", noise(channels=2))
    cancels, one_sided, wide, _ = found = read_clips(folder)
    assert torch.allclose(cancels.waveform, torch.from_numpy(left[:, 0] * (gain if gain == -1 else 1)).float())
    assert cancels.side == ("left" if gain == -1 else "right") and one_sided.side == wide.side == ""
    assert len(found.notes) == 1 and f"a.wav ({cancels.side})" in found.notes[0] and "b.wav" not in found.notes[0]


def test_a_clip_of_many_channels_is_no_clip_that_cancels(folder: Path) -> None:
    one = np.zeros((RATE, 6))
    one[:, 3] = noise()[:, 0]
    write_float(folder, "surround.wav", one)
    assert [clip.side for clip in read_clips(folder)] == ["", ""]


def test_case_a_silent_clip_says_nothing_and_is_not_counted(folder: Path) -> None:
    write_float(folder, "quiet.wav", np.zeros((RATE, 1)))
    assert "silence says nothing" in reason(folder, "quiet.wav")
    write_float(folder, "quiet.wav", np.full((RATE, 2), 0.5))
    assert "silence says nothing" in reason(folder, "quiet.wav")


def test_case_a_folder_of_one_silent_clip_is_refused_with_the_reason(tmp_path: Path) -> None:
    write_float(tmp_path, "quiet.wav", np.zeros((RATE, 1)))
    with pytest.raises(TonescopeError, match=r"quiet\.wav \(silent in the middle 1 s"):
        read_clips(tmp_path)


def test_case_a_clip_of_amplitude_1e30(folder: Path) -> None:
    write_float(folder, "loud.wav", noise() * 1e31)
    assert "where 1 is full scale" in reason(folder, "loud.wav")
    write_float(folder, "loud.wav", noise() * 10)  # a little over full scale, as mixes in floating point are
    assert len(read_clips(folder)) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_case_a_clip_that_holds_nan(folder: Path, value: float) -> None:
    sound = noise()
    sound[RATE // 2] = value
    write_float(folder, "a.wav", sound)
    assert reason(folder, "a.wav") == "holds samples that are not numbers"


def cut(folder: Path, ending: str) -> None:
    soundfile.write(folder / f"a{ending}", noise(4.0, 16000), 16000)
    whole = (folder / f"a{ending}").read_bytes()
    (folder / f"a{ending}").write_bytes(whole[: len(whole) // 50])


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
def test_case_a_truncated_clip(folder: Path, ending: str) -> None:
    cut(folder, ending)
    assert reason(folder, f"a{ending}") in ("broken, cut short, or no sound", "shorter than 0.5 s")


def test_case_an_empty_file(folder: Path) -> None:
    (folder / "a.wav").touch()
    assert reason(folder, "a.wav") == "empty"


def test_case_text_that_is_called_wav(folder: Path) -> None:
    (folder / "a.wav").write_text("<html>not found</html>" * 100)
    assert reason(folder, "a.wav") == "broken, cut short, or no sound"


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a pipe, not a file": os.mkfifo,
    "a socket, not a file": make_socket,
    "a device, not a file": lambda path: path.symlink_to("/dev/zero"),
    "a folder, and folders within are not searched": lambda path: path.mkdir(),
    "there is no such file": lambda path: path.symlink_to("nowhere.wav"),
    "cannot be opened: Too many levels of symbolic links": lambda path: path.symlink_to(path.name),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes and sockets with names")
@pytest.mark.parametrize("why", SPECIAL)
def test_case_a_pipe_socket_or_device_called_wav_is_not_opened(folder: Path, why: str) -> None:
    SPECIAL[why](folder / "a.wav")
    assert reason(folder, "a.wav") == why


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes")
def test_names_that_are_no_text_are_read_and_shown_harmlessly(folder: Path) -> None:
    write(folder, "b.wav")
    (folder / "b.wav").rename(folder / os.fsdecode(b"\xff\x1b[31m.wav"))
    (folder / "c\u202e\n.wav").touch()
    found = read_clips(folder)
    assert len(found) == 2 and found.notes[0].isprintable()
    assert all(clip.name.isprintable() for clip in found)
    found.notes[0].encode("utf-8")


def test_only_the_middle_of_a_long_clip_is_read(tmp_path: Path) -> None:
    sound = np.zeros((20 * RATE, 1))
    sound[9 * RATE : 11 * RATE] = noise(2.0)
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, sound, RATE)
    for clip in read_clips(tmp_path, seconds=2.0):
        assert torch.allclose(clip.waveform, torch.from_numpy(sound[9 * RATE : 11 * RATE, 0]).float(), atol=1e-4)
        assert clip.waveform.untyped_storage().nbytes() == 4 * 2 * RATE
    assert all(len(clip.waveform) == 20 * RATE for clip in read_clips(tmp_path))
    short = read_clips(tmp_path, seconds=0.1)  # a clip is no shorter for being heard in part
    assert [len(clip.waveform) for clip in short] == [RATE // 2] * 2


def test_a_middle_is_the_same_of_the_part_and_of_the_whole(tmp_path: Path) -> None:
    write(tmp_path, "a.wav", 5.0)
    (whole,), (part,) = read_clips(tmp_path), read_clips(tmp_path, seconds=1.0)
    assert torch.equal(whole.middle(1.0, 1600), part.middle(1.0, 1600))


def test_rates_of_no_common_divisor_are_brought_together_in_little_memory() -> None:
    """The usual filter would take gigabytes for 44,101 Hz and 32,000 Hz."""
    time = torch.arange(44_101) / 44_101
    clip = Clip(torch.sin(2 * torch.pi * 440 * time), 44_101)
    heard = clip.middle(1.0, 32_000)
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(32_000) / 32_000)
    assert heard.shape == (32_000,) and torch.allclose(heard, expected, atol=1e-3)


def test_a_rate_that_holds_no_music_is_left_out(folder: Path) -> None:
    soundfile.write(folder / "a.wav", noise(10.0, 100), 100)
    assert reason(folder, "a.wav") == "100 samples a second are too few to hold music"


def test_more_clips_than_tell_anything_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    for index in range(MOST_CLIPS + 1):
        (tmp_path / f"{index}.wav").touch()
    with pytest.raises(TonescopeError, match="holds 201 clips and 200 tell enough"):
        read_clips(tmp_path)


def test_many_files_left_out_make_a_short_sentence(folder: Path) -> None:
    for index in range(50):
        (folder / f"{index:02}.m4a").touch()
        (folder / f"{index:02}.jpg").touch()
    (note,) = read_clips(folder).notes
    assert len(note) < 300 and note.count("and 46 more") == 2 and "by its ending no sound" in note


# --- hearing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["mono", "stereo"])
def test_every_clip_is_heard_twice(family: str) -> None:
    generator, judge = tiny.generator(family), tiny.judge()
    noise = torch.randn(3, 4000) * 0.1
    found = hear_clips([Clip(row, 1600) for row in noise], generator, judge, 1.0)
    assert found.clips == sum(found.clean.values()) == sum(found.reconstructed.values()) == 3


def test_silent_clips_are_not_counted_when_they_are_heard() -> None:
    """Loud at its ends, silent in the middle; and a tone too high for the generator's rate."""
    ends = torch.zeros(8000)
    ends[:500] = ends[-500:] = 0.5
    high = 0.5 * torch.sin(2 * torch.pi * 20_000 * torch.arange(48_000) / 48_000)
    clips = [Clip(ends, 1600), Clip(high, 48_000), Clip(torch.randn(1600) * 0.1, 1600)]
    found = hear_clips(clips, tiny.generator(), tiny.judge(), 1.0)
    assert found.clips == sum(found.clean.values()) == sum(found.reconstructed.values()) == 1
    assert any(caveat.startswith("2 of 3 known clips are silent") for caveat in clip_caveats(clips, found, "house"))


def test_a_clip_that_the_codec_makes_no_numbers_of_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny.generator()
    monkeypatch.setattr(generator, "round_trip", lambda _: torch.full((1, 1600), float("nan")))
    clips = [Clip(torch.randn(1600) * 0.1, 1600)]
    found = hear_clips(clips, generator, tiny.judge(), 1.0)
    assert found == ReferenceClips(clips=0, clean={}, reconstructed={})
    assert "1 of 1 known clips is silent" in clip_caveats(clips, found, "house")[0]


# --- what may be said ------------------------------------------------------------------------------------------------


def heard(clips: int) -> ReferenceClips:
    return ReferenceClips(clips=clips, clean={"house": clips}, reconstructed={"house": clips})


def test_the_fewest_clips_are_the_fewest_of_which_an_interval_lies_above_half() -> None:
    assert share(FEWEST_CLIPS, FEWEST_CLIPS).low > 0.5 > share(FEWEST_CLIPS - 1, FEWEST_CLIPS - 1).low


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_case_fewer_clips_than_can_show_anything_are_said_to_be(count: int) -> None:
    clips = [Clip(torch.zeros(1), 1)] * count
    told = clip_caveats(clips, heard(count), "house")
    assert bool(told) == (count < FEWEST_CLIPS)
    assert all(f"With {count} known clip" in caveat and "give 4 or more" in caveat for caveat in told)


def test_case_no_genre_in_the_prompt_leaves_clips_nothing_to_be_compared_with() -> None:
    clips = [Clip(torch.zeros(1), 1)] * 9
    (told,) = clip_caveats(clips, heard(9), None)
    assert "names no genre" in told and "nothing to compare the known clips with" in told


def test_what_was_left_out_of_the_folder_is_said_first() -> None:
    clips = ClipFolder((Clip(torch.zeros(1), 1),), (("a.m4a", "why"),))
    assert clip_caveats(clips, heard(1), "house")[0] == "Left out of the known clips: a.m4a (why)."


def test_every_format_that_is_read_has_its_endings_once() -> None:
    endings = [ending for names in ENDINGS.values() for ending in names]
    assert len(endings) == len(set(endings)) and not set(endings) & OTHER_SOUND
