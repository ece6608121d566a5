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
from tonescope.diagnose.stats import BELIEVED, Interval, Share, share
from tonescope.models.judges.calibration import ConfusionRecord


@dataclass(frozen=True)
class Genre:
    """A genre that is asked for: the judge's label, the name that the prompts have, and the prompts."""

    label: str
    typed: str
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """What follows from counts.

    Attributes:
        counts: takes by genre asked for and heard.
        problems: takes that were left out, by genre asked for and reason.
        models: who played and who listened.
        clips: the judge's own confusion, where it was measured; ``right``, the counts corrected for it, where it can
            be inverted.
        correction: whether it can, and what that rests on.
    """

    counts: ConfusionCounts
    problems: Mapping[tuple[str, str], int]
    models: Models
    clips: Counts | None
    right: Corrected | None
    correction: JudgeCorrection

    @classmethod
    def of(
        cls,
        counts: ConfusionCounts,
        problems: Mapping[tuple[str, str], int],
        models: Models,
        record: ConfusionRecord | None = None,
    ) -> Results:
        """Correct the counts, where that can be: for the judge's own ``record``, if no other is given."""
        clips = clip_counts(record or models.judge.record, counts.labels)
        if clips is None:
            poor = why_too_poor(clips, counts.labels)
            return cls(counts, problems, models, clips, None, JudgeCorrection(used=False, reason=poor))
        places = places_in_question(counts, clips)
        known = clips[np.ix_(places, places)]
        if poor := why_too_poor(known, tuple(counts.labels[place] for place in places)):
            return cls(counts, problems, models, clips, None, JudgeCorrection(used=False, reason=poor))
        rests_on = JudgeCorrection(
            used=True,
            condition=condition(known),
            fewest_clips=int(known.sum(1).min()),
            unmeasured=len(counts.labels) - len(places),
        )
        families = [models.taxonomy.family(counts.labels[place]) for place in places]
        right = corrected(counts.heard[:, places], known, families=families)
        return cls(counts, problems, models, clips, right.among(places, len(counts.labels)), rests_on)

    def genre(self, genre: Genre) -> GenreRow:
        """What came of a genre. The verdict is that which a diagnosis of the same takes gives."""
        counts, taxonomy, judge, label = self.counts, self.models.taxonomy, self.models.judge, genre.label
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
        verdict, instead = decide(intent, heard, judge, taxonomy), heard_instead(intent, heard)
        if foreign(self.models):
            verdict = withhold(verdict, judge, self.models.generator.name)
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
            judge_error=judge_error(judge, label),
        )

    def pairs(self) -> list[ConfusedPair]:
        """Every pair that takes fell into, the surest first; a judge of another domain makes none sure."""
        usable = not foreign(self.models)
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
        """Every label that is heard where it was not asked for, the strongest first."""
        usable = not foreign(self.models)
        return [
            AttractorRow(
                label=found.label,
                share=share(found.count, found.total),
                interval=Interval(low=found.low, high=found.high),
                genres=found.genres,
                chance=found.chance,
                judge=self._judge_draws(found.label),
                p=found.p,
                q=found.q,
                sure=found.q < BELIEVED and found.genres > 1 and usable,
            )
            for found in attractors.attractors(self.counts)
        ]

    def _judge_draws(self, label: str) -> Share | None:
        """How often the judge hears a label in known clips of others."""
        if self.clips is None:
            return None
        column = self.counts.labels.index(label)
        others = int(self.clips.sum() - self.clips[column].sum())
        return share(int(self.clips[:, column].sum() - self.clips[column, column]), others) if others else None

    def _relation(self, asked: str, heard: str) -> Relation:
        family = self.models.taxonomy.family
        return "sibling" if family(asked) == family(heard) else "family"

    def _corrected(self, asked: str, heard: str, of_family: bool = False) -> CorrectedShare | None:
        """The share of a label, or of its whole family."""
        row, column = self.counts.asked.index(asked), self.counts.labels.index(heard)
        if self.right is None:
            return None
        found = self.right.families if of_family else self.right
        if np.isnan(found.shares[row, column]):
            return None
        interval = Interval(low=float(found.low[row, column]), high=float(found.high[row, column]))
        return CorrectedShare(value=float(found.shares[row, column]), interval=interval)

    def _corrected_verdict(self, asked: str) -> CorrectedKind | None:
        if self.right is None or foreign(self.models):
            return None
        row = self.counts.asked.index(asked)
        return corrected_verdict(self.right, row, self.counts.labels.index(asked))
