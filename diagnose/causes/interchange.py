"""Interchange: the activations of units, taken from one prompt, put into takes of another.

Muting shows that units are needed; this shows whether they are enough (interchange interventions: Geiger et al. 2021,
arXiv 2106.02997). A unit that holds more than this confusion turns takes back when it is muted, for it turns
everything. It brings nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean

import torch

from tonescope.diagnose.causes.muting_trials import CERTAIN, MOST, Group, MutingTrials, bounded
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.intervene.recording import activations, source_bytes
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes
from tonescope.models.units import Location, Unit

TAKES = 4  # that things are put into, at most


def other_prompts(contrast: Contrast, count: int = 4) -> tuple[str, ...]:
    """Ordinary prompts that name neither side of a contrast."""
    named = [label for label in (contrast.target, contrast.foil) if label]
    free = [prompt for prompt in PROMPTS if not any(label in prompt or prompt in label for label in named)]
    step = max(1, len(free) // count)
    return tuple(free[::step][:count])


def sources(context: Context, takes: Takes, targets: Sequence[Unit | Location], prompt: str) -> list[SourceActivations]:
    """What some units, or everything at some locations, do in ``takes``, one object a take, as it can be put into takes
    of ``prompt`` that are as long.

    Another prompt has other tokens: at each of them stands what a feature is where it is furthest from its mean over
    the tokens. It stands at as many as the longer of the two prompts has, for they may be read together.
    """
    tokens = context.generator.token_mask([prompt, takes.prompts[0]]).shape[1]

    def fitting(location: Location, values: torch.Tensor) -> torch.Tensor:
        if location.site.along != "tokens":
            return values
        furthest = (values - values.mean(2, keepdim=True)).abs().argmax(2, keepdim=True)
        return values.gather(2, furthest).expand(-1, -1, tokens, -1)

    return [
        replace(found, values={location: fitting(location, values) for location, values in found.values.items()})
        for found in activations(context, takes, targets)
    ]


def takes_that_fit(context: Context, takes: Takes, targets: Sequence[Unit | Location]) -> int:
    """Of how many takes the activations of some targets may be kept at a time; 0 where those of one are too many."""
    each = source_bytes(context.generator, targets, context.guidance, context.generator.frames_of(takes))
    return min(len(takes), context.batches.source_bytes // max(each, 1))


@dataclass
class Brought:
    """What came of putting a group's activations in, by seed of the take.

    Attributes:
        group: whose activations are put in.
        margins: the bounded margin.
        heard: whether the take is then heard as the target, and usable sound.
        too_large: whether the activations of one take are more than may be kept, so that nothing was put in.
    """

    group: Group
    margins: dict[int, float] = field(default_factory=dict)
    heard: dict[int, bool] = field(default_factory=dict)
    too_large: bool = False

    @property
    def margin(self) -> float:
        """Its mean over takes; none at all, where nothing was played."""
        return fmean(self.margins.values()) if self.margins else -CERTAIN

    @property
    def brings(self) -> bool:
        """Whether most takes are then heard as the target; not, where nothing was played."""
        return bool(self.heard) and sum(self.heard.values()) >= MOST * len(self.heard)


class Interchanges:
    """Takes of another prompt, which is not heard as the target, to put activations into.

    Args:
        trials: the takes that activations are from.
        prompts: those to put them into: the first that is not heard as the target, if any of the first few is not.
        units: those that are likely to be asked for, which are recorded together.
    """

    def __init__(self, trials: MutingTrials, prompts: Iterable[str], units: Sequence[Unit] = ()) -> None:
        self.trials, self.context = trials, trials.context
        self.seeds = trials.seeds[:TAKES]
        self._known: dict[frozenset[Unit | Location], Brought] = {}
        self._likely = frozenset(units)
        self._sources: dict[int, SourceActivations] = {}  # by seed, of what is in ``_recorded``
        self._recorded: frozenset[Unit | Location] = frozenset()
        self._prompts = list(dict.fromkeys(prompts))
        self._clean = torch.zeros(0)  # takes of the prompt as they are, (takes, samples)

    @cached_property
    def prompt(self) -> str | None:
        """What activations are put into; ``None`` where every prompt is itself heard as the target."""
        if not self._prompts:
            return None
        count = len(self.seeds)
        rows = [prompt for prompt in self._prompts for _ in self.seeds]
        played = play(self.context, rows, [*self.seeds] * len(self._prompts))
        self.trials.rows += len(rows)
        margins, labels = self.trials.listen(played.waveform)
        heard = [label == self.trials.contrast.target for label in labels]
        shares = [sum(heard[start : start + count]) / count for start in range(0, len(heard), count)]
        row = next((row for row, share in enumerate(shares) if share <= 1 - MOST), None)
        if row is None:
            return None
        here = slice(row * count, (row + 1) * count)
        self._clean = played.waveform[here]
        before = map(bounded, margins[here])
        self._known[frozenset()] = Brought(
            (), dict(zip(self.seeds, before, strict=True)), dict(zip(self.seeds, heard[here], strict=True))
        )
        return self._prompts[row]

    def measure(
        self, groups: Sequence[Group], seeds: Sequence[int] | None = None, *, advance: Advance | None = None
    ) -> list[Brought]:
        """Put each group's activations in, take by take, as rows of the same batches; what was played before is not
        played again, nor the takes as they are (an empty group). Nothing comes of it where there is no prompt."""
        prompt = self.prompt
        found = [self._known.setdefault(frozenset(group), Brought(group)) for group in groups]
        unique = {id(brought): brought for brought in found}.values()
        rows = [(brought, seed) for brought in unique for seed in seeds or self.seeds if seed not in brought.heard]
        if prompt is not None and rows:
            self._play(prompt, rows, advance)
        return found

    def _play(self, prompt: str, rows: Sequence[tuple[Brought, int]], advance: Advance | None) -> None:
        """Where the activations of all rows are too many to be kept at a time, in two halves."""
        wanted = frozenset(target for brought, _ in rows for target in brought.group)
        seeds = [seed for seed in self.seeds if seed in {own for _, own in rows}]
        if not wanted <= self._recorded or not set(seeds) <= self._sources.keys():
            if takes_that_fit(self.context, self._takes(seeds), tuple(wanted)) < len(seeds):
                if len(rows) == 1:
                    rows[0][0].too_large = True
                    return
                self._play(prompt, rows[: len(rows) // 2], advance)
                self._play(prompt, rows[len(rows) // 2 :], advance)
                return
            self._record(prompt, wanted, seeds)
        edits = [Edit(brought.group, "patch", source=self._sources[seed]) for brought, seed in rows]
        seeds = [seed for _, seed in rows]
        played = play(self.context, [prompt] * len(rows), seeds, edits, strict=False, advance=advance)
        self.trials.rows += len(rows)
        clean = self._clean[[self.seeds.index(seed) for seed in seeds]]
        ruined = audio_quality.ruined(played.waveform, clean).tolist()
        margins, heard = self.trials.listen(played.waveform)
        for (brought, seed), margin, label, lost in zip(rows, margins, heard, ruined, strict=True):
            brought.margins[seed] = bounded(margin)
            brought.heard[seed] = label == self.trials.contrast.target and not lost

    def _takes(self, seeds: Sequence[int]) -> Takes:
        untouched = self.trials.untouched
        return untouched.pick([untouched.seeds.index(seed) for seed in seeds])

    def _record(self, prompt: str, wanted: frozenset[Unit | Location], seeds: Sequence[int]) -> None:
        """Record what is wanted, in the takes of ``seeds``; with the likely units and what was recorded before in all
        takes, where all that may be kept."""
        more = wanted | self._likely | self._recorded
        if takes_that_fit(self.context, self._takes(self.seeds), tuple(more)) == len(self.seeds):
            wanted, seeds = more, self.seeds
        self._sources, self._recorded = {}, wanted
        found = sources(self.context, self._takes(seeds), tuple(sorted(wanted, key=str)), prompt)
        self._sources = dict(zip(seeds, found, strict=True))


def fewest(interchanges: Interchanges, units: Sequence[Unit]) -> Group:
    """The fewest of ``units``, in their order, whose activations bring the target; empty where all of them do not."""
    sizes = [tuple(units[: size + 1]) for size in range(len(units))]
    works = next((brought.group for brought in interchanges.measure(sizes) if brought.brings), ())
    while len(works) > 1:
        smaller = [tuple(unit for unit in works if unit != left_out) for left_out in works]
        best = max(interchanges.measure(smaller), key=lambda brought: brought.margin)
        if not best.brings:
            break
        works = best.group
    return works


def each_brings(interchanges: Interchanges, units: Sequence[Unit], seeds: Sequence[int], *, at_most: int) -> Group:
    """Units whose activations bring the target alone, the most surely first: each in one take, and the better half in
    the others as well."""
    tried = interchanges.measure([(unit,) for unit in units], seeds[:1])
    likely = sorted(tried, key=lambda brought: brought.margin, reverse=True)[: -(-len(tried) // 2)]
    surely = interchanges.measure([brought.group for brought in likely], seeds)
    bring = sorted((brought for brought in surely if brought.brings), key=lambda brought: brought.margin, reverse=True)
    return tuple(unit for brought in bring[:at_most] for unit in brought.group)
