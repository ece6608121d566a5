"""How many workers there are, how rows are split among them, and that takes are as of one process."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.runtime import workers
from tonescope.diagnose.runtime.stopping import Stop, stoppable
from tonescope.diagnose.runtime.workers import (
    cores,
    granted,
    in_parallel,
    most_workers,
    on_threads,
    split,
    threads_for,
    workers_now,
)
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Takes
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location

PROMPT = "smooth jazz with piano"
PLACE = Location("decoder", 0, "mlp")


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(workers.ASKED, raising=False)
    yield
    assert not multiprocessing.active_children(), "no worker outlives what it was for"


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 4)


@pytest.fixture(scope="module")
def generator() -> MusicGen:
    return tiny.generator()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ask for so many workers."""
    return lambda count: monkeypatch.setenv(workers.ASKED, str(count))


# --- how rows are split -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 31, 48, 49, 100, 257])
@pytest.mark.parametrize("together", [1, 2, 3, 5, 48])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_groups_hold_every_row_once_and_all_workers_no_more_than_fits(rows: int, together: int, count: int) -> None:
    groups, at_once = split(rows, together, count), min(count, together)
    assert [row for group in groups for row in range(rows)[group]] == list(range(rows))
    sizes = sorted((group.stop - group.start for group in groups), reverse=True)
    assert sizes[-1] > 0 and sum(sizes[:at_once]) <= together
    if at_once > 1:
        assert sizes[0] - sizes[-1] <= 1 and (len(groups) % at_once == 0 or len(groups) == rows)


def test_one_worker_plays_the_batches_that_fit() -> None:
    assert split(100, 48, 1) == [slice(0, 48), slice(48, 96), slice(96, 100)]


def test_each_half_of_the_takes_is_played_by_a_process_of_its_own(
    generator: MusicGen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = MusicGen.generate

    def noted(self: MusicGen, prompts: list[str], *rest: Any, **named: Any) -> Any:
        (tmp_path / f"{os.getpid()}-{len(prompts)}").touch()
        return plain(self, prompts, *rest, **named)

    generator.generate([PROMPT], [0], 0.4)
    monkeypatch.setattr(MusicGen, "generate", noted)
    monkeypatch.setenv(workers.ASKED, "2")
    played = play(Context(generator, seconds=0.4), [PROMPT] * 5, range(5))
    by_process = dict(path.name.split("-") for path in tmp_path.iterdir())
    assert by_process.pop(str(os.getpid())) == "2" and list(by_process.values()) == ["3"]
    assert played.seeds == tuple(range(5)) and played.distinct == 5


def test_progress_comes_in_order(generator: MusicGen, ask: Callable[[int], None]) -> None:
    told = list[float]()
    ask(2)
    context = Context(generator, seconds=0.4, batches=Batches(played=4))
    play(context, [PROMPT] * 8, range(8), advance=told.append)
    assert told == [0.5, 1.0]


# --- how many ---------------------------------------------------------------------------------------------------------


def test_there_are_at_most_as_many_workers_as_cores(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 2, 16):
        monkeypatch.setattr(workers, "cores", lambda count=count: count)
        assert workers.most_workers(generator) == count


def test_busy_cores_are_left_to_others(
    generator: MusicGen, monkeypatch: pytest.MonkeyPatch, four_cores: None, ask: Callable[[int], None]
) -> None:
    for idle, expected in ((0, 1), (1, 1), (3, 3), (9, 4)):
        monkeypatch.setattr(workers, "idle_cores", lambda idle=idle: idle)
        assert workers_now(generator, 8) == expected
    assert workers_now(generator, 8, most=2) == 2 and workers_now(generator, 5) == 2 and workers_now(generator, 3) == 1
    ask(6)
    monkeypatch.setattr(workers, "idle_cores", lambda: 0)
    assert workers_now(generator, 8) == 6 and workers_now(generator, 8, most=5) == 5


def test_large_models_are_played_together_unless_somebody_asks(
    generator: MusicGen, monkeypatch: pytest.MonkeyPatch, four_cores: None
) -> None:
    monkeypatch.setattr(workers, "MOST_BYTES", 1000)
    assert most_workers(generator) == 1
    monkeypatch.setenv(workers.ASKED, "2")
    assert most_workers(generator) == 2


def test_the_environment_says_how_many(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workers.ASKED, "3")
    assert most_workers(generator) == 3
    for nonsense in ("two", "0", "-1", "1.5"):
        monkeypatch.setenv(workers.ASKED, nonsense)
        with pytest.raises(TonescopeError, match=f"TONESCOPE_WORKERS is “{nonsense}”, .*; set it to 1 or more"):
            most_workers(generator)


def test_cores_are_no_more_than_torch_was_told() -> None:
    with on_threads(1):
        assert cores() == 1
    with on_threads(512):
        assert 1 <= cores() < 512


def test_a_few_rows_of_a_small_model_have_one_thread_and_many_have_their_share(
    generator: MusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "idle_cores", lambda: 4)
    with on_threads(4):
        assert threads_for(generator, split(4, 48, 1), 1) == 1
        assert threads_for(generator, split(16, 48, 2), 2) == 1
        assert threads_for(generator, split(40, 48, 2), 2) == 2
        assert threads_for(generator, split(40, 48, 1), 1) == 4
        monkeypatch.setattr(workers, "MOST_BYTES", 1000)
        assert threads_for(generator, split(4, 48, 1), 1) == 4


def test_threads_are_no_more_than_idle_cores_unless_somebody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workers.ASKED, raising=False)
    with on_threads(4):
        for idle, threads in ((0, 1), (1, 1), (3, 3), (9, 4)):
            monkeypatch.setattr(workers, "idle_cores", lambda idle=idle: idle)
            assert workers.threads_now() == threads
        monkeypatch.setenv(workers.ASKED, "1")
        assert workers.threads_now() == 4


