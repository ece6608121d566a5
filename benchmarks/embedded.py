"""The embedded models, as benchmarks of what is found out use them."""

from __future__ import annotations

import torch

from tonescope.diagnose.context import Context
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.settings import Settings
from tonescope.models.judges import listening

SECONDS = 4.0


def embedded_context() -> Context:
    """The embedded generator and judge, with their mean activations."""
    return Session.open().context(Settings(seconds=SECONDS))


def usual_contrast(context: Context, waveform: torch.Tensor) -> Contrast:
    """Why what most takes (takes, samples) are heard as, and not anything else?"""
    judge = context.listener
    votes = listening.posterior(judge, waveform, context.rate).argmax(1)
    return Contrast(target=judge.labels[int(torch.mode(votes).values)])
