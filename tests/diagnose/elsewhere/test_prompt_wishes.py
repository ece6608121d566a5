"""What a prompt asks for that needs no judge: tempo and key, in the words that people use."""

from __future__ import annotations

import pytest

from tonescope.diagnose.descriptors.musical_key import Key
from tonescope.diagnose.elsewhere.prompt_wishes import wishes_of


@pytest.mark.parametrize(
    ("prompt", "low", "high"),
    [
        ("dark techno, 128 BPM", 128, 128),
        ("lo-fi beats at 75bpm", 75, 75),
        ("house music 120-124 bpm", 120, 124),
        ("tempo 90, piano", 90, 90),
        ("slow blues", 40, 90),
        ("fast punk rock", 118, 240),
        ("andante, string quartet", 73, 108),
    ],
)
def test_tempos_are_read(prompt: str, low: float, high: float) -> None:
    wish = wishes_of(prompt).tempo
    assert wish is not None and (wish.low, wish.high) == (low, high)
    assert bool(wish.meaning) == (prompt.split()[0] in ("slow", "fast", "andante,"))


@pytest.mark.parametrize(
    "prompt", ["techno", "808 drums, 909 hats", "24 bit, 44 khz", "not too fast, house", "10,000 volts"]
)
def test_what_is_no_tempo_is_read_as_none(prompt: str) -> None:
    assert wishes_of(prompt).tempo is None


@pytest.mark.parametrize(
    ("prompt", "tonic", "mode"),
    [
        ("piano in A minor", 9, 1),
        ("key of D, folk", 2, None),
        ("jazz in B flat major", 10, 0),
        ("F# minor, dark ambient", 6, 1),
        ("Bb minor waltz", 10, 1),
        ("sad song in a minor key", None, 1),
    ],
)
def test_keys_are_read(prompt: str, tonic: int | None, mode: int | None) -> None:
    wish = wishes_of(prompt).key
    assert wish is not None and (wish.tonic, wish.mode) == (tonic, mode)
    assert wish.matches(Key(tonic if tonic is not None else 4, mode or 0))
    assert tonic is None or not wish.matches(Key((tonic + 1) % 12, mode or 0))


def test_what_nothing_can_check_is_told() -> None:
    found = wishes_of("dark techno, 128 BPM, with accordion")
    assert "accordion" in found.unchecked and "dark" in found.unchecked and "128 BPM" not in found.unchecked
