"""Takes are played once, kept whole, and found again, whoever asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests import tiny
from tonescope.diagnose.runtime import engine, memory
from tonescope.diagnose.runtime.engine import LocalEngine, Pace, Production, UnderWay
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.take_worker import NOT_NUMBERS, SILENT, TakeWorker, restored
from tonescope.diagnose.runtime.work_items import Finished, HeardTake, Keep, ModelSpec, TakeSetting, Wanted, WorkItem
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges.listening import posterior

PROMPTS = ("house", "smooth jazz", "piano")
SECONDS = 0.3


@pytest.fixture(scope="module")
def session() -> Session:
    return tiny.session()


@pytest.fixture
def shards(session: Session, tmp_path: Path) -> TakeShards:
    return TakeShards(TakeSetting.of(session, SECONDS, Sampling()), tmp_path)


def wanted(takes: int, prompts: tuple[str, ...] = PROMPTS) -> list[Wanted]:
    return [Wanted(prompt, seed, prompt) for seed in range(takes) for prompt in prompts]


class Counting:
    """An engine that says what was asked of it, and can be broken."""

    workers = 1

    def __init__(self, session: Session, most: int = 10_000) -> None:
        self.inner, self.most, self.done = LocalEngine(session), most, list[Wanted]()

    def run(self, items: Iterator[WorkItem], under_way: UnderWay = lambda takes: None) -> Iterator[Finished]:
        for finished in self.inner.run(items, under_way):
            if len(self.done) >= self.most:
                raise TonescopeError("the machine is gone.")
            self.done += finished.item.takes
            yield finished


def test_takes_are_those_of_a_plain_loop_of_one_generate_a_prompt(session: Session, shards: TakeShards) -> None:
    worker = TakeWorker(session)
    heard = worker.do(WorkItem(shards.setting, tuple(wanted(2)), Keep(states="all"))).takes
    for take in heard:
        alone = session.generator.generate([take.prompt], [take.seed], SECONDS, Sampling())
        expected = posterior(session.judge, alone.waveform, session.generator.sample_rate)[0]
        assert take.probabilities == pytest.approx(expected.tolist(), abs=1e-4)
        assert take.state is not None and take.heard == session.judge.labels[int(expected.argmax())]
        again = restored(session.generator, [(take.prompt, take.seed, take.state)])
        assert torch.equal(again.state["codes"], alone.state["codes"])
        assert torch.allclose(again.waveform, alone.waveform, atol=1e-6)


def test_a_second_run_plays_nothing(session: Session, shards: TakeShards) -> None:
    first, second = Counting(session), Counting(session)
    pace = Production(shards, wanted(3)).make(first)
    assert len(first.done) == pace.total == pace.done == 9 and pace.before == 0 and pace.per_minute > 0
    again = Production(TakeShards(shards.setting, shards.folder.parent), wanted(3)).make(second)
    assert not second.done and again.before == again.total == 9


def test_more_takes_of_the_same_prompts_play_only_what_is_new(session: Session, shards: TakeShards) -> None:
    Production(shards, wanted(2)).make(Counting(session))
    more = Counting(session)
    Production(shards, [*wanted(3), *wanted(1, ("techno",))]).make(more)
    assert [(take.prompt, take.seed) for take in more.done] == [*((prompt, 2) for prompt in PROMPTS), ("techno", 0)]


def test_a_run_that_breaks_loses_only_what_was_under_way(
    session: Session, shards: TakeShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FIRST_TAKES", 2)
    monkeypatch.setattr(engine, "MOST_TAKES", 2)
    with pytest.raises(TonescopeError, match="gone"):
        Production(shards, wanted(3)).make(Counting(session, most=4))
    rest = Counting(session)
    Production(shards, wanted(3)).make(rest)
    assert len(rest.done) == 5 and len(shards.files()) >= 4


def test_progress_and_an_estimate_are_told_before_the_first_item_is_done(
    session: Session, shards: TakeShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "playing", lambda *_: SimpleNamespace(rows=2))
    monkeypatch.setattr("tonescope.diagnose.intervene.play.workers_now", lambda *_: 1)
    told = list[Pace]()
    Production(shards, wanted(4), told=told.append).make(LocalEngine(session))
    first = [pace for pace in told if not pace.done]
    assert [pace.under_way for pace in first] == [0, 2, 4, 6, 8]
    assert all(pace.seconds_left for pace in first[1:]) and first[0].seconds_left is None
    reached = [pace.reached for pace in told]
    assert reached == sorted(reached) and reached[-1] == 12 and told[-1].seconds_left == 0


def test_another_setting_shares_nothing(session: Session, shards: TakeShards, tmp_path: Path) -> None:
    Production(shards, wanted(1)).make(Counting(session))
    other = Counting(session)
    setting = replace(shards.setting, seconds=0.4)
    assert setting.key != shards.setting.key != replace(shards.setting, judge="another").key
    Production(TakeShards(setting, tmp_path), wanted(1)).make(other)
    assert len(other.done) == 3


def test_equal_items_have_equal_names_and_others_do_not(shards: TakeShards) -> None:
    item = WorkItem(shards.setting, tuple(wanted(1)))
    assert item.key == WorkItem(shards.setting, tuple(wanted(1))).key
    others = (WorkItem(shards.setting, tuple(wanted(2))), WorkItem(shards.setting, item.takes, Keep(states="all")))
    assert len({item.key, *(other.key for other in others)}) == 3


def test_one_example_of_a_group_and_genre_keeps_its_state(session: Session, shards: TakeShards) -> None:
    Production(shards, wanted(4), Keep(states="examples")).make(Counting(session))
    kept = shards.examples()
    with_states = sum(len(seeds) for seeds in shards.finished(with_states=True).values())
    assert len(kept) == with_states < 12 and {group for group, _ in kept} == set(PROMPTS)


def test_takes_without_a_state_are_played_again_where_states_are_wanted(session: Session, shards: TakeShards) -> None:
    Production(shards, wanted(1)).make(Counting(session))
    again = Counting(session)
    Production(shards, wanted(1), Keep(states="all")).make(again)
    assert len(again.done) == 3
    assert not Production(shards, wanted(1), Keep(states="all")).missing()


def test_measures_that_were_wanted_are_there(session: Session, shards: TakeShards) -> None:
    heard = TakeWorker(session).do(WorkItem(shards.setting, tuple(wanted(1)), Keep(measures=("onset_rate",)))).takes
    assert all(take.measures["onset_rate"] >= 0 and take.level_db is not None for take in heard)


def test_silent_takes_and_takes_of_no_numbers_are_left_out_by_name(
    session: Session, shards: TakeShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(takes: Takes) -> Takes:
        sound = takes.waveform.clone()
        sound[0], sound[1, 3] = 0.0, float("nan")
        return replace(takes, waveform=sound)

    usual = session.generator.generate
    monkeypatch.setattr(session.generator, "generate", lambda *given, **named: spoil(usual(*given, **named)))
    heard = TakeWorker(session).do(WorkItem(shards.setting, tuple(wanted(1)))).takes
    assert [take.problem for take in heard] == [SILENT, NOT_NUMBERS, None]
    assert [take.heard is None for take in heard] == [True, True, False]


def test_a_worker_refuses_work_for_other_models(session: Session, shards: TakeShards) -> None:
    with pytest.raises(TonescopeError, match="another"):
        TakeWorker(session).check(replace(shards.setting, generator="0" * 16))
    TakeWorker(session).check(shards.setting)


def test_the_first_items_are_small_and_later_ones_as_long_as_they_should_be(shards: TakeShards) -> None:
    supply = engine.Supply(shards.setting, Keep(), iter(wanted(100)))
    items = iter(supply)
    assert len(next(items).takes) == engine.FIRST_TAKES
    supply.fit(seconds_a_take=2.0)
    assert len(next(items).takes) == 10
    supply.fit(seconds_a_take=0.001)
    assert len(next(items).takes) == engine.MOST_TAKES
    supply.fit(seconds_a_take=1000)
    assert len(next(items).takes) == 1


def test_progress_is_told_in_few_words_and_estimates_follow_the_pace() -> None:
    told: list[tuple[str, float]] = []
    tell = engine.telling(lambda words, share: told.append((words, share)), 0.0, 0.8)
    for done in range(0, 1001, 10):
        tell(Pace(done, 0, 1000, 240.0))
    assert len({words for words, _ in told}) <= engine.TOLD + 1 and told[-1][1] == pytest.approx(0.8)
    assert Pace(400, 0, 1000, 240.0).seconds_left == pytest.approx(150) and Pace(0, 0, 10, 0.0).seconds_left is None
    assert str(Pace(400, 0, 1000, 240.0)) == "400 of 1,000 takes, 240 a minute"


def test_the_first_item_does_not_count_towards_the_pace_once_there_is_a_second() -> None:
    rate = engine._Rate(since=0.0)
    assert rate.after(8, now=60.0) == pytest.approx(8)  # a minute to warm up
    assert rate.after(10, now=70.0) == pytest.approx(60) and rate.after(30, now=90.0) == pytest.approx(80)


def test_a_spec_opens_the_same_models(folders: tuple[Path, Path]) -> None:
    opened = ModelSpec(str(folders[0]), str(folders[1])).open()
    assert opened.spec == ModelSpec(str(folders[0]), str(folders[1]))
    assert TakeSetting.of(opened, 1.0, Sampling()) == TakeSetting.of(opened.spec.open(), 1.0, Sampling())


def test_results_are_plain(session: Session, shards: TakeShards) -> None:
    (take,) = TakeWorker(session).do(WorkItem(shards.setting, tuple(wanted(1))[:1])).takes
    assert isinstance(take, HeardTake) and all(isinstance(value, float) for value in take.probabilities or ())
