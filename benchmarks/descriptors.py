"""Tempo and key of pieces in which they are known, beside what librosa's own functions choose.

Pieces are made for it (clicks, chords without drums, rock, swing, jazz; songs in all keys and out of tune; sound
without a beat, noise), and composed (three of every genre that the composer knows, not recorded). A tempo is right
within 4 %, and told if it is that or the same counted otherwise; a key is told if it is right or its relative one. Cost
is processor time beside ours.

    python -m benchmarks.descriptors [--seeds 3] [--seconds 10]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import librosa
import numpy as np
import torch
from librosa.beat import beat_track
from numpy.typing import NDArray

from benchmarks.kept_results import keep
from tests.diagnose.descriptors.known_pieces import BEATLESS, BEATS, TEMPOS, song
from tests.synthetic import RATE, noise
from tonescope.diagnose.descriptors.musical_key import Key, key_of_chroma, key_of_recording
from tonescope.diagnose.descriptors.tempo import HOP, same_beat, same_tempo, tempo_of
from training.composer import compose
from training.renderer import SAMPLE_RATE, render
from training.tables import genres
from training.theory import SCALES

Sound = NDArray[np.float64]
CENTS = (0.0, 25.0, -40.0, 45.0)  # away from concert pitch
BEATLESS_SEEDS, NOISE_SEEDS = 24, 12
OURS = "Tonescope"
COUNTS = ("of", "right", "told", "invented")


@dataclass(frozen=True)
class Piece:
    """A sound at a rate, and what is known of it: no tempo, no key, where there is none."""

    kind: str
    sound: Sound
    rate: int
    bpm: float | None = None
    key: Key | None = None


@dataclass
class Tally:
    """What one function told of some pieces, and how many seconds of processor time it took."""

    pieces: int = 0
    right: int = 0
    told: int = 0
    clear_wrong: int = 0
    off: list[float] = field(default_factory=list)
    seconds: float = 0.0


def made_pieces() -> Iterable[Piece]:
    """Pieces of known tempo or key, and of none."""
    for kind, make in BEATS.items():
        for bpm in TEMPOS:
            yield Piece(f"tempo: {kind}", make(bpm), RATE, bpm=bpm)
    for kind, quiet in BEATLESS.items():
        for seed in range(BEATLESS_SEEDS):
            yield Piece(f"no tempo: {kind}", quiet(seed), RATE)
    for tonic in range(12):
        for minor in (False, True):
            for cents in CENTS:
                yield Piece("key: songs", song(tonic, minor, tonic, cents), RATE, key=Key(tonic, int(minor)))
    for seed in range(NOISE_SEEDS):
        yield Piece("no key: noise", noise(8.0, seed=seed), RATE)


def composed_pieces(seeds: int, seconds: float) -> Iterable[Piece]:
    """The composer's, some of every genre; a scale with a minor third is minor."""
    for name in genres():
        for seed in range(seeds):
            piece = compose(name, 900_000 + seed, seconds)
            minor = 3 in SCALES[piece.scale] and 4 not in SCALES[piece.scale]
            sound = np.asarray(render(piece, seconds, recorded=False).mix, np.float64)
            yield Piece("composed", sound, SAMPLE_RATE, bpm=piece.tempo, key=Key(piece.key, int(minor)))


def _ours(piece: Piece) -> tuple[float | None, bool]:
    found = tempo_of(torch.from_numpy(piece.sound).float(), piece.rate)
    return found.bpm, found.confidence == "clear"


def _feature_tempo(piece: Piece) -> tuple[float | None, bool]:
    return float(librosa.feature.tempo(y=piece.sound, sr=piece.rate)[0]), True


def _fine_tempo(piece: Piece) -> tuple[float | None, bool]:
    sound = librosa.resample(piece.sound, orig_sr=piece.rate, target_sr=RATE)
    return float(librosa.feature.tempo(y=sound, sr=RATE, hop_length=HOP)[0]), True


def _beat_track(piece: Piece) -> tuple[float | None, bool]:
    return float(np.ravel(beat_track(y=piece.sound, sr=piece.rate)[0])[0]) or None, True


TEMPO: dict[str, Callable[[Piece], tuple[float | None, bool]]] = {
    OURS: _ours,
    "librosa.feature.tempo": _feature_tempo,
    "librosa.feature.tempo, frames as ours": _fine_tempo,
    "librosa.beat.beat_track": _beat_track,
}


