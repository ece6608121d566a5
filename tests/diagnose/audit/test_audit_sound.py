"""Tempo and instruments of takes: what a word drags to another genre says nothing of the genre asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from tests import tiny
from tonescope.diagnose.audit.audit_data import AuditData
from tonescope.diagnose.audit.audit_schema import Value, WordRow
from tonescope.diagnose.audit.audit_sound import Embedded, follows, unread
from tonescope.diagnose.audit.word_effects import WordTakes
from tonescope.diagnose.stats import Interval, share
from tonescope.models import metadata

LABELS = tiny.judge().labels
EACH = 40  # takes of a genre: with the slow word and the fast one in turn, the last fourth with a word that drags
GENRES = LABELS[:3]
ASKED = np.repeat(np.arange(3), EACH)
NUMBER = np.tile(np.arange(EACH), 3)
DRAGGED = (NUMBER >= 3 * EACH // 4) & (ASKED == 0)
DRAGGING = WordRow(
    factor="instruments",
    word="accordion",
    heard=LABELS[3],
    share=share(10, 10),
    without=share(0, 90),
    difference=Value(value=1.0, interval=Interval(low=0.9, high=1.0)),
    q=0.0,
    flagged=True,
)


def planted(bpm: np.ndarray) -> AuditData:
    """An audit of three genres, of which one is dragged to a fourth by an accordion."""
    levels = {"tempos": 1 + NUMBER % 2, "instruments": np.where(DRAGGED, 1, np.where(NUMBER < EACH // 4, 2, 0))}
    names: dict[str, tuple[str, ...]] = {"tempos": ("slow", "fast"), "instruments": ("accordion", "piano")}
    usable, heard = np.ones(3 * EACH, bool), np.where(DRAGGED, 3, ASKED)

    class Measured(SimpleNamespace):
        def __len__(self) -> int:
            return 3 * EACH

    def with_levels(chosen: np.ndarray) -> WordTakes:
        return WordTakes(ASKED[chosen], heard[chosen], LABELS, {key: at[chosen] for key, at in levels.items()}, names)

    data = SimpleNamespace(
        played=SimpleNamespace(factors=names),
        takes=Measured(numbers={"tempo": bpm}, usable=usable),
        levels=levels,
        labels=LABELS,
        genres=GENRES,
        asked=ASKED,
        with_levels=with_levels,
        models=SimpleNamespace(judge=tiny.judge(), generator=SimpleNamespace(name="embedded", folder=None)),
        of_kind=lambda *_: usable,
    )
    return cast(AuditData, data)


def test_tempos_of_takes_that_a_word_drags_to_another_genre_are_left_out() -> None:
    """They all have one tempo, slower than the others' slow one where they asked for the fast one."""
    data = planted(np.where(DRAGGED, np.where(NUMBER % 2 == 1, 40.0, 200.0), np.where(NUMBER % 2 == 1, 150.0, 80.0)))
    kept, whole = ({row.genre: row.faster.value for row in follows(data, words)} for words in ([DRAGGING], []))
    assert kept[GENRES[0]] == 1.0 > 0.7 > whole[GENRES[0]]
    assert kept[GENRES[1]] == whole[GENRES[1]] == 1.0
    unsure = DRAGGING.model_copy(update={"flagged": False})
    assert {row.genre: row.faster.value for row in follows(data, [unsure])} == whole


def test_levels_that_say_no_tempo_or_key_are_named() -> None:
    factors = {"tempos": ("slow", "wobbly", "120 BPM"), "keys": ("A minor", "blue")}
    data = cast(AuditData, SimpleNamespace(played=SimpleNamespace(factors=factors)))
    assert unread(data) == ["wobbly", "blue"]


def embedded(monkeypatch: pytest.MonkeyPatch, accordion: np.ndarray, piano: np.ndarray) -> Embedded:
    """Takes whose embeddings are so near to either word, and little else."""
    made = Embedded.__new__(Embedded)
    made.data, made.rows = planted(np.full(3 * EACH, 120.0)), np.arange(3 * EACH)
    monkeypatch.setattr(made.data.models.judge, "embed_text", lambda names: torch.eye(len(names)))
    noise = 0.01 * np.random.default_rng(0).standard_normal((3 * EACH, 2))
    made.vectors = np.stack([accordion, piano], 1) + noise
    return made


def test_instruments_are_not_compared_with_takes_that_a_word_drags_away(monkeypatch: pytest.MonkeyPatch) -> None:
    piano = np.where(DRAGGED, 3.0, np.where(NUMBER < EACH // 4, 1.0, 0.0))
    made = embedded(monkeypatch, np.zeros(3 * EACH), piano)
    kept, whole = ({row.instrument: row.nearer.value for row in made.instruments(w)} for w in ([DRAGGING], []))
    assert kept["piano"] == 1.0 > whole["piano"]


def test_an_instrument_that_is_near_by_the_genre_it_drags_to_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """So none is known to be heard at all, and the piano is not said to be missing."""
    made = embedded(monkeypatch, np.where(DRAGGED, 1.0, 0.0), np.where(NUMBER < EACH // 4, -1.0, 0.0))
    rows = {row.instrument: row for row in made.instruments([DRAGGING])}
    assert rows["accordion"].nearer.value > 0.9 > 0.1 > rows["piano"].nearer.value
    assert not rows["piano"].flagged
    assert {row.instrument: row.flagged for row in made.instruments([])}["piano"]
    made.data.models.judge.domain, made.data.models.generator.name = "somebody's pieces", "another"
    monkeypatch.setattr(metadata, "read", lambda folder: SimpleNamespace(domain=""))
    assert not any(row.flagged for row in made.instruments([]))  # whose embeddings know other music
