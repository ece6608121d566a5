"""Does work items: plays their takes, hears them, and measures what is wanted. One pair of models a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import safetensors.torch
import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.judging.audio_quality import SILENT_DB, level_db
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.take_measures import MEASURES
from tonescope.diagnose.runtime.work_items import Finished, HeardTake, TakeSetting, WorkItem
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, State, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import finite_takes, posterior

LARGEST_STATE = 2**20  # bytes of one take; larger ones (of diffusion) are played again where they are wanted
NOT_NUMBERS, SILENT = "not made of numbers", "silent"


class TakeWorker:
    """Models that do work items.

    Args:
        session: the models.
        memory_gib: at most so much more memory; 70 % of what is free, if absent.
    """

    def __init__(self, session: Session, memory_gib: float | None = None) -> None:
        self.session, self.memory_gib = session, memory_gib

    def check(self, setting: TakeSetting) -> None:
        """Refuse a setting of other models than these. Raises :class:`TonescopeError`."""
        mine = TakeSetting.of(self.session, setting.seconds, setting.sampling)
        if mine != setting:
            raise TonescopeError(
                f"a worker opened another {self.session.generator.name} or {self.session.judge.name} than the one that "
                "the work is for; give all machines the same model folders."
            )

    def do(self, item: WorkItem, advance: Advance | None = None) -> Finished:
        """Play and hear the takes of an item, as many at once as there is memory for.

        Raises:
            TonescopeError: a take cannot be played; the message says why.
        """
        started = time.perf_counter()
        takes = self._played(item, advance)
        rate, judge = int(self.session.generator.sample_rate), self.session.judge
        finite, levels = finite_takes(takes.waveform), level_db(takes.waveform.nan_to_num(0.0, 0.0, 0.0))
        usable = (finite & (levels >= SILENT_DB)).nonzero()[:, 0].tolist()
        waveform = takes.waveform[usable]
        probabilities = posterior(judge, waveform, rate) if usable else torch.zeros(0, len(judge.labels))
        found = [HeardTake(wanted.prompt, wanted.seed, wanted.group) for wanted in item.takes]
        for row, take in enumerate(found):
            take.level_db = float(levels[row]) if finite[row] else None
            take.problem = SILENT if finite[row] else NOT_NUMBERS
        for place, row in enumerate(usable):
            take, heard = found[row], probabilities[place]
            take.problem, take.heard = None, judge.labels[int(heard.argmax())]
            take.probability, take.probabilities = float(heard.max()), heard.tolist()
        if self.session.second is not None and usable:
            self._hear_again(self.session.second, waveform, rate, [found[row] for row in usable])
        if usable and item.keep.measures:
            self._measure(item, takes.pick(usable), [found[row] for row in usable])
        self._keep_states(item, takes, found)
        return Finished(item, found, time.perf_counter() - started)

    def _hear_again(self, second: Judge, waveform: Tensor, rate: int, takes: Sequence[HeardTake]) -> None:
        """What a second judge hears in the same takes."""
        for take, heard in zip(takes, posterior(second, waveform, rate), strict=True):
            take.second, take.second_probability = second.labels[int(heard.argmax())], float(heard.max())

    def _played(self, item: WorkItem, advance: Advance | None) -> Takes:
        setting, generator = item.setting, self.session.generator
        context = Context(generator, self.session.judge, sampling=setting.sampling, seconds=setting.seconds)
        prompts = [take.prompt for take in item.takes]
        tokens = generator.token_mask(prompts).shape[1]
        fits = memory.playing(context, tokens, len(prompts), self.memory_gib)
        seeds = [take.seed for take in item.takes]
        return play(context.with_batches(played=fits.rows), prompts, seeds, advance=advance)

    def _measure(self, item: WorkItem, takes: Takes, found: Sequence[HeardTake]) -> None:
        setting, generator = item.setting, self.session.generator
        context = Context(generator, self.session.judge, sampling=setting.sampling, seconds=setting.seconds)
        for name in item.keep.measures:
            for take, (numbers, vectors) in zip(found, MEASURES[name](context, takes), strict=True):
                take.measures |= numbers
                take.vectors |= vectors

    def _keep_states(self, item: WorkItem, takes: Takes, found: Sequence[HeardTake]) -> None:
        known: set[tuple[str, str | None]] = set()
        for row, take in enumerate(found):
            first = take.problem is None and (take.group, take.heard) not in known
            if item.keep.states == "all" or (item.keep.states == "examples" and first):
                known.add((take.group, take.heard))
                state = takes.pick([row]).state
                if sum(tensor.nbytes for tensor in state.values()) <= LARGEST_STATE:
                    take.state = packed(state)


def packed(state: State) -> bytes:
    """A state as a safetensors file holds it."""
    data: bytes = safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()})
    return data


def restored(generator: Generator, kept: Sequence[tuple[str, int, bytes]]) -> Takes:
    """Takes of which prompt, seed and state were kept, with their sound."""
    silent = Takes.join(
        [Takes((prompt,), (seed,), safetensors.torch.load(state), torch.zeros(1, 0)) for prompt, seed, state in kept]
    )
    with torch.no_grad():
        return replace(silent, waveform=generator.channels(silent).mean(1))
