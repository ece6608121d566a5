"""What came of a verification plan, as results: what the search comes to is one hypothesis, and tested alone; all else
that was tested has q-values over all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tonescope.diagnose.causes.interchange import Brought
from tonescope.diagnose.causes.muting_trials import Muted
from tonescope.diagnose.intervene.verification import Outcome, Played
from tonescope.diagnose.jobs import variant_names as names
from tonescope.diagnose.jobs.verification_plan import Plan
from tonescope.diagnose.schema import (
    CutPoint,
    Dose,
    GroupTest,
    SearchRecord,
    SecondDriver,
    StepCut,
    Sufficiency,
    Trial,
    Tried,
    UnitDriver,
    WordDriver,
)
from tonescope.diagnose.stats import BELIEVED, Effect, Share, adjusted, effect, share
from tonescope.models.units import Unit
from tonescope.models.vocabulary import Vocabulary

SHOWN_UNITS = 12


@dataclass(frozen=True)
class Results:
    """What came of a plan; ``bare`` is the trial of the genre word alone, where that was played."""

    group: GroupTest | None
    search: SearchRecord | None
    units: list[UnitDriver]
    sufficiency: Sufficiency | None
    cut_points: list[CutPoint]
    step_cuts: list[StepCut]
    words: list[WordDriver]
    seconds: list[SecondDriver]
    bare: Trial | None


class Reading:
    """The trials of a plan. Units are tested by what they do beyond their controls.

    Args:
        plan: what was played.
        played: what came of it.
        seconds: stretches of time that were tested beside it.
        of_set: what came of the set and of its control, where that was played in other takes too.
    """

    def __init__(
        self, plan: Plan, played: Played, seconds: Sequence[SecondDriver] = (), of_set: Played | None = None
    ) -> None:
        self.plan, self.played = plan, played
        beside, outcomes = plan.beside, played.outcomes
        where = dict.fromkeys((names.MUTED, names.CONTROL), of_set or played)
        self.differences = {name: effect(where.get(name, played).change(name, other)) for name, other in beside.items()}
        tested = [name for name in outcomes if name not in {plan.hypothesis, *plan.controls}]
        ps = [self._p(name, where) for name in tested]
        together = adjusted([*ps, *(row.verified.p for row in seconds)])
        self.q = dict(zip(tested, together, strict=False))
        # What the search comes to is one hypothesis, declared before the fresh takes: its p-value is tested alone.
        if plan.hypothesis in outcomes:
            self.q[plan.hypothesis] = self._p(plan.hypothesis, where)
        self.seconds = [
            row.model_copy(update={"q": own}) for row, own in zip(seconds, together[len(tested) :], strict=True)
        ]
        # The set has its own q; beside a control whose sound broke nothing is sure.
        self.trials = {name: where.get(name, played).trial(name) for name in outcomes}
        broken = {name for name, other in beside.items() if self.trials[other].sound.broke}
        for name in self.trials.keys() - {names.MUTED, *broken}:
            self.trials[name] = self.trials[name].model_copy(update={"q": self.q.get(name)})

    def _p(self, name: str, where: Mapping[str, Played]) -> float | None:
        """Of what a variant does beyond what it is held against, in the takes where it was played."""
        return (self.differences.get(name) or effect(where.get(name, self.played).change(name))).p

    def results(self, vocabulary: Vocabulary | None) -> Results:
        """Everything."""
        return Results(
            self._group(),
            self._search(),
            self._units(),
            self._sufficiency(),
            [CutPoint(second=second, trial=self.trials[names.cut(second)]) for second in self.plan.cuts],
            self._step_cuts(),
            self._words(vocabulary),
            self.seconds,
            self.trials.get(names.BARE),
        )

    def _step_cuts(self) -> list[StepCut]:
        return [
            StepCut(
                step=step,
                steps=self.plan.steps,
                from_on=self.trials[names.from_step(step)],
                until=self.trials[names.until_step(step)],
            )
            for step in self.plan.step_cuts
        ]

    def _search(self) -> SearchRecord | None:
        found = self.plan.estimates.search
        if found is None:
            return None
        tried = [*found.measured, *found.groups]
        most = max((len(muted.back) for muted in tried), default=0)
        return SearchRecord(
            candidates=len(found.measured),
            generations=found.rows,
            largest_group=max((len(muted.group) for muted in found.groups), default=1),
            # Of what was tried in all takes: in the first few alone, much turns back by chance.
            largest_share=max((muted.share for muted in tried if len(muted.back) == most), default=0.0),
            several=found.several,
            tried=[_tried(muted) for muted in tried],
        )

    def _group(self) -> GroupTest | None:
        found = self.plan.estimates.search
        if found is None or names.MUTED not in self.trials:
            return None
        muted, control = self.trials[names.MUTED], self.trials[names.CONTROL]
        difference, q = self.differences[names.MUTED], self.q[names.MUTED]
        interval, units = difference.interval, len(found.group)
        sure = interval is not None and interval.high < 0 and (q or 0.0) < BELIEVED
        scales = [float(name.partition(":")[2]) for name in self.trials if name.startswith("times:")]
        return GroupTest(
            names=[str(target) for target in found.group],
            found_by=found.found_by,
            units=units,
            control_units=self.plan.control_units,
            searched=_searched(found.trial),
            muted=muted,
            control=control,
            difference=difference,
            q=q,
            doses=[self._dose(scale) for scale in scales],
            convincing=sure and not muted.sound.broke and self._is_beside_its_like,
        )

    @property
    def _is_beside_its_like(self) -> bool:
        """Whether the set is held against as many random units, whose sound is intact."""
        as_many = self.plan.control_units == len(self.plan.group)
        return as_many and not self.trials[names.CONTROL].sound.broke

    def _dose(self, scale: float) -> Dose:
        name, other = names.dose(scale), names.dose_control(scale)
        return Dose(scale=scale, trial=self.trials[name], control=self.trials[other], difference=self.differences[name])

    def _units(self) -> list[UnitDriver]:
        """Those that were muted alone: the tested ones first, those that do it before others, then by what they did."""
        found = self.plan.estimates.search
        if found is None:
            return []
        gradients, searched = self.plan.estimates.found, {muted.group[0]: muted for muted in found.measured}
        only = [*found.group] if len(found.group) == 1 else []
        wanted = [*only, *self.plan.singles, *found.alternates, *searched]
        rows = []
        for unit in dict.fromkeys(wanted):
            if not isinstance(unit, Unit):
                continue
            alone = found.group == (unit,)
            own, other = (names.MUTED, names.CONTROL) if alone else (names.unit(unit), names.control(unit))
            muted, trial = searched.get(unit), self.trials.get(own)
            if trial is not None and alone and self._is_beside_its_like:
                trial = trial.model_copy(update={"q": self.q[own]})
            role = "member" if unit in found.group else "alternate" if unit in found.alternates else "candidate"
            estimated = gradients.units.get(unit.location)
            rows.append(
                UnitDriver(
                    unit=str(unit),
                    role=role,  # type: ignore[arg-type]
                    estimated=effect(estimated[:, unit.index].tolist()) if estimated is not None else None,
                    searched=_searched(muted),
                    verified=trial,
                    control=self.trials.get(other),
                    difference=self.differences.get(own),
                    set_without=self.trials.get(names.set_without(unit)),
                    in_place=self.trials.get(names.in_place(unit)),
                    brings=_brings(found.brought.get((unit,))),
                )
            )
        rows.sort(key=lambda row: (*_standing(row, few=found.found_by != "gradients"), *_by_effect(row)))
        shown = max(SHOWN_UNITS, sum(row.verified is not None for row in rows))
        return [row for at, row in enumerate(rows) if at < shown or row.role != "candidate"]

    def _sufficiency(self) -> Sufficiency | None:
        exchanged, label = self.plan.interchange, self.played.contrast.target
        if exchanged is None:
            return None
        outcomes = self.played.outcomes
        control = names.PUT_IN_CONTROL in outcomes
        return Sufficiency(
            prompt=exchanged.prompt,
            before=_heard_intact(outcomes[names.GOOD], label),
            put_in=_heard_intact(outcomes[names.PUT_IN], label),
            random=_heard_intact(outcomes[names.PUT_IN_CONTROL], label) if control else None,
            effect=self.differences.get(names.PUT_IN) or effect(self.played.change(names.PUT_IN, names.GOOD)),
            q=self.trials[names.PUT_IN].q if control else None,
            trial=self.trials[names.PUT_IN],
            control=self.trials.get(names.PUT_IN_CONTROL),
        )

    def _words(self, vocabulary: Vocabulary | None) -> list[WordDriver]:
        estimates = self.plan.estimates
        return [
            WordDriver(
                word=word.name,
                start=word.start,
                end=word.end,
                known=vocabulary is None or vocabulary.knows(word.name),
                kind=word.kind,
                negates=word.negates,
                in_pieces=word.in_pieces,
                estimated=estimates.of_word(word),
                verified=self.trials.get(names.word(word)),
            )
            for word in estimates.ranked_words
        ]


def _tried(muted: Muted) -> Tried:
    turned = share(sum(muted.back.values()), len(muted.back))
    return Tried(names=[str(target) for target in muted.group], turned=turned)


def _heard_intact(outcome: Outcome, label: str) -> Share:
    """In how many takes a label is heard, of all: one whose sound broke is no take of it."""
    heard = [heard == label and not broke for heard, broke in zip(outcome.heard, outcome.broke.tolist(), strict=True)]
    return share(sum(heard), len(heard))


def _standing(row: UnitDriver, *, few: bool) -> tuple[bool, bool, bool]:
    """Tested before others, intact before broken; of a ``few`` units that do it, those before what does something."""
    broke = row.verified is not None and row.verified.sound.broke
    return row.verified is None, broke, few and row.role == "candidate"


def _by_effect(row: UnitDriver) -> tuple[bool, float]:
    """Those that bring the target before those that do not; then by effect."""
    measured: Effect | None = row.verified.effect if row.verified else row.searched
    idle = row.brings is not None and 2 * row.brings.count < row.brings.total
    return idle, measured.mean if measured else 0.0


def _searched(muted: Muted | None) -> Effect | None:
    return effect(list(muted.changes.values())) if muted and muted.changes else None


def _brings(brought: Brought | None) -> Share | None:
    return share(sum(brought.heard.values()), len(brought.heard)) if brought and brought.heard else None
