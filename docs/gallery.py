"""The gallery: one artifact of each lens of the microscope, rendered on the embedded models, as one page.

python -m docs.gallery [examples/gallery.html] [--only visualize …]

What was rendered before is taken from the store of artifacts, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.microscope.sound_numbers import numbers
from tonescope.diagnose.report.render_html import page
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.runtime.session import Session
from tonescope.models.generator import Takes

log = logging.getLogger(__name__)

OUT = Path("examples/gallery.html")
LARGEST = 3 * 2**20  # bytes
UNIT, HEAD, HEARS = "decoder.3.mlp:117", "decoder.4.cross:2", "judge.5.mlp:30"
PLACE, JUDGE_PLACE = "decoder.3.mlp", "judge.5.residual"
PROMPT = "cheerful polka"
WORDS = "piano,guitar,violin,flute,accordion,drums,kick,bass,slow,fast,happy,sad,loud,quiet,polka,techno,house,jazz"
LEFT_OUT = ("caveats", "provenance", "numbers", "runs")  # views that a gallery does without
FAINT_DB, FULL_SCALE, MOST_CLIPPED = -50.0, 0.999, 0.001  # what no sound of it is below, or above for so long
MOST_ROWS, MOST_SOUNDS, MOST_FIGURES, MOST_TABLES = 6, 3, 3, 1


@dataclass(frozen=True)
class Piece:
    """One artifact: what is to be seen in it, and the job that renders it."""

    key: str
    title: str
    told: str
    job: str
    asked: dict[str, Any] = field(default_factory=dict)
    needs_clip: bool = False


PIECES = (
    Piece(
        "visualize",
        "Feature visualization",
        "A sound in the making, changed step by step until one unit does the most that it can; and the least.",
        "visualize",
        {"unit": UNIT, "objective": "neuron", "side": "both", "samples": 1, "steps": 64},
    ),
    Piece(
        "heard",
        "Feature visualization of a unit that listens",
        "The judge's own units: sound is changed directly, as a spectrogram.",
        "visualize",
        {"unit": HEARS, "samples": 1, "steps": 64},
    ),
    Piece(
        "dream",
        "DeepDream",
        "What the model plays when nobody asks, with more of what goes on at one place, over three time scales.",
        "dream",
        {"location": PLACE, "strength": 0.8, "steps": 16, "seconds": 2.0},
    ),
    Piece(
        "caricature",
        "Caricature",
        "A new sound that does at one place what a clip does there, exaggerated.",
        "caricature",
        {"location": JUDGE_PLACE, "steps": 80, "seconds": 3.0},
        needs_clip=True,
    ),
    Piece(
        "words",
        "Text feature visualization",
        "Which words and short prompts drive a unit, each measured in takes.",
        "words",
        {"unit": UNIT, "shown": 4, "takes": 4, "length": 2, "words": WORDS},
    ),
    Piece(
        "tuning",
        "Synthetic tuning curves",
        "What a unit responds to in sounds that differ in one thing.",
        "tuning",
        {"unit": UNIT, "family": ["kick", "tempo"], "instances": 4},
    ),
    Piece(
        "layers",
        "Every layer as sound",
        "The same take read out at every depth.",
        "layers",
        {"prompt": PROMPT, "takes": 1},
    ),
    Piece("examples", "Dataset examples", "Where one unit does most, over a corpus.", "show", {"place": UNIT}),
)
INDEX = {"location": [PLACE], "limit": 48}


def rendered(session: Session, piece: Piece, clip: Path) -> tuple[View, dict[str, Takes]]:
    """A piece as one view, and its takes, under names of its own."""
    row = job_registry.find(piece.job)
    assert row is not None
    job = row.load()
    asked = made(job.parameters, piece.asked | ({"clip": str(clip)} if piece.needs_clip else {}))
    outcome = job.run(session, asked, Watch())
    views = [view for view in job.views(outcome.result, outcome.evidence) if view.key not in LEFT_OUT]
    sets = {f"{piece.key}:{name}": takes for name, takes in getattr(outcome.evidence, "sounds", {}).items()}
    found = [sentence for sentence in views[0].sentences if sentence[1]]
    tables = [_cut(table) for view in views for table in view.tables]
    sounds = [_renamed(row, piece.key) for view in views for row in view.sounds][:MOST_SOUNDS]
    figures = [figure for view in views for figure in view.figures][:MOST_FIGURES]
    return View(piece.key, piece.title, [(piece.told, None), *found], tables[:MOST_TABLES], figures, sounds), sets


def _renamed(row: Sequence[Sound], key: str) -> list[Sound]:
    """A row of sounds among those of other pieces."""
    return [replace(sound, takes=f"{key}:{sound.takes}") for sound in row]


def _cut(table: Table) -> Table:
    """No more of a table than a gallery needs."""
    return replace(table, rows=table.rows[:MOST_ROWS], badges=table.badges[:MOST_ROWS], lead=None)


def check_sounds(sets: dict[str, Takes], rate: int) -> None:
    """Log what every sound is like. Raises ``ValueError`` for one that nobody would hear, or that is clipped."""
    for name, takes in sets.items():
        for at, (wave, found) in enumerate(zip(takes.waveform, numbers(takes.waveform, rate), strict=True)):
            peak, clipped = float(wave.abs().max()), float((wave.abs() >= FULL_SCALE).float().mean())
            log.info("%s %d: peak %.2f, clipped %.4f, %s", name, at, peak, clipped, found)
            if found.level_db < FAINT_DB or clipped > MOST_CLIPPED:
                raise ValueError(f"{name} {at} is silent or clipped ({found.level_db:.0f} dB, {clipped:.2%} clipped)")


def write(out: Path, views: Sequence[View], sets: dict[str, Takes], session: Session) -> int:
    """Write the page, whole; its size in bytes. Raises ``ValueError`` for one that is too large to be kept."""
    headline = View("gallery", "What the microscope shows", [(INTRODUCTION, None)], tone="open")
    text = page("Tonescope gallery", [headline, *views], Players(Sounds(session.generator), sets))
    if len(text.encode()) > LARGEST:
        raise ValueError(f"the gallery has {len(text.encode()) / 1e6:.1f} MB, and {LARGEST / 1e6:.1f} MB are the most")
    beside = out.with_name(f".{out.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(out)
    return len(text.encode())


INTRODUCTION = (
    "One artifact of each lens, on the embedded generator and judge. Every one can be made again by its command, for "
    "any unit, location or model; in the app each unit has a page of its own."
)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    parser.add_argument("--only", nargs="*", default=[], help="keys of the pieces")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    session = Session.open()
    views, sets = list[View](), dict[str, Takes]()
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.wav"
        take = session.generator.generate([PROMPT], [1], 3.0)
        soundfile.write(clip, take.waveform[0].numpy().astype(np.float32), int(session.generator.sample_rate))
        for piece in PIECES:
            if asked.only and piece.key not in asked.only:
                continue
            begun = time.perf_counter()
            if piece.job == "show":
                index = job_registry.find("index")
                assert index is not None
                index.load().run(session, made(index.load().parameters, INDEX), Watch())
            shown, played = rendered(session, piece, clip)
            views, sets = [*views, shown], sets | played
            log.info("%s: %.0f s", piece.key, time.perf_counter() - begun)
    check_sounds(sets, int(session.generator.sample_rate))
    log.info("%s: %.2f MB", asked.out, write(asked.out, views, sets, session) / 1e6)


if __name__ == "__main__":
    main()
