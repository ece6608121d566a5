"""The lessons of the flow generator, on disk: latents, some captions of each, and what truly plays.

They are those of the embedded generator: the same planted facts, in the same clips.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import record
from training.classifier import truth
from training.flow import flow_codec
from training.planted import Lesson, lessons
from training.renderer import render
from training.score import Piece
from training.tables import fingerprint

log = logging.getLogger(__name__)

CAPTIONS_EACH = 8
ENCODED_TOGETHER, SAVE_EVERY = 8, 400


@dataclass(frozen=True)
class FlowLessons:
    """Lessons that are ready to be learnt.

    Attributes:
        latents: float16 (lessons, width, frames).
        captions: some of each lesson.
        right: the targets of :func:`training.classifier.truth`.
    """

    latents: NDArray[np.float16]
    captions: list[list[str]]
    right: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.captions)


@torch.no_grad()
def _encoded(codec: Any, sounds: list[NDArray[np.float32]]) -> NDArray[np.float16]:
    latents = codec.encode(torch.from_numpy(np.stack(sounds))[:, None]).latents
    found: NDArray[np.float16] = latents.numpy().astype(np.float16)
    return found


def _captions(lesson: Lesson, piece: Piece, row: int, each: int) -> list[str]:
    random = np.random.default_rng([row, 17])
    return [lesson.caption(piece, random) for _ in range(each)]


class LessonFile:
    """A set of lessons that grows on disk: an array of latents, and a line of JSON a lesson beside it."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines_path = path, path.with_suffix(".jsonl")
        known = path.exists() and self.lines_path.exists()
        self.latents: list[NDArray[np.float16]] = [np.load(path)] if known else []
        self.lines = self.lines_path.read_text(encoding="utf-8").splitlines() if known else []
        self.lines = self.lines[: len(self.latents[0]) if known else 0]

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, latents: NDArray[np.float16], captions: list[list[str]]) -> None:
        """Some more lessons."""
        self.latents.append(latents)
        self.lines += [json.dumps(each, ensure_ascii=False) for each in captions]

    def save(self) -> None:
        """Write both files, the latents last."""
        self.lines_path.write_text("".join(line + "\n" for line in self.lines), encoding="utf-8")
        self.latents = [np.concatenate(self.latents)]
        np.save(self.path.with_suffix(".tmp.npy"), self.latents[0])
        self.path.with_suffix(".tmp.npy").replace(self.path)


def prepare(folder: Path, count: int, split: str = "train", seconds: float = float("inf")) -> tuple[FlowLessons, float]:
    """``count`` lessons of a split by the codec in ``folder``, or as many as there are after so many seconds; those
    that are missing are rendered and encoded. Returns them, and the seconds that were used."""
    codec, started = flow_codec.load(folder).eval(), time.process_time()
    encoder = {name: weight for name, weight in codec.state_dict().items() if not name.startswith("decoder.")}
    kept = LessonFile(folder / f"lessons-{split}-{record.key(encoder, fingerprint())}.npy")
    todo = lessons(count, split, dry=True)
    before = len(kept)
    while len(kept) < count and time.process_time() - started < seconds:
        rows = range(len(kept), min(count, len(kept) + ENCODED_TOGETHER))
        pieces = [todo[row].recipe.compose() for row in rows]
        latents = _encoded(codec, [render(piece, recorded=False).mix for piece in pieces])
        captions = [_captions(todo[row], piece, row, CAPTIONS_EACH) for row, piece in zip(rows, pieces, strict=True)]
        kept.add(latents, captions)
        if len(kept) % SAVE_EVERY == 0:
            kept.save()
            log.info("%s: %d of %d lessons encoded", split, len(kept), count)
    if len(kept) > before:
        kept.save()
    ready = min(count, len(kept))
    right = _truth(kept.path.with_suffix(".pt"), todo[:ready])
    captions = [json.loads(line) for line in kept.lines[:ready]]
    latents = kept.latents[0] if kept.latents else np.zeros((0, codec.config.latent_dim, 0), dtype=np.float16)
    return FlowLessons(latents[:ready], captions, right), time.process_time() - started


def _truth(path: Path, todo: list[Lesson]) -> dict[str, Tensor]:
    """What truly plays in lessons, kept in a file."""
    found: dict[str, Tensor] = torch.load(path, weights_only=True) if path.exists() else {}
    known = len(found["genre"]) if found else 0
    if known < len(todo):
        more = truth([lesson.recipe.compose() for lesson in todo[known:]])
        found = {name: torch.cat([found[name], part]) for name, part in more.items()} if found else more
        torch.save(found, path)
    return {name: part[: len(todo)] for name, part in found.items()}
