"""Measures of takes as they are played: each leaves its number with every take, and vectors come back from shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiny
from tonescope.diagnose.runtime.engine import LocalEngine, Production
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.take_measures import MEASURES
from tonescope.diagnose.runtime.work_items import Keep, TakeSetting, Wanted
from tonescope.diagnose.store.measured_takes import AuditTakes, PromptSeeds
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling

SECONDS = 0.6
WANTED = [Wanted(prompt, seed) for prompt in ("house", "smooth jazz") for seed in (1, 2)]
SEEDS = [PromptSeeds("house", range(1, 3), "house", "plain"), PromptSeeds("smooth jazz", range(1, 2))]


@pytest.fixture(scope="module")
def session() -> Session:
    return tiny.session()


@pytest.fixture
def shards(session: Session, tmp_path: Path) -> TakeShards:
    return TakeShards(TakeSetting.of(session, SECONDS, Sampling()), tmp_path)


def test_every_measure_leaves_its_number_and_vectors_come_back(session: Session, shards: TakeShards) -> None:
    Production(shards, WANTED, Keep("all", tuple(MEASURES))).make(LocalEngine(session))
    takes = AuditTakes(shards, SEEDS, session.judge.labels, 0.0)
    found = takes.read(tuple(MEASURES))
    assert len(found) == 3 and found.prompt.tolist() == [0, 0, 1] and found.seed.tolist() == [1, 2, 1]
    assert found.usable.all() and set(found.numbers) == set(MEASURES)
    layers = len(session.generator.locations("decoder.residual"))
    assert found.numbers["depth"].tolist() == [layers] * 3
    embedded = takes.vectors("embedding")
    assert set(embedded) == {(0, 1), (0, 2), (1, 1)}
    assert all(sum(value * value for value in vector) == pytest.approx(1, abs=1e-4) for vector in embedded.values())
    assert len(takes.vectors(f"depth:{layers - 1}")[0, 1]) == session.generator.features(
        session.generator.locations("decoder.residual")[0]
    )
    assert takes.vectors("nothing") == {} and len(takes.vectors("levels", most=1)) == 1


def test_takes_without_a_measure_are_played_again_for_it_and_only_those(session: Session, shards: TakeShards) -> None:
    assert Production(shards, WANTED[:2]).make(LocalEngine(session)).before == 0
    assert Production(shards, WANTED, Keep(measures=("levels",))).make(LocalEngine(session)).before == 0
    assert Production(shards, WANTED, Keep(measures=("levels",))).make(LocalEngine(session)).before == 4
    assert Production(shards, WANTED).make(LocalEngine(session)).before == 4
    numbers = AuditTakes(shards, SEEDS, session.judge.labels, 0.0).read(("levels",)).numbers["levels"]
    assert (numbers == numbers).all(), "of a take that was played twice, the one with measures counts"


def test_states_are_given_in_the_order_in_which_they_are_asked_for(session: Session, shards: TakeShards) -> None:
    Production(shards, WANTED, Keep("all")).make(LocalEngine(session))
    takes = AuditTakes(shards, SEEDS, session.judge.labels, 0.0)
    found = takes.states([(1, 1), (0, 2), (0, 99)])
    assert [(prompt, seed, state is None) for prompt, seed, state in found] == [
        ("smooth jazz", 1, False),
        ("house", 2, False),
        ("house", 99, True),
    ]


def test_no_takes_are_refused_in_a_sentence(session: Session, shards: TakeShards) -> None:
    with pytest.raises(TonescopeError, match="holds no takes"):
        AuditTakes(shards, SEEDS, session.judge.labels, 0.0).read(())
