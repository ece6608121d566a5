"""One sound file as a recording: formats, channels, rates, lengths, and everything that makes one useless."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.synthetic import RATE, Sound, noise, tone, write
from tonescope.diagnose.audio_files import sound_recording as recordings
from tonescope.diagnose.audio_files.decoding import BROKEN
from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.audio_files.sound_recording import digest, read_header, read_recording

TONE = tone(440.0, 2.0)


def refusal(path: Path, **how: Any) -> str:
    with pytest.raises(Unusable) as refused:
        read_recording(path, **how)
    return str(refused.value)


def close(first: torch.Tensor, second: Sound, atol: float = 1e-3) -> bool:
    return torch.allclose(first, torch.from_numpy(np.asarray(second)).float(), atol=atol)


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.wav", {"subtype": "PCM_24", "format": "WAVEX"}),
        ("a.wav", {"subtype": "FLOAT"}),
        ("a.wav", {"subtype": "PCM_16"}),
        ("a.flac", {"subtype": "PCM_24"}),
        ("a.aiff", {}),
    ],
)
def test_lossless_files_are_read_as_they_are(tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    found = read_recording(write(tmp_path / name, TONE, **how))
    assert (
        found.rate == RATE and found.seconds == pytest.approx(2.0) and not found.notes and close(found.waveform, TONE)
    )


@pytest.mark.parametrize(
    ("name", "how"), [("a.ogg", {}), ("a.mp3", {}), ("a.opus", {"format": "OGG", "subtype": "OPUS"})]
)
def test_lossy_files_are_read_about_as_they_were(tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    rate = 48_000 if "opus" in name else RATE
    found = read_recording(write(tmp_path / name, tone(440.0, 2.0, rate), rate, **how))
    assert abs(found.seconds - 2.0) < 0.1 and found.loudness.integrated is not None
    spectrum = torch.fft.rfft(found.waveform).abs()
    assert abs(int(spectrum.argmax()) / found.seconds - 440) < 2


def test_content_decides_and_not_the_ending(tmp_path: Path) -> None:
    write(tmp_path / "a.mp3", TONE)
    (tmp_path / "a.mp3").rename(tmp_path / "a.wav")
    assert read_recording(tmp_path / "a.wav").seconds == pytest.approx(2.0, abs=0.1)


def header_saying(path: Path, size: int) -> Path:
    """A wav file whose header was written into a pipe: it says that there are so many bytes of sound."""
    whole = bytearray(write(path, TONE, subtype="PCM_16").read_bytes())
    place = whole.index(b"data") + 4
    whole[place : place + 4] = struct.pack("<I", size)
    whole[4:8] = struct.pack("<I", min(size, 2**32 - 1))
    path.write_bytes(bytes(whole))
    return path


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFC0])
def test_case_a_wav_written_into_a_pipe_has_a_wrong_size_and_all_its_sound(tmp_path: Path, size: int) -> None:
    found = read_recording(header_saying(tmp_path / "a.wav", size))
    assert found.seconds == pytest.approx(2.0, abs=0.01) and close(found.waveform, TONE) and not found.notes


def test_case_a_truncated_wav_is_heard_as_far_as_it_goes_and_said_to_be_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", TONE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = read_recording(path)
    assert found.seconds == pytest.approx(1.0, abs=0.01) and "cut short" in found.notes[0]


@pytest.mark.parametrize("ending", [".flac", ".ogg", ".mp3", ".aiff"])
def test_case_a_truncated_file_of_any_format_is_cut_short_or_broken(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a{ending}", noise(6.0, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        found = read_recording(path)
    except Unusable as reason:
        assert str(reason) == BROKEN
    else:
        assert found.seconds < 4.5 and "cut short" in found.notes[0]


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
def test_case_hardly_anything_of_a_file_is_broken(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a{ending}", noise(4.0, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 50])
    assert refusal(path) in (BROKEN, "shorter than 0.5 s")


@pytest.mark.parametrize("content", [b"MZ\x90\0" * 500, b"\x7fELF" * 500, b"<html>" * 500, b"RIFF????"])
def test_case_an_executable_or_text_called_wav(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert refusal(tmp_path / "a.wav") == BROKEN


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_case_a_file_full_of_nan(tmp_path: Path, value: float) -> None:
    assert "not numbers" in refusal(write(tmp_path / "a.wav", np.full(RATE, value), subtype="FLOAT"))


def test_case_samples_in_other_units(tmp_path: Path) -> None:
    assert "where 1 is full scale" in refusal(write(tmp_path / "a.wav", TONE * 1e5, subtype="FLOAT"))


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_case_a_silent_file_and_one_of_a_constant_offset(tmp_path: Path, level: float) -> None:
    assert "silence says nothing" in refusal(write(tmp_path / "a.wav", np.full(RATE, level)))


# --- channels and rates ----------------------------------------------------------------------------------------------


def test_stereo_is_heard_as_the_mean_of_its_sides(tmp_path: Path) -> None:
    sides = np.stack([TONE, noise(2.0)], 1)
    found = read_recording(write(tmp_path / "a.wav", sides))
    assert found.channels == 2 and not found.side and close(found.waveform, sides.mean(1))


@pytest.mark.parametrize(("gain", "side"), [(-1.0, "left"), (-0.9, "left"), (-1.1, "right")])
def test_case_sides_that_cancel_are_not_summed_to_silence(tmp_path: Path, gain: float, side: str) -> None:
    found = read_recording(write(tmp_path / "a.wav", np.stack([TONE, TONE * gain], 1), subtype="FLOAT"))
    assert found.side == side and "cancel" in found.notes[0]
    assert close(found.waveform, TONE if side == "left" else TONE * gain)


def test_surround_is_heard_and_does_not_cancel(tmp_path: Path) -> None:
    six = np.zeros((len(TONE), 6))
    six[:, 2] = TONE
    found = read_recording(write(tmp_path / "a.wav", six))
    assert found.channels == 6 and not found.side and close(found.waveform, TONE / 6)


@pytest.mark.parametrize("rate", [8000, 11_025, 44_101, 96_000, 192_000])
def test_any_rate_is_read_and_none_is_kept_that_nobody_hears(tmp_path: Path, rate: int) -> None:
    found = read_recording(write(tmp_path / "a.wav", tone(440.0, 1.0, rate), rate))
    assert found.file_rate == rate and found.rate == min(rate, 48_000) and found.seconds == pytest.approx(1.0, abs=0.01)
    assert abs(int(torch.fft.rfft(found.waveform).abs().argmax()) / found.seconds - 440) < 2


def test_a_rate_that_holds_no_music_is_refused(tmp_path: Path) -> None:
    assert "too few to hold music" in refusal(write(tmp_path / "a.wav", noise(1.0, 2000), 2000))


# --- lengths ---------------------------------------------------------------------------------------------------------


def test_half_a_second_is_enough_and_less_is_not(tmp_path: Path) -> None:
    assert read_recording(write(tmp_path / "a.wav", noise(0.5))).seconds == pytest.approx(0.5, abs=0.01)
    assert refusal(write(tmp_path / "b.wav", noise(0.4))) == "shorter than 0.5 s"


def test_case_eight_hours_are_refused_by_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, samples = write(tmp_path / "a.wav", noise(1.0, 8000), 8000), 8 * 3600 * 8000
    header = bytearray(path.read_bytes()[:44])
    header[4:8], header[40:44] = struct.pack("<I", 36 + 2 * samples), struct.pack("<I", 2 * samples)
    with path.open("wb") as file:  # with a hole in it: eight hours that take no room
        file.write(header)
        file.truncate(44 + 2 * samples)
    monkeypatch.setattr(recordings, "blocks", None)
    assert refusal(path) == "8 h long, and up to 10 min are heard: cut it into parts"
    with pytest.raises(Unusable, match="8 h long"):
        read_header(path)


def test_a_stream_without_an_end_is_refused_where_it_becomes_too_long(tmp_path: Path, monkeypatch: Any) -> None:
    path = write(tmp_path / "a.wav", noise(5.0))
    monkeypatch.setattr(recordings, "frames_promised", lambda file: None)
    assert "long, and up to 2 s are heard" in refusal(path, longest=2.0)


def test_long_files_are_read_block_by_block_as_a_whole(tmp_path: Path) -> None:
    sound = noise(25.0, 8000)
    found = read_recording(write(tmp_path / "a.wav", sound, 8000, subtype="FLOAT"))
    assert close(found.waveform, sound, 1e-6)


def test_content_is_known_by_its_digest_whatever_its_name(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.wav", TONE), write(tmp_path / "b.wav", TONE)
    assert digest(first) == digest(second) != digest(write(tmp_path / "c.wav", noise()))
    with pytest.raises(Unusable):
        digest(tmp_path / "none.wav")
