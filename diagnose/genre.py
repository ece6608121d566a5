"""What was asked, what was heard, and whether the difference is the generator's: intent and verdict."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import torch
from pydantic import BaseModel
from torch import Tensor

from ..models.errors import TonescopeError
from ..models.judge import Judge
from .stats import Share, share
from .taxonomy import Taxonomy

Kind = Literal["match", "sibling drift", "family drift", "unclear", "open"]
CLOSE_ENOUGH = 0.5  # a prompt without a genre name is read as a genre only when the judge's text tower is this sure
FEWEST_TAKES = 3  # fewer cannot show what most takes do
SURE_ENOUGH = 0.4  # below this a take counts as heard without a clear genre


class Intent(BaseModel):
    """The genre a prompt asks for. ``how`` says whether it is named, read from the words' meaning, chosen by the user, or absent."""

    label: str | None
    how: Literal["named", "meaning", "chosen", "none"]
    confidence: float
    others: list[str] = []


class Heard(BaseModel):
    """What the judge heard over all takes."""

    label: str
    family: str
    share: Share
    mean_probability: float
    counts: dict[str, int]
    unsure: int


class Verdict(BaseModel):
    """The finding in one sentence, with the numbers it rests on."""

    kind: Kind
    sentence: str
    matched: Share | None
    judge_error: Share | None


def choose_label(text: str, taxonomy: Taxonomy, labels: tuple[str, ...]) -> str:
    """The judge's label for what a user typed. Raises :class:`TonescopeError` when there is none."""
    label = text if text in labels else taxonomy.find(text)
    if label is None or label not in labels:
        raise TonescopeError(
            f"the judge does not know “{text[:60]}”, so it cannot be compared with it; it knows {', '.join(labels)}."
        )
    return label


def read_intent(prompt: str, judge: Judge, taxonomy: Taxonomy, chosen: str | None = None) -> Intent:
    """Which genre a prompt asks for: by name where there is one, else by meaning where that is clear."""
    if chosen:
        return Intent(label=choose_label(chosen, taxonomy, judge.labels), how="chosen", confidence=1.0)
    named = list(dict.fromkeys(label for label, _, _ in taxonomy.named_in(prompt) if label in judge.labels))
    if named:
        return Intent(label=named[0], how="named", confidence=1.0, others=named[1:])
    posterior = torch.softmax(judge.scores(judge.embed_text([prompt])), dim=-1)[0]
    best = int(posterior.argmax())
    if float(posterior[best]) >= CLOSE_ENOUGH:
        return Intent(label=judge.labels[best], how="meaning", confidence=float(posterior[best]))
    return Intent(label=None, how="none", confidence=float(posterior[best]))


def listen(posterior: Tensor, labels: tuple[str, ...], taxonomy: Taxonomy) -> Heard:
    """Sum up what was heard in takes with these probabilities (takes, labels)."""
    sure = posterior.max(1).values >= SURE_ENOUGH
    heard = [labels[index] for index in posterior.argmax(1).tolist()]
    counts = Counter(label for label, ok in zip(heard, sure.tolist(), strict=True) if ok)
    mean = posterior.mean(0)
    label = (
        max(counts, key=lambda name: (counts[name], float(mean[labels.index(name)])))
        if counts
        else labels[int(mean.argmax())]
    )
    return Heard(
        label=label,
        family=taxonomy.family(label),
        share=share(counts[label], len(heard)),
        mean_probability=float(mean[labels.index(label)]),
        counts=dict(counts.most_common()),
        unsure=int((~sure).sum()),
    )


def judge_error(judge: Judge, label: str) -> Share | None:
    """How often the judge itself mishears reconstructed clips of a genre, where that was measured."""
    if judge.track is None or label not in judge.track.labels:
        return None
    row = judge.track.reconstructed[judge.track.labels.index(label)]
    return share(sum(row) - row[judge.track.labels.index(label)], sum(row))


def decide(intent: Intent, heard: Heard, judge: Judge, taxonomy: Taxonomy) -> Verdict:
    """The verdict.

    A drift is reported only when most takes are heard as one other genre and the misses cannot be the judge's own: the lower end of
    their interval lies above the upper end of the judge's measured error (or, unmeasured, above one in ten).
    """
    total = heard.share.total
    if intent.label is None:
        return Verdict(
            kind="open",
            sentence=f"The prompt names no genre; what is heard is {_spread(heard, total)}.",
            matched=None,
            judge_error=None,
        )
    asked, error = intent.label, judge_error(judge, intent.label)
    matched = share(heard.counts.get(asked, 0), total)
    misses = share(total - matched.count, total)
    real = total >= FEWEST_TAKES and misses.low > (error.high if error else 0.1)
    if heard.label != asked and heard.share.count * 2 > total and real:
        sibling = taxonomy.family(asked) == heard.family
        relation = "its sibling " if sibling else ""
        sentence = f"You asked for {asked}; {heard.share.count} of {total} takes are heard as {relation}{heard.label} ({_percent(heard.share)})."
        return Verdict(
            kind="sibling drift" if sibling else "family drift", sentence=sentence, matched=matched, judge_error=error
        )
    if matched.count * 2 > total:
        rest = f"; the rest as {_spread(heard, total, without=asked)}" if matched.count < total else ""
        clause = f"{matched.count} of {total} takes are heard as {asked} ({_percent(matched)}){rest}"
        return Verdict(
            kind="match", sentence=f"You asked for {asked} and got it: {clause}.", matched=matched, judge_error=error
        )
    return Verdict(
        kind="unclear",
        sentence=f"You asked for {asked}; it is unclear what came: {_spread(heard, total)}.",
        matched=matched,
        judge_error=error,
    )


def _percent(value: Share) -> str:
    return f"{100 * value.low:.0f}–{100 * value.high:.0f} % of all takes with 95 % confidence"


def _spread(heard: Heard, total: int, without: str | None = None) -> str:
    parts = [f"{label} in {count} of {total} takes" for label, count in heard.counts.items() if label != without]
    if heard.unsure:
        parts.append(f"no clear genre in {heard.unsure}")
    return ", ".join(parts) or "no clear genre"