@pytest.mark.parametrize(
    ("files", "line", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, "0::/", 1.5),
        ({"cpu.max": "max 100000\n"}, "0::/", float("inf")),
        ({"a/cpu.max": "max 100000", "a/b/cpu.max": "400000 100000", "cpu.max": "200000 100000"}, "0::/a/b", 2.0),
        ({"cpu.max": "200000 100000"}, "0::/of/the/host", 2.0),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "250000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/", 2.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/", float("inf")),
        ({"cpu.max": "20000 100000\n"}, "0::/", 1.0),
        ({}, "0::/", float("inf")),
    ],
)
def test_a_control_group_limits_the_cores(tmp_path: Path, files: dict[str, str], line: str, expected: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "mine").write_text(f"3:memory:/\n{line}\n")
    assert granted(tmp_path, tmp_path / "mine") == expected
    assert granted(tmp_path, tmp_path / "nowhere") == float("inf")


# --- where rows stay together -----------------------------------------------------------------------------------------


def test_hooks_of_somebody_else_see_all_rows_as_before(generator: MusicGen, four_cores: None) -> None:
    rows, context = list[int](), Context(generator, seconds=0.4)
    with hooked([read(generator.place(PLACE), lambda tensor: rows.append(len(tensor)))]):
        assert most_workers(generator) == 1
        play(context, [PROMPT] * 3, range(3))
    assert set(rows) == {6}
    assert most_workers(generator) == 4


def test_who_asked_for_workers_is_told_why_there_are_none(generator: MusicGen, ask: Callable[[int], None]) -> None:
    ask(2)
    handle = generator.model.register_forward_hook(lambda *_: None)
    try:
        with pytest.warns(UserWarning, match="plays all takes in this process: somebody’s hooks are on it"):
            assert most_workers(generator) == 1
    finally:
        handle.remove()


def test_half_precision_other_devices_and_replaced_forwards_stay_together(
    four_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert most_workers(MusicGen(tiny.musicgen().to(torch.bfloat16), tiny.tokenizer(), "half")) == 1
    patched = tiny.generator()
    monkeypatch.setattr(patched.model.decoder, "forward", patched.model.decoder.forward)
    assert most_workers(patched) == 1
    elsewhere = tiny.generator()
    assert most_workers(elsewhere) == 4
    elsewhere.model.to("meta")
    assert most_workers(elsewhere) == 1


def test_hooks_on_every_module_keep_rows_together(generator: MusicGen, four_cores: None) -> None:
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert most_workers(generator) == 1
    finally:
        handle.remove()
    assert most_workers(generator) == 4


def test_a_thread_that_works_off_runs_copies_the_process_as_well(ask: Callable[[int], None]) -> None:
    """Under the hooks that look whether its run was stopped."""
    ask(1)
    session, found = tiny.session(), list[Takes]()
    context = Context(session.generator, seconds=0.4)
    wanted = play(context, [PROMPT] * 3, range(3))
    ask(3)

    def run() -> None:
        with stoppable(session, Stop()):
            assert most_workers(session.generator) == 3
            found.append(play(context, [PROMPT] * 3, range(3)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert torch.equal(found[0].state["codes"], wanted.state["codes"])


def test_a_copy_that_stands_still_is_ended_and_its_tasks_are_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another thread held a lock while the process was copied."""
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    mine = os.getpid()

    def stands(what: int) -> Callable[[], int]:
        def task() -> int:
            if os.getpid() != mine:
                time.sleep(60)
            return what

        return task

    started = time.perf_counter()
    with pytest.warns(UserWarning, match="stood still; they are played again"):
        assert in_parallel([stands(index) for index in range(5)], 2, threads=1) == [0, 1, 2, 3, 4]
    assert time.perf_counter() - started < 20 and not multiprocessing.active_children()


def test_where_a_process_cannot_be_copied_one_plays_all(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workers.ASKED, "3")
    context = Context(generator, seconds=0.4)
    wanted = play(context, [PROMPT] * 3, range(3))

    def full(_: Any) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr("multiprocessing.context.ForkProcess.start", full)
    with pytest.warns(UserWarning, match="one process: it could not be copied .*memory"):
        played = play(context, [PROMPT] * 3, range(3))
    assert torch.equal(played.state["codes"], wanted.state["codes"]) and played.seeds == (0, 1, 2)
