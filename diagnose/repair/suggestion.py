"""Repair: candidates for a better prompt are screened by a predictor, raced in paired takes, and what wins is heard
once more in fresh takes, beside the prompt as it is and the bare genre word.

Nothing is called better that was not heard to be, in takes that it was not chosen by.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.jobs.caveats import Asked, foreign, foreign_refusal, played_caveats
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.jobs.setting_suspects import recommended_settings, setting_suspects
from tonescope.diagnose.judging.intent import Intent, read_intent
from tonescope.diagnose.judging.verdict import UNSURE, judge_error
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.repair.genre_predictor import find_predictor
from tonescope.diagnose.repair.race import Listened, Runner, Track, race
from tonescope.diagnose.repair.rewrites import SETTINGS, Rewrite, Wish, as_typed, bare, keeps_all, rewrites
from tonescope.diagnose.repair.side_effects import side_effects
from tonescope.diagnose.repair.suggest_schema import FIXED, Conclusion, SteeringTrial, Suggestion, Tried, Verified
from tonescope.diagnose.repair.suggest_sentences import concluded
from tonescope.diagnose.repair.take_budget import (
    EXPLORED,
    FULL_BUDGET,
    MOST_FRESH,
    MOST_SETS,
    check_budget,
    fresh_takes,
)
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.stats import effect, share
from tonescope.diagnose.store import provenance
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch
    from tonescope.diagnose.runtime.session import Session

ToldEarly = Callable[[str, Sequence[str], Takes], None]

BLOCK = 64  # seeds that one purpose may use
SETTINGS_TRIED = 4  # that no predictor can screen
MISSING = 0.25  # of fresh takes; where the bare genre word is heard as the genre no more often, the model lacks it
BATTLED = 32  # candidates in the race, at most


@dataclass
class SuggestEvidence:
    """The fresh takes behind a suggestion, and what they are heard as, by the name of what was played."""

    sounds: dict[str, Takes] = field(default_factory=dict)
    heard: dict[str, Sequence[str]] = field(default_factory=dict)
    steering: SteeringTrial | None = None

    def save(self, folder: Path) -> None:
        """Write ``steering.json``, where there is a steering."""
        if self.steering and self.steering.steering:
            self.steering.steering.save(folder / "steering.json")


@dataclass
class Repair:
    """A repair under way.

    Attributes:
        session: the models; ``request``, what is played; ``budget``, takes at most.
        watch: who watches; ``told_early``, who is told what is meant, and what is heard in the first takes.
    """

    session: Session
    request: Request
    budget: int
    watch: Watch
    told_early: ToldEarly = lambda intended, heard, takes: None

    def __post_init__(self) -> None:
        self.models = self.session.models
        self.request = self.request.normalized(self.models.generator)
        self.request.check(self.models)
        check_budget(self.budget)
        if foreign(self.models):
            raise foreign_refusal(self.models)
        self.seeds = SeedPlan(self.request.settings.seed, BLOCK)
        text = self.models.generator.read_text([self.request.prompt], self.request.settings.seconds)
        self.song = Song.of(self.request.prompt, text)
        self.intent = self._intent()
        self.intended = str(self.intent.label)
        self.sets, self.fresh = fresh_takes(self.budget)
        self.timings: dict[str, float] = {}
        self.started = time.perf_counter()
        context = Context(
            self.models.generator, self.models.judge, None, self.request.sampling, self.request.settings.seconds
        )
        tokens = int(self.models.generator.token_mask([self.request.prompt]).shape[1]) + 16
        fits = memory.playing(context, tokens, self.budget, self.request.settings.memory_gib)
        self.track = Track(
            context.with_batches(played=fits.rows, workers=fits.workers), self.intended, told=self._progress
        )

    def _intent(self) -> Intent:
        """What is meant. Raises :class:`TonescopeError` where nothing says it."""
        intent = read_intent(self.song.tags, self.models.judge, self.models.taxonomy, self.request.intended)
        if intent.label is None:
            raise TonescopeError(
                f"{intent.why_open[0].lower()}{intent.why_open[1:]}, so nothing can be called better; say which genre "
                "is meant with --intended."
            )
        return intent

    def _progress(self, played: int) -> None:
        if self.watch.progress:
            self.watch.progress("play and listen", min(0.99, played / self.budget))
        spent = time.perf_counter() - self.started
        self.watch.expect(max(0.0, spent / played * (self.budget - played)))

    def wish(self, instead: str | None) -> Wish:
        """What is meant."""
        prompt, sampling = self.request.prompt, self.request.sampling
        return Wish(prompt, sampling, self.intended, self.models.taxonomy, instead, self.song.sung)

    def instead(self) -> str | None:
        """What is mostly heard in a few takes of the prompt as it is, where that is another genre."""
        seeds = self.seeds.explore[:EXPLORED]
        found = self.track.all_of(as_typed(self.wish(None)), seeds)
        self.told_early(self.intended, found.heard, found.takes)
        others = Counter(label for label in found.heard if label not in (self.intended, UNSURE))
        return others.most_common(1)[0][0] if others else None

    def screened(self, candidates: Sequence[Rewrite]) -> tuple[list[Rewrite], dict[str, float]]:
        """Candidates, the most promising first, and what is predicted of each prompt. Settings, of which nothing is
        predicted, are dealt between the first."""
        predictor = find_predictor(self.models.generator, self.models.judge)
        if predictor is None:
            return _in_turns(candidates), {}
        prompts = list(dict.fromkeys([self.request.prompt, *(one.prompt for one in candidates)]))
        at = predictor.labels.index(self.intended)
        values = predictor.predict(self.models.generator, prompts, self.request.settings.seconds)[:, at].tolist()
        predicted = dict(zip(prompts, values, strict=True))
        texts = sorted(
            (one for one in candidates if one.change not in SETTINGS), key=lambda one: -predicted[one.prompt]
        )
        settings = [one for one in candidates if one.change in SETTINGS][:SETTINGS_TRIED]
        order: list[Rewrite] = []
        for number, one in enumerate(texts):
            order.append(one)
            if number % 2 and settings:
                order.append(settings.pop(0))
        return [*order, *settings], predicted

    def verified(
        self, rewrite: Rewrite, listened: Listened, before: Listened | None, predicted: dict[str, float]
    ) -> Verified:
        """A candidate in fresh takes, beside the prompt as it is."""
        ruined = listened.ruined.tolist()
        right = sum(label == self.intended and not bad for label, bad in zip(listened.heard, ruined, strict=True))
        change, beside = None, None
        if before is not None:
            judge, rate = self.models.judge, self.track.context.rate
            change = effect((listened.margins - before.margins).tolist())
            sounds = before.takes.waveform, listened.takes.waveform
            beside = side_effects(self.song.tags, *sounds, judge, rate)
        return Verified(
            told=rewrite.told,
            prompt=rewrite.prompt,
            change=rewrite.change,
            guidance=rewrite.sampling.guidance,
            temperature=rewrite.sampling.temperature,
            top_k=rewrite.sampling.top_k,
            negative=rewrite.sampling.negative,
            predicted=predicted.get(rewrite.prompt) if rewrite.sampling == self.request.sampling else None,
            matched=share(right, len(listened.heard)),
            heard=dict(Counter(listened.heard).most_common()),
            ruined=sum(ruined),
            effect=change,
            side_effects=beside,
        )

    def timed(self, name: str, since: float) -> float:
        """Note how long a stage took, and give the time."""
        now = time.perf_counter()
        self.timings[name] = round(now - since, 3)
        return now


def _in_turns(candidates: Sequence[Rewrite]) -> list[Rewrite]:
    """One of each kind of change, then a second of each, and so on."""
    places: Counter[str] = Counter()
    turns = []
    for one in candidates:
        turns.append((places[one.change], one))
        places[one.change] += 1
    return [one for _, one in sorted(turns, key=lambda turn: turn[0])]


def suggest(
    session: Session,
    request: Request,
    watch: Watch,
    *,
    budget: int,
    candidates: Sequence[Rewrite] | None = None,
    told_early: ToldEarly = lambda intended, heard, takes: None,
) -> tuple[Suggestion, SuggestEvidence]:
    """Look for a prompt that plays what is meant.

    Args:
        request: the prompt, the genre meant where it does not say it, and how takes are played.
        budget: takes at most, in all.
        candidates: those to try; made from the prompt, if absent.
        told_early: told what is meant, and what is heard in the first takes of the prompt as it is.

    Raises:
        TonescopeError: nothing says what is meant, the judge does not know it, or the budget is too small.
    """
    repair = Repair(session, request, budget, watch, told_early)
    now = time.perf_counter()
    instead = repair.instead()
    now = repair.timed("hear it as it is", now)
    wish = repair.wish(instead)
    offered = rewrites(wish, session.generator) if candidates is None else list(candidates)
    order, predicted = repair.screened(offered)
    now = repair.timed("screen", now)
    left = budget - repair.track.played - repair.sets * repair.fresh
    runners = race(repair.track, order[:BATTLED], repair.seeds.round(1), left)
    now = repair.timed("race", now)
    winner = runners[0].rewrite if runners else None
    suggestion, evidence = _fresh(repair, wish, winner, runners, predicted)
    repair.timed("fresh takes", now)
    suggestion.candidates = len(offered)
    suggestion.instead = instead
    suggestion.sentence = concluded(suggestion)
    suggestion.timings = repair.timings
    suggestion.seconds = round(sum(repair.timings.values()), 1)
    if watch.progress:
        watch.progress("done", 1.0)
    return suggestion, evidence


def _fresh(
    repair: Repair, wish: Wish, winner: Rewrite | None, runners: Sequence[Runner], predicted: dict[str, float]
) -> tuple[Suggestion, SuggestEvidence]:
    """The prompt as it is, the winner and the bare genre word, in takes that nothing was chosen by."""
    seeds = repair.seeds.test[: repair.fresh]
    first, word = as_typed(wish), bare(wish)
    untouched = repair.track.all_of(first, seeds)
    original = repair.verified(first, untouched, None, predicted)
    played, best, alone, complete = {"untouched": untouched}, None, None, None
    if winner is not None:
        listened = repair.track.all_of(winner, seeds)
        best = repair.verified(winner, listened, untouched, predicted)
        played["best"] = listened
    same = (word.prompt, word.sampling)
    if same not in ((first.prompt, first.sampling), (winner.prompt, winner.sampling) if winner else None):
        listened = repair.track.all_of(word, seeds)
        alone = repair.verified(word, listened, untouched, predicted)
        played["bare_genre_word"] = listened
    if (whole := complete_one(repair, wish, runners)) is not None:
        listened = repair.track.all_of(whole, seeds)
        complete = repair.verified(whole, listened, untouched, predicted)
        played["complete"] = listened
    models, settings = repair.models, repair.request.settings
    suggestion = Suggestion(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        settings=settings,
        prompt=wish.prompt,
        intended=repair.intended,
        instead=None,
        conclusion=conclusion(original, best, alone, complete),
        sentence="",
        original=original,
        best=best,
        bare=alone,
        complete=complete,
        tried=[_tried(runner, predicted, wish) for runner in runners],
        candidates=0,
        takes=repair.track.played,
        budget=repair.budget,
        seeds=(seeds[0], seeds[-1]),
        screened=bool(predicted),
        suspects=setting_suspects(models.generator, repair.request.sampling),
        recommended=recommended_settings(models.generator),
        judge_error=judge_error(models.judge.record, repair.intended),
        sung=wish.sung,
        caveats=_caveats(repair, predicted),
    )
    sounds, heard = ({name: getattr(one, of) for name, one in played.items()} for of in ("takes", "heard"))
    return suggestion, SuggestEvidence(sounds, heard)


def complete_one(repair: Repair, wish: Wish, runners: Sequence[Runner]) -> Rewrite | None:
    """Where the winner leaves something out that was asked for, the best that does not and was heard as meant."""
    if not runners or repair.sets < MOST_SETS or keeps_all(wish, runners[0].rewrite):
        return None
    others = [runner for runner in runners[1:] if any(runner.heard.values())]
    return next((runner.rewrite for runner in others if keeps_all(wish, runner.rewrite)), None)


def conclusion(
    original: Verified, best: Verified | None, alone: Verified | None, complete: Verified | None = None
) -> Conclusion:
    """What follows from fresh takes."""
    if original.matched.value >= FIXED:
        return "plays as meant"
    rewritten = [one for one in (best, complete, alone) if one is not None]
    if any(one.fixes(original) for one in rewritten):
        return "fixed"
    if any(one.surely_better(original) for one in rewritten):
        return "better"
    heard = [one.matched for one in (original, *rewritten)]
    pooled = share(sum(one.count for one in heard), sum(one.total for one in heard))
    missing = max(one.value for one in heard) <= MISSING and pooled.high < FIXED
    return "genre missing" if missing else "no better"


def _tried(runner: Runner, predicted: dict[str, float], wish: Wish) -> Tried:
    rewrite, sampling = runner.rewrite, runner.rewrite.sampling
    return Tried(
        change=rewrite.change,
        told=rewrite.told,
        prompt=rewrite.prompt,
        guidance=sampling.guidance,
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        negative=sampling.negative,
        predicted=predicted.get(rewrite.prompt) if sampling == wish.sampling else None,
        takes=len(runner.heard),
        heard=sum(runner.heard.values()),
    )


def _caveats(repair: Repair, predicted: dict[str, float]) -> list[str]:
    said = {
        "Nothing predicts what this model plays, so candidates were tried in turns; tonescope predictor makes a "
        "predictor, and the same budget then goes further.": not predicted,
        f"With {repair.fresh} fresh takes of each only large differences are sure; a budget of "
        f"{FULL_BUDGET} has {MOST_FRESH}.": repair.fresh < MOST_FRESH,
        "What was heard in the race flatters its winner; only the fresh takes count.": True,
    }
    known = played_caveats(Asked(repair.request, repair.models, repair.intent))
    return [*known, *(sentence for sentence, holds in said.items() if holds)]
