"""How many workers there are, how rows are split among them, and what becomes of errors and interrupts."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.runtime import memory, workers
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
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location, Unit

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
    assert workers_now(generator, 8, most=2) == 2 and workers_now(generator, 3) == 3 and workers_now(generator, 1) == 1
    ask(6)
    monkeypatch.setattr(workers, "idle_cores", lambda: 0)
    assert workers_now(generator, 8) == 6 and workers_now(generator, 8, most=5) == 5


def test_idle_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_percent", lambda *_, **__: [0.0, 100.0, 20.0, 0.0])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert workers.idle_cores() == 2


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
    with on_threads(4):
        assert threads_for(generator, split(4, 48, 1), 1) == 1
        assert threads_for(generator, split(16, 48, 2), 2) == 1
        assert threads_for(generator, split(40, 48, 2), 2) == 2
        assert threads_for(generator, split(40, 48, 1), 1) == 4
        monkeypatch.setattr(workers, "MOST_BYTES", 1000)
        assert threads_for(generator, split(4, 48, 1), 1) == 4


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


def test_only_the_main_thread_copies_the_process(generator: MusicGen, four_cores: None) -> None:
    found = list[int]()
    thread = threading.Thread(target=lambda: found.append(most_workers(generator)))
    thread.start()
    thread.join()
    assert found == [1] and most_workers(generator) == 4


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


# --- at work ----------------------------------------------------------------------------------------------------------


def _says(what: object, after: float = 0.0) -> Callable[[], object]:
    def task() -> object:
        time.sleep(after)
        return what

    return task


def _raises(error: BaseException) -> Callable[[], object]:
    def task() -> object:
        raise error

    return task


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_results_come_in_the_order_of_the_tasks(count: int) -> None:
    told = list[int]()
    tasks = [_says(index, 0.01 * (5 - index)) for index in range(5)]
    assert in_parallel(tasks, count, threads=1, done=told.append) == [0, 1, 2, 3, 4]
    assert told == sorted(told) and told[-1] == 5


def test_tensors_come_back_as_they_are_however_many() -> None:
    large = torch.randn(3, 1_000_000)
    for found in in_parallel([lambda: large * 2] * 3, 3, threads=1):
        assert torch.equal(found, large * 2)


def test_the_threads_of_the_caller_are_what_they_were() -> None:
    with on_threads(3):
        assert in_parallel([torch.get_num_threads] * 4, 2, threads=2) == [2] * 4
        with pytest.raises(ValueError, match="no"):
            in_parallel([_raises(ValueError("no"))], 1, threads=1)
        assert torch.get_num_threads() == 3


def test_an_error_reaches_the_caller_as_from_one_batch(generator: MusicGen, ask: Callable[[int], None]) -> None:
    ask(2)
    context = Context(generator, seconds=0.4)
    wrong = Edit((Unit(PLACE, 0),), "scale", 1.0)
    for row in range(3):
        edits = [wrong if index == row else None for index in range(3)]
        with pytest.raises(TonescopeError, match=r"an intervention at decoder\.0\.mlp changed nothing"):
            play(context, [PROMPT] * 3, range(3), edits)
    with pytest.raises(TonescopeError, match="no reference mean was measured"):
        play(context, [PROMPT] * 2, range(2), [None, Edit((Unit(PLACE, 0),))])
    assert len(play(context, [PROMPT] * 2, range(2))) == 2


def test_the_first_error_in_order_is_told_with_where_it_was_raised() -> None:
    tasks = [_says(0, 0.1), _raises(KeyError("one")), _raises(KeyError("two"))]
    with pytest.raises(KeyError, match="one") as caught:
        in_parallel(tasks, 3, threads=1)
    assert "raise error" in "".join(caught.value.__notes__)


class Odd(Exception):
    """An error that cannot be made again from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("odd")


def test_an_error_that_cannot_be_sent_is_told_in_words() -> None:
    with pytest.raises(RuntimeError, match="Odd: odd"):
        in_parallel([_says(0), _raises(Odd(1, 2))], 2, threads=1)


def test_memory_that_ran_out_in_a_worker_is_memory_that_ran_out() -> None:
    with pytest.raises(MemoryError):
        in_parallel([_says(0), _raises(MemoryError())], 2, threads=1)


def test_a_worker_that_was_killed_is_told() -> None:
    def dies() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(TonescopeError, match=r"was ended from outside, .*; set TONESCOPE_WORKERS=1"):
        in_parallel([_says(0), dies], 2, threads=1)


def test_an_error_of_the_caller_ends_the_others_at_once() -> None:
    started = time.perf_counter()
    with pytest.raises(ValueError, match="no"):
        in_parallel([_raises(ValueError("no")), _says(1, 60.0), _says(2, 60.0)], 3, threads=1)
    assert time.perf_counter() - started < 10


def test_who_is_told_of_progress_may_end_it() -> None:
    def cancel(_: int) -> None:
        raise RuntimeError("cancelled")

    with pytest.raises(RuntimeError, match="cancelled"):
        in_parallel([_says(0), _says(1), _says(2), _says(3, 60.0)], 2, threads=1, done=cancel)


@pytest.mark.parametrize("mine", [60.0, 0.0])
def test_ctrl_c_is_heard_by_the_caller_alone(mine: float, capfd: pytest.CaptureFixture[str]) -> None:
    """A terminal sends it to every process of the group, while the caller plays or waits; the copies stay silent."""

    def interrupt() -> None:
        while len(copies := multiprocessing.active_children()) < 2:  # what comes while one is made may be lost
            time.sleep(0.05)
        time.sleep(0.3)
        for process in (*(copy.pid or 0 for copy in copies), os.getpid()):
            os.kill(process, signal.SIGINT)

    helper, started = threading.Thread(target=interrupt, daemon=True), time.perf_counter()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what is in the background ignore it
    try:
        helper.start()
        with pytest.raises(KeyboardInterrupt):
            in_parallel([_says(0, mine), _says(1, 60.0), _says(2, 60.0)], 3, threads=1)
        helper.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - started < 20 and "KeyboardInterrupt" not in capfd.readouterr().err


def test_memory_counts_what_all_workers_hold(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = generator.cost(1.0, 5, 3.0)

    def planned(of: int, bytes_free: int) -> memory.Playing:
        monkeypatch.setattr(memory, "budget", lambda *_: memory.Budget(bytes_free, "test"))
        monkeypatch.setenv(workers.ASKED, str(of))
        return memory.playing(Context(generator, seconds=1.0), 5, 1, None)

    plenty = 100 * (cost.row + cost.decoding)
    for count in (1, 2, 3):
        fits = planned(count, plenty)
        assert fits.workers == count
        assert fits.allowed.bytes == plenty - count * cost.decoding - memory.KEPT_COPIES * cost.waveform
    tight = planned(3, 2 * (2 * cost.row + cost.decoding) + memory.KEPT_COPIES * cost.waveform)
    assert tight.workers == 2 and tight.rows >= 2
    assert planned(3, cost.row + cost.decoding + memory.KEPT_COPIES * cost.waveform).workers == 1
