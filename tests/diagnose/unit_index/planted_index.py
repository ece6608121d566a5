"""An index whose units are planted: what they do follows the captions, and no model is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tests.diagnose.unit_index.made_corpus import ToneCorpus, session
from tonescope.diagnose.tuning.curve_statistics import Curves
from tonescope.diagnose.tuning.stimuli import families
from tonescope.diagnose.unit_index.corpus import About, Entry
from tonescope.diagnose.unit_index.index_build import Identity, IndexBuild
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_worker import Indexed, IndexItem, IndexSetting
from tonescope.diagnose.unit_index.unit_summary import Block, Peaks, Summary
from tonescope.models.units import Location

PLACE = Location.parse("decoder.1.mlp")
UNITS, COUNT, SAMPLE, TOP = 40, 60, 60, 6
KICK, NOISE, DEAD, STIMULUS, COWBELL = 0, 1, 2, 3, 4
"""A unit that follows the word kick in captions; one that follows nothing; a dead one; one that follows kicks in
stimuli; one that follows a tag that no caption says."""


def has_kick(number: int) -> bool:
    """Whether the caption of a recording says so."""
    return number * 7 % 3 == 0


def has_cowbell(number: int) -> bool:
    """Whether a recording is tagged so."""
    return number % 4 == 1


def values(number: int, along: int = 20) -> torch.Tensor:
    """What units do in a recording: (positions, units)."""
    random = torch.randn(along, UNITS, generator=torch.Generator().manual_seed(number)) * 0.1
    random[:, KICK] += 2.0 * has_kick(number)
    random[:, COWBELL] += 2.0 * has_cowbell(number)
    random[:, DEAD] = 0.0
    return random


@dataclass
class PlantedCorpus(ToneCorpus):
    """Tones whose captions say whether there is a kick."""

    def entries(self) -> Iterator[Entry]:
        """The tones."""
        for entry, number in zip(super().entries(), range(self.count), strict=True):
            words = "a groove with kick and piano" if has_kick(number) else "a groove with piano and strings"
            yield Entry(
                entry.name,
                About(words, "CC0", "here", "drums, cowbell" if has_cowbell(number) else "piano"),
                entry.read,
            )


class PlantedEngine:
    """Gives what is planted."""

    def run(self, items: Iterator[IndexItem]) -> Iterator[Indexed]:
        """Do items."""
        for item in items:
            numbers = [one.number for one in item.recordings]
            block = Block.of(torch.stack([values(number) for number in numbers]), torch.linspace(0, 1, 20))
            drawn = {one.number: one.priority for one in item.recordings if one.priority is not None}
            summary = Summary.empty(UNITS, TOP).with_block(block)
            summary = summary.with_recordings(Peaks(tuple(numbers), block.peak, block.at), drawn)
            yield Indexed(item.number, {str(PLACE): summary}, dict.fromkeys(numbers, 1), {}, 0.0)


def planted_index(folder: Path) -> UnitIndex:
    """The index."""
    models = session()
    setting = IndexSetting(
        models.generator.fingerprint(), models.judge.fingerprint(), (str(PLACE),), 0.5, 10.0, TOP, SAMPLE
    )
    identity = Identity("tiny mono", "tiny judge", "planted", "planted")
    IndexBuild(folder, PlantedCorpus(COUNT), setting, identity, {str(PLACE): UNITS}).make(PlantedEngine())
    return UnitIndex.open(folder)


def planted_curves() -> list[Curves]:
    """Unit :data:`STIMULUS` does more where there is a kick; level alone does not tell."""
    random = np.random.default_rng(1)
    found = []
    for name in ("kick", "tempo", "chord"):
        family = families()[name]
        shape = (len(family.values), 8 * family.repeats)
        responses = random.normal(size=(*shape, UNITS))
        if name == "kick":
            responses[1, :, STIMULUS] += 4
        responses[:, :, DEAD] = 0
        found.append(Curves(family, responses, random.normal(size=(*shape, 3))))
    return found
