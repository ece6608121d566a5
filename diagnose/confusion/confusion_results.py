"""From counts of takes to the rows of a confusion report: genres, pairs, attractors, corrected for the judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tonescope.diagnose.confusion.confusion_schema import (
    AttractorRow,
    ConfusedPair,
    CorrectedShare,
    GenreRow,
    JudgeCorrection,
    Relation,
)
from tonescope.diagnose.genre_statistics import attractors, confused_pairs
from tonescope.diagnose.genre_statistics.confused_pairs import fisher
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts, Counts
from tonescope.diagnose.genre_statistics.corrected_verdicts import CorrectedKind, corrected_verdict
from tonescope.diagnose.genre_statistics.judge_correction import (
    Corrected,
    clip_counts,
    condition,
    corrected,
    places_in_question,
    why_too_poor,
)
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.jobs.request import Models
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.verdict import (
    UNMEASURED_ERROR,
    Heard,
    decide,
    heard_instead,
    judge_error,
    withhold,
)
from tonescope.diagnose.stats import BELIEVED, Interval, Share, adjusted, share
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.judges.judge import Judge


@dataclass(frozen=True)
class Genre:
    """A genre that is asked for: the judge's label, the name that the prompts have, and the prompts."""

    label: str
    typed: str
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """Who heard takes: a judge with its genres; the name of the ``generator`` that played them; whether it is
    ``foreign`` to the judge, so that nothing is claimed."""

    judge: Judge
    taxonomy: Taxonomy
    generator: str
    foreign: bool = False

    @classmethod
    def of(cls, models: Models) -> Listener:
        """The judge of these models."""
        return cls(models.judge, models.taxonomy, models.generator.name, foreign(models))


