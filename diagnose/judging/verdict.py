"""What was asked, what was heard, and whether the difference is the generator's: intent and verdict."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.stats import Share, share
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.clap import Judge

Kind = Literal["match", "partial drift", "sibling drift", "family drift", "unclear", "open"]
UNMEASURED_ERROR = 0.1  # what is assumed of a judge that was never measured; the verdict says so
UNSURE = "no clear genre"
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
    named = list(dict.fromkeys(label for label in taxonomy.asked_in(prompt) if label in judge.labels))
    if named:
        return Intent(label=named[0], how="named", confidence=1.0, others=named[1:])
    posterior = torch.softmax(judge.scores(judge.embed_text([prompt])), dim=-1)[0]
    best = int(posterior.argmax())
    refused = {label for label, _, _ in taxonomy.named_in(prompt)}  # named, and yet not asked for
    if float(posterior[best]) >= judge.calibration.meaning and judge.labels[best] not in refused:
        return Intent(label=judge.labels[best], how="meaning", confidence=float(posterior[best]))
    return Intent(label=None, how="none", confidence=float(posterior[best]))


def hear(posterior: Tensor, labels: tuple[str, ...]) -> list[str]:
    """What each take (takes, labels) is heard as; :data:`UNSURE` where no genre reaches :data:`SURE_ENOUGH`."""
    best = posterior.max(-1)
    return [
        labels[index] if value >= SURE_ENOUGH else UNSURE
        for value, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def listen(posterior: Tensor, labels: tuple[str, ...], taxonomy: Taxonomy) -> Heard:
    """Sum up what was heard in takes with these probabilities (takes, labels)."""
    counts, mean = Counter(hear(posterior, labels)), posterior.mean(0)
    unsure = counts.pop(UNSURE, 0)
    label = (
        max(counts, key=lambda name: (counts[name], float(mean[labels.index(name)])))
        if counts
        else labels[int(mean.argmax())]
    )
    return Heard(
        label=label,
        family=taxonomy.family(label),
        share=share(counts[label], len(posterior)),
        mean_probability=float(mean[labels.index(label)]),
        counts=dict(counts.most_common()),
        unsure=unsure,
    )


def judge_error(judge: Judge, label: str) -> Share | None:
    """How often the judge itself mishears reconstructed clips of a genre, where that was measured."""
    if judge.record is None or label not in judge.record.labels:
        return None
    row = judge.record.reconstructed[judge.record.labels.index(label)]
    return share(sum(row) - row[judge.record.labels.index(label)], sum(row))


def decide(intent: Intent, heard: Heard, judge: Judge, taxonomy: Taxonomy) -> Verdict:
    """The verdict.

    A drift is reported only when the misses cannot be the judge's own: the lower end of their interval lies above the upper end of
    the judge's measured error (or, unmeasured, above :data:`UNMEASURED_ERROR`, and the sentence says so).
    """
    total = heard.share.total
    if intent.label is None:
        sentence = f"The prompt names no genre; what is heard is {_sized(heard)}."
        return Verdict(kind="open", sentence=sentence, matched=None, judge_error=None)
    asked, error = intent.label, judge_error(judge, intent.label)
    matched = share(heard.counts.get(asked, 0), total)
    # Takes that are heard as nothing clear are no misses: the judge's own record knows no such answer.
    misses = share(sum(heard.counts.values()) - matched.count, total)
    unmeasured = "" if error else " The judge’s own errors were not measured, so this may be its mistake."

    def verdict(kind: Kind, sentence: str) -> Verdict:
        return Verdict(kind=kind, sentence=f"You asked for {asked}{sentence}", matched=matched, judge_error=error)

    if total < FEWEST_TAKES:
        return verdict(
            "unclear", f"; {_spread(heard, total)}, but fewer than {FEWEST_TAKES} takes show nothing: make more."
        )
    clear = misses.low > (error.high if error else UNMEASURED_ERROR)
    mostly = f"{matched.count} of {total} takes are heard as {asked} ({_percent(matched)})"
    rest = _spread(heard, total, without=asked)
    if clear and heard.label != asked and heard.share.count * 2 > total:
        sibling = taxonomy.family(asked) == heard.family
        relation = "its sibling " if sibling else ""
        sentence = f"; {heard.share.count} of {total} takes are heard as {relation}{heard.label} ({_percent(heard.share)}).{unmeasured}"
        return verdict("sibling drift" if sibling else "family drift", sentence)
    if clear and matched.count * 2 >= total:
        return verdict("partial drift", f" and got it in part: {mostly}; the rest as {rest}.{unmeasured}")
    if matched.count * 2 > total:
        return verdict("match", f" and got it: {mostly}" + (f"; the rest as {rest}." if matched.count < total else "."))
    if clear:
        return verdict("unclear", f", and no one genre came: {_sized(heard)}.{unmeasured}")
    own = (
        f"the judge itself mishears {error.count} of {error.total} clips of {asked}"
        if error
        else "the judge’s own errors were not measured"
    )
    return verdict("unclear", f"; what came is unclear: {_sized(heard)}. The misses may be the judge’s own ({own}).")


def withheld(verdict: Verdict, judge: str, domain: str, generator: str) -> Verdict:
    """The verdict of a judge that knows another sound world than the generator's: none."""
    sentence = f"No verdict: the judge {judge} knows only {domain}, which {generator} was not made for."
    return verdict.model_copy(update={"kind": "unclear", "sentence": sentence})


def strayed(intent: Intent, heard: Heard) -> str | None:
    """The genre that most of the takes that missed are heard as."""
    return next((label for label in heard.counts if label != intent.label), None)


def _percent(value: Share) -> str:
    return f"{100 * value.low:.0f}–{100 * value.high:.0f} % of all takes with 95 % confidence"


def _sized(heard: Heard) -> str:
    """What is heard, with the interval of what is heard most."""
    spread = _spread(heard, heard.share.total)
    return f"{spread} ({heard.label}: {_percent(heard.share)})" if heard.counts else spread


def _spread(heard: Heard, total: int, without: str | None = None) -> str:
    parts = [f"{label} in {count} of {total} takes" for label, count in heard.counts.items() if label != without]
    if heard.unsure:
        parts.append(f"no clear genre in {heard.unsure}")
    return ", ".join(parts) or "no clear genre"
