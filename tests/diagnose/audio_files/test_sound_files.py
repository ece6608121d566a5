"""Which files may hold sound, and what is said of those that cannot serve."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tonescope.diagnose.audio_files.sound_files import (
    OTHER_SOUND,
    Unusable,
    check_file,
    listed,
    printable,
    readable_endings,
)


def refusal(path: Path, *, named: bool = True) -> str:
    with pytest.raises(Unusable) as refused:
        check_file(path, readable_endings(), named=named)
    return str(refused.value)


def test_a_file_that_was_named_is_opened_whatever_its_ending(tmp_path: Path) -> None:
    (tmp_path / "take1").write_bytes(b"x")
    check_file(tmp_path / "take1", readable_endings(), named=True)
    assert refusal(tmp_path / "take1", named=False) == "by its ending no sound"


@pytest.mark.parametrize("ending", sorted(OTHER_SOUND))
def test_case_sound_that_libsndfile_does_not_read_says_what_to_do(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending}").write_bytes(b"x")
    assert "convert it to .wav or .flac" in refusal(tmp_path / f"a{ending}")


def test_case_apple_double_named_itself_is_refused_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "._x.wav").write_bytes(b"\0\x05\x16\x07")
    assert "what a system keeps beside files" in refusal(tmp_path / "._x.wav")


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_case_a_fifo_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert refusal(tmp_path / "a.wav") == "a pipe, not a file"


def test_case_zero_bytes_and_missing_files_and_links_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "b.wav").symlink_to("nowhere.wav")
    assert refusal(tmp_path / "a.wav") == "empty"
    assert "no such file" in refusal(tmp_path / "b.wav") and "no such file" in refusal(tmp_path / "c.wav")


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    (tmp_path / "b.wav").symlink_to("a.wav")
    check_file(tmp_path / "b.wav", readable_endings())


def test_names_of_one_reason_stand_together_and_are_harmless() -> None:
    told = listed([(f"{index}.m4a", "why") for index in range(9)] + [("x", "other")])
    assert told == "0.m4a, 1.m4a, 2.m4a, 3.m4a and 5 more (why); x (other)"
    assert printable("a\x1b[31m\n.wav").isprintable()
