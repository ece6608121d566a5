"""Fitting a judge to clips of known labels: what is fitted on some sources is measured on others.

Bias comes from sound that is of no genre, temperature from the clips, probes from their embeddings. Whatever is said of
the result (calibration error, accuracy, threshold, confusion) was measured on clips that had no part in it: the sources
are dealt into folds, and each fold is heard by what was fitted on the others (cross-fitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.calibrating.probes import fit_probe
from tonescope.diagnose.calibrating.reliability import fit_temperature, loss
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.calibration import Calibration
from tonescope.models.judges.fitted_calibration import Probe

FOLDS = 5
Wish = Literal["auto", "always", "never"]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to fit on, and rows to measure on."""


@dataclass(frozen=True)
class Examples:
    """Clips as a judge hears them. A clip that was heard twice (as it is, and after a codec) is two rows of one source.

    Attributes:
        embeddings: (rows, width).
        similarity: (rows, labels) the judge's own logits, without any calibration.
        right: (rows,) the true labels, as indices.
        sources: what each row is from.
        neutral: (clips, labels) the judge's own logits of sound that is of no genre.
        own: the calibration that the judge was made with.
    """

    embeddings: Tensor
    similarity: Tensor
    right: Tensor
    sources: tuple[str, ...]
    neutral: Tensor
    own: Calibration = field(default_factory=Calibration)

    @property
    def labels(self) -> int:
        """How many labels there are."""
        return int(self.similarity.shape[1])


@dataclass(frozen=True)
class Fit:
    """What was fitted, and what it makes of clips that it was not fitted on.

    Attributes:
        temperature, bias, probe: to be used; fitted on all clips.
        probabilities: (rows, labels) of each row, by what was fitted on other sources.
        folds: how many; 0 where the clips are of one source, so that ``probabilities`` are of the clips fitted on.
        bias_gain: by how much the bias makes held-out clips more probable, in nats; absent where it was not tried.
    """

    temperature: float
    bias: tuple[float, ...]
    probe: Probe | None
    probabilities: Tensor
    folds: int
    bias_gain: float | None = None


def grouped_folds(sources: Sequence[str], most: int = FOLDS) -> list[Fold]:
    """Folds that share no source; none, where all is of one."""
    count = min(most, len(set(sources)))
    if count < 2:
        return []
    from sklearn.model_selection import GroupKFold

    rows = np.arange(len(sources))
    return [
        (fitted, held) for fitted, held in GroupKFold(count, shuffle=True, random_state=0).split(rows, groups=sources)
    ]


def neutral_bias(neutral: Tensor) -> Tensor:
    """(labels,) what each label gets in sound that is of no genre, beyond the mean of all."""
    mean = neutral.double().mean(0)
    return (mean - mean.mean()).float()


@dataclass(frozen=True)
class FitOptions:
    """What is to be fitted.

    Attributes:
        bias: whether what labels get in neutral sound is subtracted: where that makes held-out clips more probable, or
            in any case; or that bias is kept that the judge was made with.
        temperature: fitted to the clips, or kept as the judge was made with.
        probe: whether a probe on embeddings takes the place of similarities with labels; it has no bias.
    """

    bias: Wish = "auto"
    temperature: Literal["fit", "keep"] = "fit"
    probe: bool = False


def fit(examples: Examples, options: FitOptions) -> Fit:
    """Fit what was asked for.

    Raises:
        TonescopeError: a probe was asked for, and the clips are too few for one.
    """
    folds = grouped_folds(examples.sources)
    fits, own = options.temperature == "fit", examples.own
    if options.probe:
        return _probed(examples, folds, fits)
    plain = _scaled(examples, own.bias, folds, None if fits else own.temperature)
    if options.bias == "never":
        return plain
    bias = tuple(neutral_bias(examples.neutral).tolist())
    unbiased = _scaled(examples, bias, folds, None if fits else own.temperature)
    gain = _held_out_loss(plain, examples.right) - _held_out_loss(unbiased, examples.right)
    chosen = unbiased if options.bias == "always" or gain > 0 else plain
    return replace(chosen, bias_gain=gain)


def _held_out_loss(found: Fit, right: Tensor) -> float:
    return loss(found.probabilities.clamp_min(1e-12).log(), right)


def _scaled(examples: Examples, bias: tuple[float, ...], folds: Sequence[Fold], temperature: float | None) -> Fit:
    """Similarities less a bias, with a temperature: one that is given, or one that is fitted."""
    logits, right = examples.similarity, examples.right
    if bias:
        logits = logits - logits.new_tensor(bias)
    if temperature is not None:
        return Fit(temperature, bias, None, (logits / temperature).softmax(1), len(folds))
    return Fit(fit_temperature(logits, right), bias, None, _cross_fitted(logits, right, folds), len(folds))


def _cross_fitted(logits: Tensor, right: Tensor, folds: Sequence[Fold]) -> Tensor:
    """Probabilities (rows, labels) with the temperature of other sources."""
    if not folds:
        return (logits / fit_temperature(logits, right)).softmax(1)
    found = torch.empty_like(logits)
    for fitted, held in folds:
        found[held] = (logits[held] / fit_temperature(logits[fitted], right[fitted])).softmax(1)
    return found


def _probed(examples: Examples, folds: Sequence[Fold], fits: bool) -> Fit:
    """A probe; its temperature is fitted on logits of clips that the probe of their fold was not fitted on."""
    _check_probe(examples)

    def train(rows: NDArray[np.int64]) -> Probe:
        return fit_probe(examples.embeddings[rows], examples.right[rows], examples.labels)

    held_logits = torch.empty_like(examples.similarity)
    for fitted, held in folds:
        held_logits[held] = train(fitted)(examples.embeddings[held])
    scaled = _scaled(replace(examples, similarity=held_logits), (), folds, None if fits else 1.0)
    return replace(scaled, probe=train(np.arange(len(examples.right))))


def _check_probe(examples: Examples) -> None:
    sources: dict[int, set[str]] = {}
    for label, source in zip(examples.right.tolist(), examples.sources, strict=True):
        sources.setdefault(label, set()).add(source)
    alone = sum(len(names) < 2 for names in sources.values())
    if alone:
        raise TonescopeError(
            f"a probe cannot be tested: {alone} of {len(sources)} labels {'has' if alone == 1 else 'have'} clips of "
            "one source alone, and it is fitted on some sources and measured on others; add clips of more songs, or "
            "leave --probe out."
        )
