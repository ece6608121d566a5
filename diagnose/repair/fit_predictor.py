"""Fitting a genre predictor on takes that were played and heard: the Parquet shards of any report on the same models.

Cross-validated by prompt: whatever is told of its accuracy was predicted by a fit that had not seen the prompt, with a
strength and a temperature that were chosen on the prompts of the other folds. Wordings are shared between folds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import torch
from numpy.typing import NDArray

from tonescope.diagnose.judging.intent import read_intent
from tonescope.diagnose.repair.genre_predictor import GenrePredictor, PredictorRecord, pooled
from tonescope.diagnose.stats import share
from tonescope.diagnose.store.take_shards import TakeShards, database, parquet
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.judges.judge import Judge

Floats = NDArray[np.float64]

FOLDS = 5
FEWEST_PROMPTS = 40
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)  # C of the regression; the best held out is kept
UNHEARD = -6.0  # nats below the rarest: the bias of a label that was never heard
BINS = 10  # of the calibration error
READ_AT_ONCE = 64
TEMPERATURES = (0.2, 8.0)

HeardCounts = Mapping[str, Mapping[str, int]]
"""By prompt, how many takes were heard as each label."""


def counts_in(shards: TakeShards) -> dict[str, dict[str, int]]:
    """What was heard of every prompt in all shards of a setting; takes without usable sound do not count."""
    files = shards.files()
    if not files:
        return {}
    with database() as opened:
        rows = opened.execute(
            f"SELECT prompt, heard, count(DISTINCT seed) FROM {parquet(files)} "
            "WHERE problem IS NULL GROUP BY prompt, heard ORDER BY prompt, heard"
        ).fetchall()
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for prompt, heard, takes in rows:
        found[prompt][heard] = int(takes)
    return dict(found)


@dataclass(frozen=True)
class Examples:
    """Prompts with what was heard of them.

    Attributes:
        prompts: each once.
        states: (prompts, width), standardized by ``centre`` and ``scale`` (width,).
        counts: takes by prompt and label (prompts, labels).
    """

    prompts: tuple[str, ...]
    states: Floats
    counts: Floats
    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, generator: Generator, heard: HeardCounts, labels: Sequence[str], seconds: float) -> Examples:
        """Read the prompts and count. Prompts that the generator cannot read are left out."""
        prompts = tuple(prompt for prompt in heard if sum(heard[prompt].values()))
        parts = [
            pooled(generator, prompts[at : at + READ_AT_ONCE], seconds) for at in range(0, len(prompts), READ_AT_ONCE)
        ]
        states = torch.cat(parts).double().numpy() if parts else np.zeros((0, 1))
        counts = np.array([[heard[prompt].get(label, 0) for label in labels] for prompt in prompts], dtype=float)
        centre = states.mean(0) if len(states) else np.zeros(1)
        scale = states.std(0) + 1e-6 if len(states) else np.ones(1)
        return cls(prompts, (states - centre) / scale, counts, centre, scale)


def fit(
    generator: Generator,
    judge: Judge,
    taxonomy: Taxonomy,
    heard: HeardCounts,
    *,
    seconds: float,
    guidance: float,
    advance: Callable[[float], None] = lambda share: None,
) -> GenrePredictor:
    """Fit a predictor and measure it.

    Args:
        heard: takes by prompt and label.
        seconds, guidance: how they were played, for the record.

    Raises:
        TonescopeError: there are too few prompts, or one genre was heard in all of them.
    """
    labels = tuple(judge.labels)
    known = set(labels)
    heard = {prompt: {label: n for label, n in row.items() if label in known} for prompt, row in heard.items()}
    examples = Examples.of(generator, heard, labels, seconds)
    if len(examples.prompts) < FEWEST_PROMPTS:
        raise TonescopeError(
            f"a predictor cannot be fitted on {len(examples.prompts)} prompts; {FEWEST_PROMPTS} are the fewest: play "
            "more with tonescope predictor --prompts 300."
        )
    if int((examples.counts.sum(0) > 0).sum()) < 2:
        raise TonescopeError(
            "every take is heard as one genre, so there is nothing to predict; listen to a few takes, or name another "
            "judge with --judge."
        )
    folds = _folds(examples.prompts)
    tried = []
    for number, strength in enumerate(STRENGTHS):
        tried.append(_held_out(examples, folds, strength))
        advance((number + 1) / (len(STRENGTHS) + 1))
    best = _best(tried, examples.counts)
    temperature = _temperature(tried[best], examples.counts)
    logits = _honest(tried, examples.counts, folds)
    weight, bias = _regression(examples.states, examples.counts, STRENGTHS[best])
    weight = weight / examples.scale
    bias = bias - weight @ examples.centre
    advance(1.0)
    record = PredictorRecord(
        made=date.today().isoformat(),
        generator=generator.fingerprint(),
        judge=judge.fingerprint(),
        judge_name=judge.name,
        labels=labels,
        prompts=len(examples.prompts),
        takes=int(examples.counts.sum()),
        accuracy=share(_right(logits.argmax(1), examples.counts), len(examples.prompts)),
        baseline_accuracy=share(_right(_named(examples, judge, taxonomy), examples.counts), len(examples.prompts)),
        calibration_error=round(_calibration_error(logits, examples.counts), 4),
        log_loss=round(_loss(logits, examples.counts, 1.0), 4),
        base_log_loss=round(_base_loss(examples.counts, folds), 4),
        temperature=round(temperature, 4),
        seconds=seconds,
        guidance=guidance,
    )
    return GenrePredictor(torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), record)


def _best(tried: Sequence[Floats], counts: Floats) -> int:
    """Which strength loses least."""
    return int(np.argmin([_loss(logits, counts, 1.0) for logits in tried]))


def _honest(tried: Sequence[Floats], counts: Floats, folds: NDArray[np.int64]) -> Floats:
    """Held-out logits (prompts, labels), of each fold with the strength and divided by the temperature that are best
    for the others, so that nothing that is told of them was chosen by them."""
    found = np.zeros_like(counts)
    for fold in range(FOLDS):
        others, here = folds != fold, folds == fold
        best = _best([logits[others] for logits in tried], counts[others])
        found[here] = tried[best][here] / _temperature(tried[best][others], counts[others])
    return found


def _folds(prompts: Sequence[str]) -> NDArray[np.int64]:
    """The fold of each prompt (prompts,): a shuffle that is always the same."""
    order = np.random.default_rng(0).permutation(len(prompts))
    folds = np.empty(len(prompts), dtype=np.int64)
    folds[order] = np.arange(len(prompts)) % FOLDS
    return folds


def _held_out(examples: Examples, folds: NDArray[np.int64], strength: float) -> Floats:
    """Logits of every prompt by a fit on the other folds (prompts, labels)."""
    logits = np.zeros_like(examples.counts)
    for fold in range(FOLDS):
        inside, outside = folds != fold, folds == fold
        weight, bias = _regression(examples.states[inside], examples.counts[inside], strength)
        logits[outside] = examples.states[outside] @ weight.T + bias
    return logits


def _regression(states: Floats, counts: Floats, strength: float) -> tuple[Floats, Floats]:
    """Weight (labels, width) and bias (labels,); a take is an example, and prompts count alike."""
    from sklearn.linear_model import LogisticRegression

    rows, columns = np.nonzero(counts)
    importance = counts[rows, columns] / counts.sum(1)[rows]
    weight, bias = np.zeros((counts.shape[1], states.shape[1])), np.full(counts.shape[1], UNHEARD)
    present = np.unique(columns)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
    model.fit(states[rows], columns, sample_weight=importance)
    coefficients, offsets = model.coef_, model.intercept_
    if len(present) == 2:  # one row then says how much likelier the second is
        coefficients, offsets = np.vstack([-coefficients, coefficients]) / 2, np.array([-offsets[0], offsets[0]]) / 2
    weight[model.classes_], bias[model.classes_] = coefficients, offsets
    bias[np.setdiff1d(np.arange(len(bias)), present)] = offsets.min() + UNHEARD
    return weight, bias


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _loss(logits: Floats, counts: Floats, temperature: float) -> float:
    """Nats a take."""
    return float(-(counts * _log_softmax(logits / temperature)).sum() / counts.sum())


def _base_loss(counts: Floats, folds: NDArray[np.int64]) -> float:
    """Nats a take of the shares of genres in the other folds, with one take more of each."""
    total = 0.0
    for fold in range(FOLDS):
        shares = counts[folds != fold].sum(0) + 1
        total -= float((counts[folds == fold] * np.log(shares / shares.sum())).sum())
    return total / float(counts.sum())


def _temperature(logits: Floats, counts: Floats) -> float:
    """The one at which held-out predictions lose least (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda logarithm: _loss(logits, counts, float(np.exp(logarithm))), bounds=(low, high), method="bounded"
    )
    return float(np.exp(found.x))


