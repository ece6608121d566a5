"""Round trips through the codec, and their signal-to-distortion ratio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import EncodecModel

from training import clips, record
from training.tables import fingerprint


def si_sdr(made: Tensor, real: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB, (rows,), of (rows, samples) (Le Roux et al. 2019)."""
    scale = (made * real).sum(-1, keepdim=True) / real.pow(2).sum(-1, keepdim=True).clamp_min(1e-8)
    target = scale * real
    return 10 * torch.log10(target.pow(2).sum(-1) / (made - target).pow(2).sum(-1).clamp_min(1e-8))


@torch.no_grad()
def round_trip(model: EncodecModel, audio: Tensor) -> Tensor:
    """Encode and decode (rows, samples), four rows at a time."""
    made = []
    for rows in audio.split(4):
        codes = model.encode(rows[:, None]).audio_codes
        made.append(model.decode(codes, audio_scales=[None]).audio_values[:, 0, : rows.shape[1]])
    return torch.cat(made)


def reconstructions(folder: Path, source: str, count: int) -> NDArray[np.int16]:
    """The first ``count`` clips of the set ``source`` through the codec, int16 (clips, samples), kept in ``folder``."""
    codec, data = EncodecModel.from_pretrained(folder / "codec").eval(), clips.Clips.open(folder / source)
    path = folder / f"{source}-through-{record.key(codec.state_dict(), data.recipes[:count], fingerprint())}.npy"
    if not path.exists():
        made = []
        for start in range(0, count, 20):
            audio = round_trip(codec, torch.from_numpy(data.batch(range(start, min(start + 20, count)))))
            made.append(np.round(audio.clamp(-1, 1).numpy() * 32767).astype(np.int16))
        np.save(path.with_suffix(".tmp.npy"), np.concatenate(made))
        path.with_suffix(".tmp.npy").replace(path)
    return np.asarray(np.load(path, mmap_mode="r"))