def _our_key(piece: Piece) -> tuple[Key | None, bool]:
    found = key_of_recording(torch.from_numpy(piece.sound).float(), piece.rate)
    return found.key, found.clear


def _of_chroma(feature: Callable[..., NDArray[np.float32]]) -> Callable[[Piece], tuple[Key | None, bool]]:
    def told(piece: Piece) -> tuple[Key | None, bool]:
        found = key_of_chroma(feature(y=piece.sound, sr=piece.rate).sum(1).astype(np.float64))
        return found.key, found.clear

    return told


KEY: dict[str, Callable[[Piece], tuple[Key | None, bool]]] = {
    OURS: _our_key,
    "librosa.feature.chroma_stft": _of_chroma(librosa.feature.chroma_stft),
    "librosa.feature.chroma_cqt": _of_chroma(librosa.feature.chroma_cqt),
}


def count_tempo(tally: Tally, piece: Piece, bpm: float | None, clear: bool) -> None:
    """Add what was told of a piece."""
    tally.pieces += 1
    if bpm is None or piece.bpm is None:
        tally.clear_wrong += clear and bpm is not None
        return
    if same_tempo(bpm, piece.bpm):
        tally.right += 1
        tally.off.append(abs(bpm - piece.bpm) / piece.bpm)
    tally.told += same_beat(bpm, piece.bpm)
    tally.clear_wrong += clear and not same_beat(bpm, piece.bpm)


def count_key(tally: Tally, piece: Piece, key: Key | None, clear: bool) -> None:
    """Add what was told of a piece."""
    tally.pieces += 1
    if piece.key is None:
        tally.clear_wrong += clear
        return
    tally.right += key == piece.key
    tally.told += key in (piece.key, piece.key.relative)
    tally.clear_wrong += clear and key not in (piece.key, piece.key.relative)


def measured(pieces: Iterable[Piece]) -> dict[tuple[str, str, str], Tally]:
    """Tallies by what was asked, kind of piece and function."""
    found: dict[tuple[str, str, str], Tally] = {}
    for piece in pieces:
        of_tempo, of_key = (piece.kind == "composed" or what in piece.kind for what in ("tempo", "key"))
        for name, function in TEMPO.items() if of_tempo else ():
            tally, begun = found.setdefault(("tempo", piece.kind, name), Tally()), time.process_time()
            bpm, clear = function(piece)
            tally.seconds += time.process_time() - begun
            count_tempo(tally, piece, bpm, clear)
        for name, reading in KEY.items() if of_key else ():
            tally, begun = found.setdefault(("key", piece.kind, name), Tally()), time.process_time()
            key, clear = reading(piece)
            tally.seconds += time.process_time() - begun
            count_key(tally, piece, key, clear)
    return found


def totals(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """By what was asked and function: of how many pieces that have it, right, told; and told for sure where there is
    none (``invented``)."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row in rows:
        counts = found.setdefault(row["what"], {}).setdefault(row["by"], dict.fromkeys(COUNTS, 0))
        if row["pieces"].startswith("no "):
            counts["invented"] += row["clear and wrong"]
            continue
        counts["of"] += row["of"]
        counts["right"] += row["right"]
        counts["told"] += row["right or counted otherwise"]
    return found


def warm() -> None:
    """What is compiled or made once is no part of what is measured."""
    piece = Piece("", noise(4.0), RATE)
    for function in (*TEMPO.values(), *KEY.values()):
        function(piece)


def main() -> None:
    """Measure, print, keep."""
    asking = argparse.ArgumentParser(description=__doc__)
    asking.add_argument("--seeds", type=int, default=3, help="pieces of every genre")
    asking.add_argument("--seconds", type=float, default=10.0, help="length of composed pieces")
    asked = asking.parse_args()
    warm()
    found = measured([*made_pieces(), *composed_pieces(asked.seeds, asked.seconds)])
    rows = [
        {
            "what": what,
            "pieces": kind,
            "by": name,
            "of": tally.pieces,
            "right": tally.right,
            "right or counted otherwise": tally.told,
            "clear and wrong": tally.clear_wrong,
            "median error": float(np.median(tally.off)) if tally.off else None,
            "cost": round(tally.seconds / found[what, kind, OURS].seconds, 2),
        }
        for (what, kind, name), tally in found.items()
    ]
    about = {"seeds": asked.seeds, "seconds": asked.seconds, "totals": totals(rows)}
    keep("descriptors", rows, about, packages=["librosa"])


if __name__ == "__main__":
    main()
