"""What becomes of results, errors and interrupts of tasks that are done side by side."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.runtime import memory, workers
from tonescope.diagnose.runtime.workers import (
    in_parallel,
    on_threads,
)
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
PLACE = Location("decoder", 0, "mlp")


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(workers.ASKED, raising=False)
    yield
    assert not multiprocessing.active_children(), "no worker outlives what it was for"


@pytest.fixture(scope="module")
def generator() -> MusicGen:
    return tiny.generator()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ask for so many workers."""
    return lambda count: monkeypatch.setenv(workers.ASKED, str(count))


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
