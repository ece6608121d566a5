"""From what is heard to the verdict and the contrast that a job is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.jobs.request import Models
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.judge_agreement import Agreement, judge_agreement
from tonescope.diagnose.judging.told_calibration import told_calibration
from tonescope.diagnose.judging.verdict import (
    Heard,
    Verdict,
    decide,
    hear,
    heard_instead,
    summary,
    sure_enough,
    withhold,
)
from tonescope.diagnose.schema import Contrast
from tonescope.models.judges.listening import posterior


def judged(intent: Intent, heard_as: Tensor, models: Models, foil: str | None) -> tuple[Heard, Verdict, Contrast]:
    """What is heard, by (takes, labels) probabilities, the verdict, and the contrast that follows from it."""
    heard = summary(heard_as, models.judge.labels, models.taxonomy, sure_enough(models.judge))
    verdict = decide(intent, heard, models.judge.record, models.taxonomy)
    if foreign(models):
        verdict = withhold(verdict, models.judge, models.generator.name)
    return heard, verdict, choose_contrast(intent, heard, verdict, foil)


def compared(waveform: Tensor, rate: int, heard_as: Tensor, seeds: Sequence[int], models: Models) -> Agreement | None:
    """How far a second judge hears the same in takes (takes, samples), of which the first hears ``heard_as``; ``None``
    where none listens."""
    second, first = models.second, models.judge
    if second is None:
        return None
    one = hear(heard_as, first.labels, sure_enough(first))
    other = hear(posterior(second, waveform, rate), second.labels, sure_enough(second))
    apart = [(str(seed), a, b) for seed, a, b in zip(seeds, one, other, strict=True) if a != b]
    found = judge_agreement((first.name, second.name), Counter(zip(one, other, strict=True)), "take", apart)
    about = f"{second.name}: {second.description}, {told_calibration(second)}."
    return found and found.model_copy(update={"about_second": about})


def choose_contrast(intent: Intent, heard: Heard, verdict: Verdict, foil: str | None) -> Contrast:
    """Why what is heard (or, in a partial drift, what the takes that missed are heard as), and not what the user
    names, or what was asked, or (where they agree) anything else?"""
    label, asked = heard.label, intent.label
    if verdict.kind == "partial drift":
        label = heard_instead(intent, heard) or label
    for other in (foil, asked):
        if other and other != label:
            return Contrast(target=label, foil=other)
    return Contrast(target=label)