def _calibration_error(logits: Floats, counts: Floats) -> float:
    """Expected calibration error of the likeliest label over takes (Naeini et al. 2015)."""
    sure = np.exp(_log_softmax(logits))
    best = sure.argmax(1)
    confidence, rows = sure.max(1), np.arange(len(counts))
    takes, right = counts.sum(1), counts[rows, best]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    error = 0.0
    for number in np.unique(bins):
        here = bins == number
        error += abs(float(right[here].sum() - (confidence * takes)[here].sum()))
    return error / float(takes.sum())


def _right(predicted: NDArray[np.int64], counts: Floats) -> int:
    """Of how many prompts no label is heard more often than the predicted one."""
    return int((counts[np.arange(len(counts)), predicted] == counts.max(1)).sum())


def _named(examples: Examples, judge: Judge, taxonomy: Taxonomy) -> NDArray[np.int64]:
    """The label that each prompt names; where it names none, the one that is heard most in all."""
    labels, usual = tuple(judge.labels), int(examples.counts.sum(0).argmax())
    found = []
    for prompt in examples.prompts:
        intent = read_intent(prompt, judge, taxonomy)
        named = intent.label if intent.how in ("named", "nearest") else None
        found.append(labels.index(named) if named else usual)
    return np.array(found, dtype=np.int64)


def most_heard(heard: Mapping[str, int]) -> str:
    """The label of most takes."""
    return Counter(heard).most_common(1)[0][0]
