"""Muting trials: what becomes of takes when groups of units are muted, played beside the same takes untouched.

Every part of the search asks here. What was played once is kept: a group is measured in more takes by playing those
that are new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes
from tonescope.models.judges import listening
from tonescope.models.played_with import Denoises
from tonescope.models.units import Location, Unit

Group = tuple[Unit | Location, ...]
"""Units, or whole locations, that are muted together."""

ENOUGH_TAKES = 4  # to try things in: chance turns single ones back, and what is found is verified in others
CERTAIN = 8.0  # nats
DIVISORS = (2,)  # of the length of a take: a quarter of it is too little to hear a genre by
STEP_DIVISOR = 4  # of denoising steps, where shorter takes cost as much
FEWEST_STEPS = 10  # in which noise becomes music
SHORTEST_SECONDS = 1.0  # in which a genre can be heard
MOST = 0.75  # of the takes have to turn back for a group to count


def locations_of(group: Group) -> list[Location]:
    """Where a group is."""
    return sorted({target.location if isinstance(target, Unit) else target for target in group})


@dataclass
class Muted:
    """What muting a group did, by seed of the take.

    Attributes:
        group: what is muted.
        changes: change of the margin, in takes of intact sound.
        bounded: the same with margins cut off at :data:`CERTAIN` either way: beyond it they say how sure the judge is
            that a third genre is less like one of the two.
        back: whether the take turned back: it was heard as the target and no longer is, the foil is likelier where
            there is one, and its sound is intact.
        broke: where the sound broke.
    """

    group: Group
    changes: dict[int, float] = field(default_factory=dict)
    bounded: dict[int, float] = field(default_factory=dict)
    back: dict[int, bool] = field(default_factory=dict)
    broke: set[int] = field(default_factory=set)

    @property
    def effect(self) -> float:
        """Mean change of the bounded margin; none at all, where the sound broke in every take."""
        return fmean(self.bounded.values()) if self.bounded else 0.0

    @property
    def share(self) -> float:
        """Share of the takes that turned back."""
        return sum(self.back.values()) / len(self.back) if self.back else 0.0

    @property
    def sounds(self) -> bool:
        """Whether the sound of most takes is intact."""
        return 2 * len(self.broke) < len(self.back)

    @property
    def turns(self) -> bool:
        """Whether it turns most takes back."""
        return self.share >= MOST

    @property
    def turns_all(self) -> bool:
        """Whether it turns every take back."""
        return bool(self.back) and all(self.back.values())


class MutingTrials:
    """Takes of one prompt, all heard as the target of a contrast, to mute groups of units in.

    Args:
        context: models and sampling.
        takes: untouched takes of one prompt, of which the first few are used. Those not heard as the target are left
            out; where none is, they are kept to measure the margin in, and none can turn back.
        contrast: what is heard, and against what.
    """

    def __init__(self, context: Context, takes: Takes, contrast: Contrast) -> None:
        self.context, self.contrast, self.prompt = context, contrast, takes.prompts[0]
        self.rows = 0  # played so far
        self.length = 1.0  # what a take costs, as a share of one that was not made cheaper
        self._known: dict[frozenset[Unit | Location], Muted] = {}
        self._margins: dict[int, float] = {}
        drifted = self._drifted(takes)
        self.heard_as_target = len(drifted)
        self._clean = takes.pick((drifted or range(len(takes)))[:ENOUGH_TAKES])
        self._usual = audio_quality.natural_distance(takes.waveform, context.rate)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those of the takes that things are tried in."""
        return self._clean.seeds

    @property
    def untouched(self) -> Takes:
        """The takes that things are tried in, as they are."""
        return self._clean

    def fill(self, blocks: Iterable[Sequence[int]], fewest: int = ENOUGH_TAKES) -> None:
        """Play blocks of seeds until there are ``fewest`` takes that are heard as the target, or no block is left."""
        for seeds in blocks:
            if self.heard_as_target >= fewest:
                break
            self.add(play(self.context, [self.prompt] * len(seeds), seeds))
            self.rows += len(seeds)

    def anew(self, blocks: Iterable[Sequence[int]]) -> MutingTrials:
        """Other takes of the same prompt, from blocks of seeds until there are enough: what was chosen in these takes
        flatters itself in them."""
        first, *more = blocks
        takes = play(self.context, [self.prompt] * len(first), first)
        other = MutingTrials(self.context, takes, self.contrast)
        other.rows = len(takes)
        other.fill(more)
        return other

    def shortened(self) -> MutingTrials | None:
        """Takes of the same seeds that cost less, where the target is still heard in most of them; ``None`` where none
        that cost less will do."""
        for context, share in _cheaper(self.context):
            takes = play(context, [self.prompt] * len(self.seeds), self.seeds)
            shorter = MutingTrials(context, takes, self.contrast)
            shorter.rows, shorter.length = len(takes), share
            if shorter.heard_as_target >= MOST * len(takes):
                return shorter
        return None

    def add(self, takes: Takes) -> None:
        """More untouched takes of the same prompt; those that are not heard as the target, or not made of numbers, are
        left out."""
        if new := self._drifted(takes):
            picked = takes.pick(new)
            kept = Takes.join([self._clean, picked]) if self.heard_as_target else picked
            self._clean = kept.rows(0, ENOUGH_TAKES)
            self.heard_as_target += len(new)

    def _drifted(self, takes: Takes) -> list[int]:
        """Which takes are heard as the target; the margins of all are noted."""
        margins, heard = self.listen(takes.waveform)
        self._margins |= dict(zip(takes.seeds, margins, strict=True))
        sound = listening.finite_takes(takes.waveform).tolist()
        return [row for row, label in enumerate(heard) if label == self.contrast.target and sound[row]]

    def measure(
        self, groups: Iterable[Group], seeds: Sequence[int] | None = None, *, advance: Advance | None = None
    ) -> list[Muted]:
        """Mute each group in the takes of ``seeds`` (all, if absent), as rows of the same batches; takes that a group
        was muted in before are not played again."""
        seeds, wanted = seeds or self.seeds, list(groups)
        found = [self._known.setdefault(frozenset(group), Muted(group)) for group in wanted]
        unique = {id(muted): muted for muted in found}.values()
        rows = [(muted, seed) for muted in unique for seed in seeds if seed not in muted.back]
        if rows:
            self._play(rows, advance)
        return found

    def _play(self, rows: Sequence[tuple[Muted, int]], advance: Advance | None) -> None:
        context, seeds = self.context, [seed for _, seed in rows]
        edits = {id(muted): Edit(muted.group) for muted, _ in rows}
        played = play(
            context,
            [self.prompt] * len(rows),
            seeds,
            [edits[id(muted)] for muted, _ in rows],
            strict=False,  # what changes nothing has no effect
            advance=advance,
        )
        self.rows += len(rows)
        beside = self._clean.pick([self._clean.seeds.index(seed) for seed in seeds])
        broke = audio_quality.broken(played.waveform, beside.waveform, context.rate, self._usual).tolist()
        margins, heard = self.listen(played.waveform)
        for (muted, seed), margin, label, lost in zip(rows, margins, heard, broke, strict=True):
            turned = label != self.contrast.target and (self.contrast.foil is None or margin < 0)
            muted.back[seed] = turned and not lost and self.heard_as_target > 0
            if lost:
                muted.broke.add(seed)
            else:
                muted.changes[seed] = margin - self._margins[seed]
                muted.bounded[seed] = bounded(margin) - bounded(self._margins[seed])

    def listen(self, waveform: Tensor) -> tuple[list[float], list[str]]:
        """The margin of each take, and what it is heard as."""
        judge = self.context.listener
        logits = listening.listen(judge, audio_quality.silenced(waveform), self.context.rate)
        margins = listening.contrast(judge.labels, logits, self.contrast.target, self.contrast.foil)
        return margins.tolist(), hear(logits.softmax(-1), judge.labels, sure_enough(judge))


def _cheaper(context: Context) -> Iterator[tuple[Context, float]]:
    """Contexts whose takes cost less, and what share of the cost: shorter takes; fewer denoising steps where a model
    always computes one length."""
    generator = context.generator
    if isinstance(generator, Denoises) and not generator.shorter_is_cheaper:
        had = generator.denoising_steps
        if (steps := max(FEWEST_STEPS, -(-had // STEP_DIVISOR))) < had:
            means = context.means and context.means.at_steps(generator.nearest_steps(steps), had)
            yield replace(context, generator=generator.in_steps(steps), means=means), steps / had
        return
    for divisor in DIVISORS:
        if (seconds := context.seconds / divisor) >= SHORTEST_SECONDS:
            yield replace(context, seconds=seconds), 1 / divisor


def bounded(margin: float) -> float:
    """A margin cut off at :data:`CERTAIN` either way."""
    return max(-CERTAIN, min(CERTAIN, margin))
