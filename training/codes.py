"""The codec's codes of the generator's lessons, computed once on all cores and kept on disk."""

from __future__ import annotations

import logging
import os
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import EncodecModel

from training import record
from training.clips import Recipe
from training.planted import Lesson
from training.tables import fingerprint

log = logging.getLogger(__name__)

_WORKER: dict[str, EncodecModel] = {}


def _ready(codec: Path) -> None:
    """Prepare a worker process: one thread, and its own copy of the codec in the folder ``codec``."""
    torch.set_num_threads(1)
    _WORKER["codec"] = EncodecModel.from_pretrained(codec).eval()


def _encoded(recipe: Recipe) -> NDArray[np.uint16]:
    """Codes (codebooks, frames) of one clip; rendering and encoding it at once keeps its samples in the cache."""
    with torch.no_grad():
        codes = _WORKER["codec"].encode(torch.from_numpy(recipe.render())[None, None]).audio_codes[0, 0]
    return codes.numpy().astype(np.uint16)


def encode_lessons(folder: Path, todo: list[Lesson], name: str) -> NDArray[np.uint16]:
    """Codes of every lesson, (lessons, codebooks, frames), by the codec in ``folder``.

    They are kept in a file of ``folder`` that is called ``name`` and a key of its contents; lessons that it lacks are
    rendered and encoded.
    """
    codec = EncodecModel.from_pretrained(folder / "codec")
    weights = {key: weight for key, weight in codec.state_dict().items() if not key.startswith("decoder.")}
    recipes = [lesson.recipe for lesson in todo]
    path = folder / f"{name}-{record.key(weights, fingerprint(), recipes)}.npy"
    kept = np.load(path) if path.exists() else np.zeros((0, codec.quantizer.num_quantizers, 200), dtype=np.uint16)
    fresh: list[NDArray[np.uint16]] = []

    def save() -> None:
        np.save(path.with_suffix(".tmp.npy"), np.concatenate([kept, np.stack(fresh)]))
        path.with_suffix(".tmp.npy").replace(path)

    if len(kept) < len(todo):
        with get_context("spawn").Pool(os.cpu_count(), _ready, (folder / "codec",)) as pool:
            for count, codes in enumerate(pool.imap(_encoded, recipes[len(kept) :], chunksize=8), start=len(kept) + 1):
                fresh.append(codes)
                if count % 2000 == 0:
                    log.info("%s: %d of %d lessons encoded", name, count, len(todo))
                    save()
        save()
    return np.load(path)[: len(todo)]
