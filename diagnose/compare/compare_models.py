"""Two models compared: played on the same prompts and noise, replayed on the same codes, and weights of one put into
the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tonescope.diagnose.compare.behaviour import (
    TEMPO_WORDS,
    Asking,
    HeardTakes,
    distances,
    paired_behaviour,
)
from tonescope.diagnose.compare.compare_schema import BookmarkRow, Comparison, GraftRow, LikenessRow, PartRow, Side
from tonescope.diagnose.compare.graft_tests import Fresh, estimated, played
from tonescope.diagnose.compare.graft_verdicts import apart, shortest, told
from tonescope.diagnose.compare.likeness import likeness
from tonescope.diagnose.compare.sides import same_codes
from tonescope.diagnose.compare.weight_parts import Part, changed_parts, same_shape
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks
from tonescope.diagnose.store.workspace import BOOKMARKS, default_folder
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.played_with import usual_guidance

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch

STAGES = {
    "play A": 0.18,
    "play B": 0.18,
    "look at units": 0.14,
    "put weights in": 0.2,
    "play fresh takes": 0.3,
}
USUAL_GENRES = 8
POOL = 16  # takes on which weights are put in, half of each model
ON_CODES = 8  # takes on which units are compared
MOST_PARTS = 64  # that are put in one by one, those that changed most
MOST_HEARD = 8  # pairs that can be listened to
FIRST, SECOND = "A", "B"


class Listening(Protocol):
    """Who judges: a session of any kind."""

    judge: Judge
    taxonomy: Taxonomy


@dataclass(frozen=True)
class CompareWish:
    """How two models are compared.

    Attributes:
        prompts: what is played; genres with and without tempo words, if none are named.
        genres: those; some that the judge knows, if none are named.
        takes: of each prompt.
        seconds, seed, guidance: of the takes; fresh ones have the seeds after those. Without a guidance, it is the one
            that A is made for.
        tested: how many places are tested in fresh takes, at most.
        inside: whether units and weights are looked at.
    """

    prompts: Sequence[str] = ()
    genres: Sequence[str] = ()
    takes: int = 2
    seconds: float = 4.0
    seed: int = 1
    guidance: float | None = None
    tested: int = 2
    inside: bool = True


@dataclass
class CompareEvidence:
    """Takes by name: A, B, and fresh takes of A with B's weights somewhere.

    Attributes:
        player: A, which is asked how its takes sound.
        shown: pairs that are worth hearing, the most different first, with what is heard in A and in B.
    """

    sounds: dict[str, Takes] = field(default_factory=dict)
    player: Generator | None = None
    shown: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Pair:
    """A and B, and what both played on the same prompts and noise.

    Attributes:
        contexts, takes: of A and of B.
        rows: what each take asks for.
        wish: how they are compared.
    """

    contexts: tuple[Context, Context]
    takes: tuple[Takes, Takes]
    rows: Sequence[Asking]
    wish: CompareWish

    @property
    def first(self) -> Generator:
        """A."""
        return self.contexts[0].generator

    @property
    def second(self) -> Generator:
        """B."""
        return self.contexts[1].generator

    def pool(self, most: int) -> Takes:
        """Some takes of both, spread over the prompts."""
        count = len(self.rows)
        each = max(1, min(most // 2, count))
        at = [row * count // each for row in range(each)]
        return Takes.join([some.pick(at) for some in self.takes])

    def fresh(self, advance: Callable[[int], Advance]) -> Fresh:
        """Takes of the same prompts on other noise; ``advance`` gives what is told of the progress of A's (0) and of
        B's (1)."""
        prompts, count = [each.prompt for each in self.rows], len(self.rows)
        seeds = [self.wish.seed + count + number for number in range(count)]
        takes = [play(context, prompts, seeds, advance=advance(at)) for at, context in enumerate(self.contexts)]
        rate, listener = self.contexts[0].rate, self.contexts[0].listener
        heard = [HeardTakes.of(listener, some.waveform, rate) for some in takes]
        return Fresh(self.rows, seeds, takes[0], takes[1], heard[0], heard[1])


