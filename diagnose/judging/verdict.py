"""What was heard, and whether the difference from what was asked is the generator's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.stats import Share, share
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.judges.judge import Judge

Kind = Literal["match", "partial drift", "sibling drift", "family drift", "unclear", "open"]
UNMEASURED_ERROR = 0.1  # what is assumed of a judge that was never measured; the verdict says so
UNSURE = "no clear genre"
FEWEST_TAKES = 3  # fewer cannot show what most takes do
SURE_ENOUGH = 0.4  # below this a take counts as heard without a clear genre


class Heard(BaseModel):
    """What the judge heard over all takes.

    ``counts`` are the takes heard as each label, ``unsure`` those without a clear genre; ``label`` is heard most,
    in a ``share`` of all takes.
    """

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


# --- what is heard ----------------------------------------------------------------------------------------------------


def sure_enough(judge: Judge) -> float:
    """How probable a label has to be for a take to be clearly heard as it: as the judge's calibration says."""
    measured = judge.record.threshold if judge.record else None
    return SURE_ENOUGH if measured is None else measured


def hear(posterior: Tensor, labels: tuple[str, ...], enough: float = SURE_ENOUGH) -> list[str]:
    """What each take is heard as, of (takes, labels); :data:`UNSURE` where no label is probable ``enough``
    (:func:`sure_enough`)."""
    best = posterior.max(-1)
    return [
        labels[index] if value >= enough else UNSURE
        for value, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def summary(posterior: Tensor, labels: tuple[str, ...], taxonomy: Taxonomy, enough: float = SURE_ENOUGH) -> Heard:
    """What is heard over all takes with these probabilities (takes, labels); see :func:`hear`."""
    counts, mean = Counter(hear(posterior, labels, enough)), posterior.mean(0)
    unsure = counts.pop(UNSURE, 0)

    def rank(label: str) -> tuple[int, float]:
        return counts[label], float(mean[labels.index(label)])

    label = max(counts or labels, key=rank)
    return Heard(
        label=label,
        family=taxonomy.family(label),
        share=share(counts[label], len(posterior)),
        mean_probability=float(mean[labels.index(label)]),
        counts=dict(counts.most_common()),
        unsure=unsure,
    )


def heard_instead(intent: Intent, heard: Heard) -> str | None:
    """The genre that most of the takes that missed are heard as."""
    return next((label for label in heard.counts if label != intent.label), None)


def judge_error(record: ConfusionRecord | None, label: str) -> Share | None:
    """How often a judge itself mishears reconstructed clips of a genre, where its ``record`` measured that."""
    misses = record.misses(label) if record else None
    return share(*misses) if misses else None


# --- what follows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Case:
    """What was asked and heard, with what the rules of :data:`_RULES` ask about it."""

    asked: str
    heard: Heard
    error: Share | None
    sibling: bool

    @property
    def total(self) -> int:
        return self.heard.share.total

    @cached_property
    def matched(self) -> Share:
        return share(self.heard.counts.get(self.asked, 0), self.total)

    @cached_property
    def clear(self) -> bool:
        """Whether the misses cannot be the judge's own. Takes that are heard as nothing clear are no misses: the
        judge's own record knows no such answer."""
        misses = share(sum(self.heard.counts.values()) - self.matched.count, self.total)
        return misses.low > (self.error.high if self.error else UNMEASURED_ERROR)

    @property
    def drifted(self) -> bool:
        """Whether most takes are heard as one other genre."""
        return self.clear and self.heard.label != self.asked and self.heard.share.count * 2 > self.total

    # In words.

    @property
    def unmeasured(self) -> str:
        return "" if self.error else " The judge’s own errors were not measured, so this may be its mistake."

    @property
    def none_as_asked(self) -> str:
        return "" if self.matched.count else f" None of them is {self.asked}."

    @property
    def own_error(self) -> str:
        if self.error is None:
            return "the judge’s own errors were not measured"
        return f"the judge itself mishears {self.error.count} of {self.error.total} clips of {self.asked}"

    @property
    def mostly(self) -> str:
        return f"{self.matched.count} of {self.total} takes are heard as {self.asked} ({_percent(self.matched)})"

    @property
    def rest(self) -> str:
        return _spread(self.heard, without=self.asked)

    @property
    def drift(self) -> str:
        heard, related = self.heard, ", a close relative" if self.sibling else ""
        return (
            f"{heard.share.count} of {self.total} takes are heard as {heard.label}{related} ({_percent(heard.share)})"
        )


@dataclass(frozen=True)
class _Rule:
    """A verdict, when it holds, and how its sentence goes on after "You asked for …"."""

    kind: Kind
    holds: Callable[[_Case], bool]
    sentence: Callable[[_Case], str]


# The first rule that holds gives the verdict.
_RULES = (
    _Rule(
        "unclear",
        lambda case: case.total < FEWEST_TAKES,
        lambda case: f"; {_spread(case.heard)}, but fewer than {FEWEST_TAKES} takes show nothing: make more.",
    ),
    _Rule(
        "sibling drift",
        lambda case: case.drifted and case.sibling,
        lambda case: f"; {case.drift}.{case.unmeasured}",
    ),
    _Rule(
        "family drift",
        lambda case: case.drifted,
        lambda case: f"; {case.drift}.{case.unmeasured}",
    ),
    _Rule(
        "partial drift",
        lambda case: case.clear and case.matched.count * 2 >= case.total,
        lambda case: f" and got it in part: {case.mostly}; the rest as {case.rest}.{case.unmeasured}",
    ),
    _Rule(
        "match",
        lambda case: case.matched.count == case.total,
        lambda case: f" and got it: {case.mostly}.",
    ),
    _Rule(
        "match",
        lambda case: case.matched.count * 2 > case.total,
        lambda case: f" and got it: {case.mostly}; the rest as {case.rest}.",
    ),
    _Rule(
        "unclear",
        lambda case: case.clear,
        lambda case: f", and no one genre came: {_sized(case.heard)}.{case.none_as_asked}{case.unmeasured}",
    ),
    _Rule(
        "unclear",
        lambda case: True,
        lambda case: (
            f"; what came is unclear: {_sized(case.heard)}. The misses may be the judge’s own ({case.own_error})."
        ),
    ),
)


def decide(intent: Intent, heard: Heard, record: ConfusionRecord | None, taxonomy: Taxonomy) -> Verdict:
    """The verdict, by a judge that mishears known clips as its ``record`` says.

    A drift is reported only when the misses cannot be the judge's own: the lower end of their interval lies above the
    upper end of the judge's measured error (or, unmeasured, above :data:`UNMEASURED_ERROR`, and the sentence says so).
    """
    if intent.label is None:
        sentence = f"{intent.why_open}; what is heard is {_sized(heard)}."
        return Verdict(kind="open", sentence=sentence, matched=None, judge_error=None)
    sibling = taxonomy.family(intent.label) == heard.family
    case = _Case(intent.label, heard, judge_error(record, intent.label), sibling)
    rule = next(rule for rule in _RULES if rule.holds(case))
    return Verdict(
        kind=rule.kind,
        sentence=f"You asked for {intent.asked}{rule.sentence(case)}",
        matched=case.matched,
        judge_error=case.error,
    )


def withhold(verdict: Verdict, judge: Judge, generator: str) -> Verdict:
    """The verdict of a judge that knows another sound world than that of the generator of this name: none."""
    sentence = f"No verdict: the judge {judge.name} knows only {judge.domain}, which {generator} was not made for."
    return verdict.model_copy(update={"kind": "unclear", "sentence": sentence})


def _percent(value: Share) -> str:
    shares = (
        f"{100 * value.low:.0f}–{100 * value.high:.0f}"
        if value.count < value.total
        else f"at least {100 * value.low:.0f}"
    )
    return f"of many takes {shares} % would be, with 95 % confidence"


def _sized(heard: Heard) -> str:
    """What is heard, with the interval of what is heard most."""
    return f"{_spread(heard)} ({heard.label}: {_percent(heard.share)})" if heard.counts else _spread(heard)


def _spread(heard: Heard, without: str | None = None) -> str:
    total = heard.share.total
    parts = [f"{label} in {count} of {total} takes" for label, count in heard.counts.items() if label != without]
    if heard.unsure:
        parts.append(f"{UNSURE} in {heard.unsure}")
    return ", ".join(parts) or UNSURE
