"""Trained probes: logistic regression on a judge's embeddings of audio (scikit-learn)."""

from __future__ import annotations

import torch
from torch import Tensor

from tonescope.models.judges.fitted_calibration import Probe

STRENGTH = 1.0  # C: the inverse of how strongly weights are held down, for embeddings of unit variance
ROUNDS = 2_000
NEVER = -1e4  # the offset of labels that a probe was never shown


def fit_probe(embeddings: Tensor, right: Tensor, labels: int) -> Probe:
    """A probe fitted on embeddings (clips, width) with their true labels (clips,), as indices of ``labels``.

    Clips of rare labels weigh more, so that how many clips there are of a label says nothing about music. Embeddings
    are scaled to unit variance for the fit, and the scale is put into the weights.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = embeddings.mean(0), embeddings.std(0).clamp_min(1e-6)
    model = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, class_weight="balanced")
    model.fit(((embeddings - mean) / scale).double().numpy(), right.numpy())
    fitted = torch.from_numpy(model.coef_).float(), torch.from_numpy(model.intercept_).float()
    coefficients, intercepts = fitted
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes: the log-odds of the second
        coefficients, intercepts = (
            torch.cat([-coefficients, coefficients]) / 2,
            torch.cat([-intercepts, intercepts]) / 2,
        )
    weight = torch.zeros(labels, embeddings.shape[1])
    offset = torch.full((labels,), NEVER)
    places = torch.from_numpy(model.classes_).long()
    weight[places] = coefficients / scale
    offset[places] = intercepts - (coefficients / scale) @ mean
    return Probe(weight, offset)
