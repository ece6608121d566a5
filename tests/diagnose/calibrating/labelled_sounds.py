"""Folders of labelled clips: tones whose pitch is their label's, several parts of each song."""

from __future__ import annotations

import math
from pathlib import Path

import soundfile
import torch

RATE, SECONDS = 8_000, 0.75
PITCHES = {"house": 80.0, "smooth jazz": 240.0, "fusion": 480.0}


def tone(pitch: float, seed: int) -> torch.Tensor:
    """A tone with a little noise of its own."""
    random = torch.Generator().manual_seed(seed)
    time = torch.arange(round(RATE * SECONDS)) / RATE
    return 0.3 * torch.sin(2 * math.pi * pitch * time) + 0.02 * torch.randn(len(time), generator=random)


def write(path: Path, sound: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound.numpy(), RATE)


def folder_per_label(root: Path, songs: int = 3, parts: int = 2) -> Path:
    """``root/LABEL/song-a_1.wav``."""
    for place, (label, pitch) in enumerate(PITCHES.items()):
        for song in range(songs):
            for part in range(parts):
                seed = 100 * place + 10 * song + part
                write(root / label / f"song-{'abcdefgh'[song]}_{part}.wav", tone(pitch + 5 * song, seed))
    return root