@dataclass(frozen=True)
class Results:
    """What follows from counts.

    Attributes:
        counts: takes by genre asked for and heard.
        problems: takes that were left out, by genre asked for and reason.
        listener: who heard them.
        record: how often the judge mishears known clips, where that was measured.
        clips: the same in the order of the counts' labels; ``right``, the counts corrected for it, where it can be
            inverted.
        correction: whether it can, and what that rests on.
    """

    counts: ConfusionCounts
    problems: Mapping[tuple[str, str], int]
    listener: Listener
    record: ConfusionRecord | None
    clips: Counts | None
    right: Corrected | None
    correction: JudgeCorrection

    @classmethod
    def of(
        cls,
        counts: ConfusionCounts,
        problems: Mapping[tuple[str, str], int],
        listener: Listener,
        record: ConfusionRecord | None = None,
    ) -> Results:
        """Correct the counts, where that can be: for the judge's own ``record``, if no other is given."""
        record = record or listener.judge.record
        clips = clip_counts(record, counts.labels)
        if clips is None:
            poor = why_too_poor(clips, counts.labels)
            return cls(counts, problems, listener, record, clips, None, JudgeCorrection(used=False, reason=poor))
        places = places_in_question(counts, clips)
        known = clips[np.ix_(places, places)]
        if poor := why_too_poor(known, tuple(counts.labels[place] for place in places)):
            return cls(counts, problems, listener, record, clips, None, JudgeCorrection(used=False, reason=poor))
        rests_on = JudgeCorrection(
            used=True,
            condition=condition(known),
            fewest_clips=int(known.sum(1).min()),
            unmeasured=len(counts.labels) - len(places),
        )
        families = [listener.taxonomy.family(counts.labels[place]) for place in places]
        right = corrected(counts.heard[:, places], known, families=families)
        return cls(counts, problems, listener, record, clips, right.among(places, len(counts.labels)), rests_on)

    def genre(self, genre: Genre) -> GenreRow:
        """What came of a genre. The verdict is that which a diagnosis of the same takes gives."""
        counts, taxonomy, judge, label = self.counts, self.listener.taxonomy, self.listener.judge, genre.label
        place, heard_as = counts.asked.index(label), counts.by_label(label)
        total, most = int(counts.totals[place]), next(iter(heard_as), label)
        matched = share(heard_as.get(most, 0), total)
        heard = Heard(
            label=most,
            family=taxonomy.family(most),
            share=matched,
            mean_probability=matched.value,
            counts=heard_as,
            unsure=int(counts.unsure[place]),
        )
        intent = Intent(label=label, how="chosen", confidence=1.0)
        verdict, instead = decide(intent, heard, self.record, taxonomy), heard_instead(intent, heard)
        if self.listener.foreign:
            verdict = withhold(verdict, judge, self.listener.generator)
        return GenreRow(
            asked=label,
            typed=genre.typed,
            family=taxonomy.family(label),
            prompts=list(genre.prompts),
            heard=heard_as,
            unsure=heard.unsure,
            excluded={why: count for (asked, why), count in self.problems.items() if asked == label},
            matched=counts.share(label, label),
            corrected=self._corrected(label, label),
            corrected_family=self._corrected(label, label, of_family=True),
            corrected_verdict=self._corrected_verdict(label),
            verdict=verdict.kind,
            sentence=verdict.sentence,
            instead=instead,
            relation=self._relation(label, instead) if instead else None,
            judge_error=judge_error(self.record, label),
        )

    def pairs(self) -> list[ConfusedPair]:
        """Every pair that takes fell into, the surest first; a judge of another domain makes none sure."""
        usable = not self.listener.foreign
        return [
            ConfusedPair(
                asked=pair.asked,
                heard=pair.heard,
                relation=self._relation(pair.asked, pair.heard),
                share=share(pair.count, pair.total),
                corrected=self._corrected(pair.asked, pair.heard),
                judge=share(pair.clips, pair.of_clips) if pair.of_clips else None,
                p=pair.p,
                q=pair.q,
                flagged=pair.flagged and usable,
            )
            for pair in confused_pairs.confused_pairs(self.counts, self.clips, UNMEASURED_ERROR)
        ]

    def attractors(self) -> list[AttractorRow]:
        """Every label that is heard where it was not asked for, the strongest first.

        It is sure where more takes go there than chance deals there, and more than the judge itself mishears so.
        """
        usable, every = not self.listener.foreign, attractors.attractors(self.counts)
        judged = [self._judge_draws(found.label) for found in every]
        ps = [
            fisher(found.count, found.total, own.count, own.total) if own else None
            for found, own in zip(every, judged, strict=True)
        ]
        rows = []
        for found, own, judge_q in zip(every, judged, adjusted(ps), strict=True):
            draws = found.q < BELIEVED and found.genres > 1 and usable
            rows.append(
                AttractorRow(
                    label=found.label,
                    share=share(found.count, found.total),
                    interval=Interval(low=found.low, high=found.high),
                    genres=found.genres,
                    chance=found.chance,
                    judge=own,
                    judge_q=judge_q,
                    p=found.p,
                    q=found.q,
                    sure=draws and judge_q is not None and judge_q < BELIEVED,
                    doubt=_doubt(own, judge_q) if draws else "",
                )
            )
        return rows

    def _judge_draws(self, label: str) -> Share | None:
        """How often the judge hears a label in known clips of the others that were asked for."""
        if self.clips is None:
            return None
        column = self.counts.labels.index(label)
        clips = self.clips[[row for row in self.counts.diagonal if row != column]]
        return share(int(clips[:, column].sum()), int(clips.sum())) if clips.any() else None

    def _relation(self, asked: str, heard: str) -> Relation:
        family = self.listener.taxonomy.family
        return "sibling" if family(asked) == family(heard) else "family"

    def _corrected(self, asked: str, heard: str, of_family: bool = False) -> CorrectedShare | None:
        """The share of a label, or of its whole family; none by a judge of another domain, whose record is of that."""
        row, column = self.counts.asked.index(asked), self.counts.labels.index(heard)
        if self.right is None or self.listener.foreign:
            return None
        found = self.right.families if of_family else self.right
        if np.isnan(found.shares[row, column]):
            return None
        interval = Interval(low=float(found.low[row, column]), high=float(found.high[row, column]))
        return CorrectedShare(value=float(found.shares[row, column]), interval=interval)

    def _corrected_verdict(self, asked: str) -> CorrectedKind | None:
        if self.right is None or self.listener.foreign:
            return None
        row = self.counts.asked.index(asked)
        return corrected_verdict(self.right, row, self.counts.labels.index(asked))


def _doubt(judge: Share | None, q: float | None) -> str:
    """Why takes that drift to a label may be the judge's own mistake; empty where they surely are not."""
    if judge is None:
        return "how often the judge itself mishears others so was not measured"
    if q is None or q >= BELIEVED:
        return f"the judge itself hears {judge} known clips of others so"
    return ""
