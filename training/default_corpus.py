"""The corpus that comes with Tonescope: composed pieces with captions and what is known of them, as one Parquet file.

    python -m training.default_corpus [--pieces 190] [--to FILE]

Seeds are kept out of all training and evaluation. Every piece is known exactly: tempo, instruments, when the kick
plays. With ``--folder`` the pieces are written as sound files with a ``metadata.jsonl`` instead, as any corpus may be.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tonescope.diagnose.store.take_shards import database, quoted
from training.captions import caption
from training.composer import compose
from training.renderer import SAMPLE_RATE, render
from training.score import Piece
from training.tables import genres

PIECES = 190  # ten of each genre
SECONDS = 4.0
COMPRESSION = 0.95  # of Vorbis, 0 to 1
FIRST_SEED = 3_000_000_000  # beyond those of every split
WANTED = Path("diagnose/unit_index/composed.parquet")
LICENCE = "MIT"
FACTS = {"genre": "VARCHAR", "tempo": "DOUBLE", "instruments": "VARCHAR[]", "drums": "VARCHAR[]", "kicks": "DOUBLE[]"}


@dataclass(frozen=True)
class Facts:
    """What is known of a piece. ``kicks`` are the seconds at which the kick is hit, ``drums`` those that play."""

    caption: str
    genre: str
    tempo: float
    instruments: tuple[str, ...]
    drums: tuple[str, ...]
    kicks: tuple[float, ...]

    @classmethod
    def of(cls, piece: Piece, seconds: float) -> Facts:
        """Of as much of a piece as is heard."""
        heard = [(hit.drum, hit.start * 60 / piece.tempo) for hit in piece.hits]
        heard = [(drum, second) for drum, second in heard if second < seconds]
        return cls(
            caption=caption(piece, "named", np.random.default_rng(piece.seed)),
            genre=piece.genre,
            tempo=piece.tempo,
            instruments=piece.instruments,
            drums=tuple(sorted({drum for drum, _ in heard})),
            kicks=tuple(round(second, 3) for drum, second in heard if drum == "kick"),
        )


def name_of(genre: str, seed: int) -> str:
    """What a piece is called."""
    return f"{genre.replace(' ', '_').replace('/', '_')}_{seed}"


def pieces(count: int, first: int = FIRST_SEED) -> Iterator[tuple[str, NDArray[np.float32], Facts]]:
    """Names, sound (samples,) at 16 kHz and facts: the genres take turns."""
    names = list(genres())
    for at in range(count):
        genre = names[at % len(names)]
        piece = compose(genre, first + at, SECONDS)
        sound = render(piece, SECONDS).mix
        yield name_of(genre, first + at), sound, Facts.of(piece, SECONDS)


def encoded(sound: NDArray[np.float32]) -> bytes:
    """As an Ogg file."""
    file = io.BytesIO()
    soundfile.write(file, sound, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=COMPRESSION)
    return file.getvalue()


def write_parquet(path: Path, count: int) -> None:
    """Pieces as a Parquet file with a column of sound, as data sets of the Hub have them."""
    with database() as opened:
        facts = ", ".join(f"{name} {kind}" for name, kind in FACTS.items())
        opened.execute(
            f"CREATE TABLE pieces (audio STRUCT(bytes BLOB, path VARCHAR), caption VARCHAR, licence VARCHAR, {facts})"
        )
        places = ", ".join("?" for _ in FACTS)
        for name, sound, known in pieces(count):
            row: list[Any] = [encoded(sound), f"{name}.ogg", known.caption, LICENCE]
            row += [_plain(getattr(known, fact)) for fact in FACTS]
            opened.execute(f"INSERT INTO pieces VALUES ({{'bytes': ?, 'path': ?}}, ?, ?, {places})", row)
        opened.execute("SET preserve_insertion_order = true")
        opened.execute(f"COPY pieces TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 64)")


def write_folder(folder: Path, count: int, first: int = FIRST_SEED) -> None:
    """Pieces as sound files, with what is known of them in ``metadata.jsonl``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as table:
        for name, sound, known in pieces(count, first):
            (folder / f"{name}.ogg").write_bytes(encoded(sound))
            table.write(json.dumps({"file_name": f"{name}.ogg", "licence": LICENCE, **asdict(known)}) + "\n")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def main() -> None:
    """Render, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=PIECES)
    parser.add_argument("--to", type=Path, default=WANTED)
    parser.add_argument("--folder", type=Path, help="write sound files into this folder instead")
    asked = parser.parse_args()
    if asked.folder:
        write_folder(asked.folder, asked.pieces)
    else:
        write_parquet(asked.to, asked.pieces)


if __name__ == "__main__":
    main()
