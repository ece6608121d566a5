"""What can be listened to in an audit: a take for every finding, and passages that come again; and all takes as a
table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tonescope.diagnose.audit.audit_data import AuditData
from tonescope.diagnose.audit.audit_passages import Compared
from tonescope.diagnose.audit.audit_schema import AuditExample, AuditReport, Finding
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.runtime.take_worker import restored
from tonescope.diagnose.store.measured_takes import AuditTakes
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.models.generator import Generator, Takes

MOST_EXAMPLES = 60
PASSAGES, TAKES_OF_PASSAGE = 6, 3
PLAYED_TOGETHER = 8  # examples whose state was not kept
MARGIN_SECONDS = 0.1  # that is heard before and after a passage

Key = tuple[int, int]
"""A take: the place of its prompt, and its seed."""


@dataclass(frozen=True)
class PlayedSpan:
    """A part of a take: from which second on and up to which."""

    take: Key
    start: float
    end: float


@dataclass
class AuditEvidence:
    """What is behind an audit. Sound is made when it is asked for."""

    generator: Generator
    shards: TakeShards
    source: AuditTakes | None = None
    chosen: Sequence[Key] = ()
    spans: Sequence[PlayedSpan] = ()
    markdown = True  # a report is passed on as text, too

    @cached_property
    def sounds(self) -> dict[str, Takes]:
        """Examples in the order of the report's, and passages: the parts of takes where they come."""
        found = {}
        if self.chosen:
            found["examples"] = self._takes(self.chosen)
        if self.spans:
            takes, rate = self._takes([span.take for span in self.spans]), int(self.generator.sample_rate)
            parts = [
                wave[max(0, int((span.start - MARGIN_SECONDS) * rate)) : math.ceil((span.end + MARGIN_SECONDS) * rate)]
                for span, wave in zip(self.spans, takes.waveform, strict=True)
            ]
            longest = max(map(len, parts))
            sound = torch.stack([torch.nn.functional.pad(part, (0, longest - len(part))) for part in parts])
            found["passage_examples"] = Takes(takes.prompts, takes.seeds, {}, sound)
        return found

    def save(self, folder: Path) -> None:
        """Write every take, with what it asked for, what is heard and what was measured, to ``takes.parquet``."""
        if self.source is not None:
            self.source.export(folder / "takes.parquet")

    def _takes(self, chosen: Sequence[Key]) -> Takes:
        """Takes from their states, or played again where none was kept, in this order."""
        assert self.source is not None
        rows = self.source.states(chosen)
        kept = [(prompt, seed, state) for prompt, seed, state in rows if state is not None]
        others = [(prompt, seed) for prompt, seed, state in rows if state is None]
        parts = [restored(self.generator, kept)] if kept else []
        if others:
            setting = self.shards.setting
            context = Context(self.generator, sampling=setting.sampling, seconds=setting.seconds)
            context = context.with_batches(played=PLAYED_TOGETHER)
            parts.append(play(context, [prompt for prompt, _ in others], [seed for _, seed in others]))
        order = [at for at, row in enumerate(rows) if row[2] is not None]
        order += [at for at, row in enumerate(rows) if row[2] is None]
        return Takes.join(parts).pick(np.argsort(order).tolist())


# --- which takes ------------------------------------------------------------------------------------------------------


def examples(data: AuditData, report: AuditReport) -> tuple[list[AuditExample], list[Key]]:
    """A take for every finding, then one of every genre that is heard as asked."""
    rows: list[tuple[int, str]] = []
    for finding in report.findings:
        if finding.kind != "repetition" and (row := _first(data, _fits(data, finding))) is not None:
            rows.append((row, finding.sentence))
    plain = data.of_kind("plain")
    for genre in data.genres:
        place = data.labels.index(genre)
        right = plain & (data.asked == place) & (data.takes.heard == place)
        if (row := _first(data, right)) is not None:
            rows.append((row, f"{genre}, as asked"))
    once = {row: about for row, about in reversed(rows[:MOST_EXAMPLES])}
    chosen = [row for row, _ in dict.fromkeys(rows[:MOST_EXAMPLES]) if row in once]
    chosen = list(dict.fromkeys(chosen))
    return [_example(data, row, once[row]) for row in chosen], [_key(data, row) for row in chosen]


def _fits(data: AuditData, finding: Finding) -> NDArray[np.bool_]:
    """The takes that a finding is about."""
    labels, takes = data.labels, data.takes
    heard = takes.heard == labels.index(finding.heard) if finding.heard else takes.usable
    asked = data.asked == labels.index(finding.where) if finding.where in labels else takes.usable

    def of_level(factors: Sequence[str]) -> NDArray[np.bool_]:
        found = np.zeros(len(takes), bool)
        for factor in factors:
            names = data.played.factors.get(factor, ())
            if finding.where in names:
                found |= data.levels[factor] == names.index(finding.where) + 1
        return found

    by_kind: dict[str, Callable[[], NDArray[np.bool_]]] = {
        "confusion": lambda: data.of_kind("plain") & asked & heard,
        "under-represented": lambda: data.of_kind("plain") & asked,
        "misleading word": lambda: (
            data.of_kind("words") & of_level(list(data.played.factors)) & heard & (data.asked != takes.heard)
        ),
        "default": lambda: data.of_kind("neutral") & heard,
        "ignored tempo": lambda: data.of_kind("words") & asked & (data.levels["tempos"] > 0),
        "absent instrument": lambda: data.of_kind("words") & of_level(["instruments"]),
    }
    return by_kind[finding.kind]()


def _first(data: AuditData, rows: NDArray[np.bool_]) -> int | None:
    found = np.flatnonzero(rows & data.takes.usable)
    return int(found[0]) if len(found) else None


def _key(data: AuditData, row: int) -> Key:
    return int(data.takes.prompt[row]), int(data.takes.seed[row])


def _example(data: AuditData, row: int, about: str) -> AuditExample:
    cell, probability = data.cells[data.takes.prompt[row]], float(data.takes.probability[row])
    heard = data.labels[data.takes.heard[row]] if data.takes.heard[row] >= 0 else None
    return AuditExample(
        seed=int(data.takes.seed[row]),
        heard=heard or UNSURE,
        probability=probability,
        margin=math.log(max(probability, 1e-12) / max(1 - probability, 1e-12)),
        posterior={heard: probability} if heard else {},
        asked=cell.genre or "no genre",
        prompt=cell.prompt,
        about=about,
    )


def passage_examples(data: AuditData, found: Compared) -> tuple[list[AuditExample], list[PlayedSpan]]:
    """Some takes of every passage, and the parts of them where it comes."""
    listed, spans = [], []
    for number, row, span in _chosen(found):
        listed.append(_example(data, row, f"passage {number + 1}"))
        spans.append(PlayedSpan(_key(data, row), span[0], span[1]))
    return listed, spans


def _chosen(found: Compared) -> Iterator[tuple[int, int, tuple[float, float]]]:
    for number, passage in enumerate(found.found[:PASSAGES]):
        longest = sorted(passage.spans, key=lambda span: span.start - span.end)[:TAKES_OF_PASSAGE]
        for span in longest:
            yield number, found.rows[span.take], (span.start, span.end)
