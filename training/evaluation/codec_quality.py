"""What the codec loses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import EncodecModel

from training import clips
from training.classifier import Classifier
from training.evaluation.shares import counted
from training.losses import SpectralLoss
from training.roundtrip import round_trip, si_sdr
from training.tables import genres


def codec_report(codec: EncodecModel, classifiers: dict[str, Classifier], test: clips.Clips) -> dict[str, Any]:
    """What the codec loses on held-out clips.

    The accuracy of ``classifiers`` that never heard a reconstruction, SI-SDR in dB, and the L1 distance of log10-mels.
    """
    audio = torch.from_numpy(test.batch(range(len(test.recipes))))
    made = round_trip(codec, audio)
    names = list(genres())
    right = torch.tensor([names.index(recipe.genre) for recipe in test.recipes])
    report: dict[str, Any] = {"clips": len(test.recipes), "classifiers": {}}
    for classifier in ("clean", "hardened"):
        flags = [classifiers[classifier].answer(sound).genre.argmax(1) == right for sound in (audio, made)]
        before, after = (float(flag.float().mean()) for flag in flags)
        report["classifiers"][classifier] = {
            "clean": counted(flags[0]),
            "reconstructed": counted(flags[1]),
            "points_lost": 100 * (before - after),
        }
    spectral = SpectralLoss()
    distances = [_log_mel_distance(spectral, made[row], audio[row]) for row in range(0, len(test.recipes), 3)]
    return report | {"si_sdr_db": float(si_sdr(made, audio).mean()), "log_mel_l1": float(np.mean(distances))}


def _log_mel_distance(spectral: SpectralLoss, made: Tensor, real: Tensor) -> float:
    mel = spectral.mels[2]
    return float((mel(made).clamp_min(1e-5).log10() - mel(real).clamp_min(1e-5).log10()).abs().mean())