def asked_of(wish: CompareWish, listening: Listening) -> list[Asking]:
    """The prompts, with what they ask for. Raises :class:`TonescopeError` for a genre that the judge does not know."""
    labels = listening.judge.labels
    if wish.prompts:
        return [Asking.read(prompt, listening.judge, listening.taxonomy) for prompt in wish.prompts]
    unknown = [genre for genre in wish.genres if genre not in labels]
    if unknown:
        raise TonescopeError(
            f"{listening.judge.name} does not know “{unknown[0][:60]}”; choose from {', '.join(labels[:12])}, …"
        )
    count = min(USUAL_GENRES, len(labels))
    genres = list(wish.genres) or [labels[at * len(labels) // count] for at in range(count)]
    return [
        Asking(f"{genre}, {word}" if word else genre, genre, word)
        for genre in dict.fromkeys(genres)
        for word in ("", *TEMPO_WORDS)
    ]


def compare_models(
    first: Generator,
    second: Generator,
    listening: Listening,
    wish: CompareWish,
    watch: Watch,
    *,
    workspace: Path | None = None,
) -> tuple[Comparison, CompareEvidence]:
    """Compare two models that are open.

    Args:
        workspace: whose bookmarks are looked at; the user's own, if no other is named.

    Raises:
        TonescopeError: a prompt cannot be played.
    """
    clock, asked = Clock(STAGES, watch.progress), asked_of(wish, listening)
    rows = [each for each in asked for _ in range(wish.takes)]
    prompts = [each.prompt for each in rows]
    seeds = [wish.seed + number for number in range(len(rows))]
    seconds = min(wish.seconds, first.longest_seconds, second.longest_seconds)
    guidance = wish.guidance if wish.guidance is not None else usual_guidance(first)
    contexts = (
        _context(first, listening.judge, guidance, seconds, prompts),
        _context(second, listening.judge, guidance, seconds, prompts),
    )
    with clock.stage("play A") as advance:
        of_first = play(contexts[0], prompts, seeds, advance=advance)
    with clock.stage("play B") as advance:
        of_second = play(contexts[1], prompts, seeds, advance=advance)
    pair = _Pair(contexts, (of_first, of_second), rows, wish)
    heard = [HeardTakes.of(listening.judge, some.waveform, contexts[0].rate) for some in pair.takes]
    result = Comparison(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        judge=provenance.of_judge(listening.judge),
        first=Side(name=first.name, source=provenance.of_generator(first), takes=len(rows)),
        second=Side(name=second.name, source=provenance.of_generator(second), takes=len(rows)),
        prompts=[each.prompt for each in asked],
        seconds=seconds,
        seed=wish.seed,
        behaviour=paired_behaviour(rows, *heard),
    )
    apart = distances(*heard)
    order = sorted(range(len(rows)), key=lambda row: -apart[row])[:MOST_HEARD]
    shown = [(row, heard[0].labels[row], heard[1].labels[row]) for row in order]
    evidence = CompareEvidence({FIRST: of_first, SECOND: of_second}, first, shown)
    if wish.inside:
        _look_inside(pair, result, evidence, clock, workspace)
    if watch.progress:
        watch.progress("done", 1.0)
    result.timings = clock.timings
    return result, evidence


def _context(generator: Generator, judge: Judge, guidance: float, seconds: float, prompts: Sequence[str]) -> Context:
    context = Context(generator, judge, None, Sampling(guidance), seconds)
    tokens = int(generator.token_mask(list(dict.fromkeys(prompts))).shape[1])
    fits = memory.playing(context, tokens, len(prompts), None)
    return context.with_batches(played=fits.rows, workers=fits.workers)


def _look_inside(
    pair: _Pair, result: Comparison, evidence: CompareEvidence, clock: Clock, workspace: Path | None
) -> None:
    """Units on the same codes, and weights put in, as far as that makes sense; the rest is said."""
    first, second = pair.first, pair.second
    if reason := same_codes(first, second, pair.takes[0]):
        result.caveats.append(f"{reason} So units and weights were not compared.")
        return
    with clock.stage("look at units"):
        result.likeness, result.bookmarks, told = _units(pair, workspace)
        result.caveats += told
    if not same_shape(first, second):
        result.caveats.append(
            "The two have weights of different shapes, so none of one can be put into the other: which place carries "
            "the change was not tested."
        )
        return
    parts = changed_parts(first, second)
    if not parts:
        result.caveats.append("The two have the same weights, to the last number; what differs is how they are used.")
        return
    if len(parts) > MOST_PARTS:
        result.caveats.append(
            f"Of {len(parts)} places whose weights differ, the {MOST_PARTS} that differ most were put in."
        )
        parts = parts[:MOST_PARTS]
    with clock.stage("put weights in") as advance:
        result.parts = estimated(first, second, pair.pool(POOL), parts, advance)
    with clock.stage("play fresh takes") as advance:
        result.grafts = _tested(pair, parts, result.parts, evidence, advance)
    result.named = [part for row in shortest(result.grafts) for part in row.parts]


def _units(pair: _Pair, workspace: Path | None) -> tuple[list[LikenessRow], list[BookmarkRow], list[str]]:
    """Units on the same codes, and the bookmarked ones of A among them."""
    marks, told = list[Bookmark](), list[str]()
    try:
        folder = (workspace if workspace is not None else default_folder()).expanduser()
        if (folder / BOOKMARKS).is_file():
            with Bookmarks(folder) as bookmarks:
                marks = bookmarks.all(fingerprint=pair.first.fingerprint())
    except TonescopeError as error:
        told.append(f"Bookmarks were not looked at: {error}")
    rows, marked = likeness(pair.first, pair.second, pair.pool(ON_CODES), marks)
    return rows, marked, told


def _tested(
    pair: _Pair, parts: Sequence[Part], ranked: Sequence[PartRow], evidence: CompareEvidence, advance: Advance
) -> list[GraftRow]:
    """The places that bring most, each alone and then together, in fresh takes, beside another whose weights differ
    about as much as those of the first."""
    by_name, most = {part.name: part for part in parts}, pair.wish.tested
    changes = {part.name: part.change for part in parts}
    best = [by_name[row.part] for row in ranked[:most]]
    groups = [[part] for part in best] + ([best] if len(best) > 1 else [])
    others = sorted(ranked[most:], key=lambda row: apart([row.part], [best[0].name], changes))
    drawn = [[by_name[row.part]] for row in others[:1]]
    total = 2 + len(groups) + len(drawn)

    def step(number: int) -> Advance:
        return lambda share: advance((number + share) / total)

    fresh = pair.fresh(step)
    evidence.sounds |= {"fresh A": fresh.first, "fresh B": fresh.second}
    found = []
    for at, group in enumerate([*groups, *drawn]):
        control = at >= len(groups)
        row, takes = played(pair.contexts[0], pair.second, group, fresh, control=control, advance=step(2 + at))
        found.append(row)
        if not control:
            evidence.sounds[f"A with {', '.join(row.parts)}"] = takes
    return told(found, changes)
